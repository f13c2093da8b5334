"""What recording a component costs: the real loop over components that do nothing, against bare writes."""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import claim_state, make_plan
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.loop.loop import ComponentLoop
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.secrets import Redactor
from benchmarks.harness import Row, Sample, interleaved, timed
from benchmarks.places import Place, places
from tests.sparkless import FakeSpark

# Components of a pipeline, and rounds; on S3, where moto answers slowly, only the second.
_SIZES = {20: 9, 200: 7, 2_000: 3}
_ON_S3 = 200
_LONG = 1_000
_KEPT = 16  # files of a directory whose oldest is deleted with each write


class Nothing(Component):
    """A component that does nothing."""

    def run(self, spark: Any) -> None:
        """Do it."""


def rows() -> Iterator[Row]:
    """Measure both places, and what a long run writes and leaves."""
    with places() as found:
        for place in found:
            local = place.name.startswith("local")
            for components, rounds in _SIZES.items() if local else [(_ON_S3, 3)]:
                run = _Run(place, components)
                measured, base = interleaved(run.loop, run.bare, rounds)
                yield Row(
                    f"one of {components:,} components, recorded ({place.name})",
                    f"a write{'' if local else ' and a listing'} of the same bytes, durable",
                    measured / components,
                    base / components,
                    aim=1.5 if local else 1.1,
                )
                if local:
                    yield Row(
                        f"one of {components:,} components, recorded ({place.name})",
                        "the same, and a deletion",
                        measured / components,
                        Sample.of(run.bare(deletes=True) for _ in range(rounds)) / components,
                    )
        run = _Run(found[0], _LONG)
        run.loop()
        yield Row(
            f"bytes of {_LONG:,} components' commits",
            "their state, once",
            sum(run.sizes) / 1024,
            run.whole,
            "KiB",
        )
        yield Row("objects of that run at most", "the aim", max(run.listed), 100, "objects", aim=1.0)


class Counted:
    """The store of a run, with what it is asked for: ``sizes`` of its commits, and how many names each listing gave."""

    def __init__(self, store: CheckpointStore, run: Any) -> None:
        self._store = store
        self._run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        """Note the size."""
        self._run.sizes.append(len(data))
        self._store.create(path, data)

    def list_names(self, directory: str) -> list[str]:
        """Note how many there are."""
        names = self._store.list_names(directory)
        self._run.listed.append(len(names))
        return names


class _Run:
    def __init__(self, place: Place, components: int) -> None:
        self._place = place
        self._spec = PipelineSpec(
            f"bench {uuid.uuid4().hex}",
            tuple(
                ComponentSpec("m.Nothing", f"Component({i})", {"input-path": f"/data/{i}", "n": i}, f"[{i}]")
                for i in range(components)
            ),
        )
        self.sizes: list[int] = []
        self.listed: list[int] = []
        self.whole = 0.0

    def loop(self) -> float:
        """Return how long all components take, claim and start left out."""
        key = UnitKey.fresh("bench", self._spec.pipeline_name)
        log = RunLog(Counted(self._place.store(), self), unit_path(self._spec.pipeline_name, key))  # type: ignore[arg-type]
        plan, decision = make_plan(self._spec, None), decide_claim(None, None)
        claim = log.claim(lambda latest: claim_state(self._spec, plan, decision, latest, key=key, caller=None))
        recorder = Recorder(log, Redactor())
        recorder.adopt(Token(claim.number, claim.state.attempt_id, claim.state.nonce), lambda: None)
        recorder.running(plan)
        components = [Nothing() for _ in self._spec.components]
        runner = ComponentLoop(self._spec, components, plan, recorder, workdir=lambda index, _: f"/none/{index}")
        self.sizes.clear()
        self.listed.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            took = timed(lambda: runner.run(FakeSpark()))  # type: ignore[arg-type]  # it is asked for nothing else
        latest = log.latest()
        assert latest is not None
        assert len(latest.state.completed_components) == len(components)
        self.whole = len(encode(latest.state, latest.number)) / 1024
        return took

    def bare(self, *, deletes: bool = False) -> float:
        """Return how long as many writes of the same bytes take."""
        return bare(self._place, self.sizes[: len(self._spec.components)], self.listed, deletes=deletes)


def bare(place: Place, sizes: list[int], listed: list[int], *, deletes: bool = False) -> float:
    """Return how long durable writes of so many bytes take (on S3 each with a listing).

    :param deletes: whether each write also deletes the file that was written some writes before, so that a directory
        stays as small as that of a run
    :param listed: how many names the listings of the run gave: a listing of more takes longer and would flatter the run
    """
    directory = f"bare-{uuid.uuid4().hex}"
    if not place.name.startswith("local"):
        store, objects = place.store(), max(1, round(statistics.mean(listed)))

        def write_and_list(number: int, size: int) -> None:
            store.write(f"{directory}/{number % objects:08d}", bytes(size))
            store.list_names(directory)

        for number in range(objects):
            place.put(f"{directory}/{number:08d}", b"{}")
        write_and_list(0, sizes[0])
        return timed(lambda: _each(write_and_list, sizes))
    target = Path(place.location, directory)
    target.mkdir()
    descriptor = os.open(target, os.O_RDONLY)

    def write(number: int, size: int) -> None:
        _durable(target / str(number), bytes(size), descriptor)
        if deletes and number >= _KEPT:
            (target / str(number - _KEPT)).unlink()

    try:
        return timed(lambda: _each(write, sizes))
    finally:
        os.close(descriptor)


def _each(write: Callable[[int, int], None], sizes: list[int]) -> None:
    for number, size in enumerate(sizes):
        write(number, size)


def _durable(path: Path, data: bytes, directory: int) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    os.fsync(directory)
