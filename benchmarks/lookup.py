"""What it costs to find what to resume, and to list what is unfinished, whatever else is stored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, unfinished_runs
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.layout import OPEN
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from benchmarks.harness import Row, Sample, interleaved, timed
from benchmarks.places import Place, places
from tests.fakes import make_state

_FEW = 10
_FINISHED = (1_000, 100_000)
_UNFINISHED = 1_000
_ROUNDS = 21


def rows() -> Iterator[Row]:
    """Fill each place step by step, and measure between."""
    with places() as found:
        for place in found:
            yield from _place(place)


def _failed(pipeline: str, key: UnitKey) -> CheckpointState:
    return make_state(done="a", status=CheckpointStatus.FAILED, key=key, pipeline_name=pipeline)


def _place(place: Place) -> Iterator[Row]:
    store = place.store()
    numbers, pipelines = itertools.count(), ("Small", "Large")
    key = UnitKey("bench", "dag", "run", "task")
    units = {name: unit_path(name, key) for name in pipelines}
    for name, unit in units.items():
        RunLog(store, unit).claim(lambda _, name=name: _failed(name, key))  # type: ignore[misc]

    def fill(name: str, count: int) -> None:
        for _ in range(count):
            key = UnitKey("bench", "dag", f"run-{next(numbers)}", "task")
            done = make_state(status=CheckpointStatus.COMPLETED, key=key, pipeline_name=name)
            place.put(f"{unit_path(name, key)}/00000003.json", encode(done, 3))

    fill("Small", _FEW)
    stored = 0
    for count in _FINISHED:
        fill("Large", count - stored)
        stored = count
        many, few = interleaved(
            lambda: timed(RunLog(store, units["Large"]).latest),
            lambda: timed(RunLog(store, units["Small"]).latest),
            _ROUNDS,
        )
        yield Row(f"look-up beside {count:,} finished runs ({place.name})", f"beside {_FEW}", many, few, aim=1.2)
    few_open = Sample.of(timed(lambda: list(unfinished_runs(store))) for _ in range(_ROUNDS))
    for number in range(_UNFINISHED):
        key = UnitKey("bench", "dag", f"open-{number}", "task")
        path = unit_path("Large", key)
        place.put(f"{path}/00000000.json", encode(_failed("Large", key), 0))
        place.put(f"{OPEN}/{path.replace('/', '~')}", b"")
    found = list[RunEntry]()
    many_open = timed(lambda: found.extend(unfinished_runs(store)))  # once: it takes a minute on a busy machine
    assert len(found) == _UNFINISHED + len(pipelines)
    yield Row(f"listing {_UNFINISHED:,} unfinished runs ({place.name})", "listing 2", many_open, few_open)
