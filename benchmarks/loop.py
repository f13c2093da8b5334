"""What recording a component costs: the real loop over components that do nothing, against bare writes."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import encode
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import claim_state, make_plan
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.loop.loop import ComponentLoop
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.secrets import Redactor
from benchmarks.harness import Row, interleaved, repeat, timed
from benchmarks.places import Place, places
from tests.sparkless import FakeSpark

_COMPONENTS = 40
_ROUNDS = 7


class Nothing(Component):
    """A component that does nothing."""

    def run(self, spark: Any) -> None:
        """Do it."""


def rows() -> Iterator[Row]:
    """Measure both places, and the bytes of a long run."""
    with places() as found:
        for place in found:
            what = "a write" if place.name.startswith("local") else "a write and a listing"
            run = _Run(place)
            measured, base = interleaved(run.loop, run.bare, _ROUNDS)
            yield Row(
                f"one component, recorded ({place.name})",
                f"{what} of the same bytes, durable",
                measured / _COMPONENTS,
                base / _COMPONENTS,
                aim=1.5,
            )
        run = _Run(found[0], components=200)
        run.loop()
        yield Row("bytes of 200 components' commits", "its last commit", run.written / 1024, run.size / 1024, "KiB")


class _Run:
    def __init__(self, place: Place, components: int = _COMPONENTS) -> None:
        self._place = place
        self._spec = PipelineSpec(
            f"bench {uuid.uuid4().hex}",
            tuple(
                ComponentSpec("m.Nothing", f"Component({i})", {"input-path": f"/data/{i}", "n": i}, f"[{i}]")
                for i in range(components)
            ),
        )
        self.size = 0
        self.written = 0

    def loop(self) -> float:
        """Return how long all components take, claim and start left out."""
        key = UnitKey.fresh("bench", self._spec.pipeline_name)
        store = self._place.store()
        log = RunLog(store, unit_path(self._spec.pipeline_name, key))
        plan, decision = make_plan(self._spec, None), decide_claim(None, None)
        claim = log.claim(lambda latest: claim_state(self._spec, plan, decision, latest, key=key, caller=None))
        recorder = Recorder(log, Redactor())
        recorder.adopt(Token(claim.number, claim.state.attempt_id, claim.state.nonce), lambda: None)
        recorder.running(plan)
        components = [Nothing() for _ in self._spec.components]
        runner = ComponentLoop(self._spec, components, plan, recorder, workdir=lambda index, _: f"/none/{index}")
        with contextlib.redirect_stdout(io.StringIO()):
            took = timed(lambda: runner.run(FakeSpark()))  # type: ignore[arg-type]  # it is asked for nothing else
        latest = log.latest()
        assert latest is not None
        assert len(latest.state.completed_components) == len(components)
        self.size = len(encode(latest.state, latest.number))
        self.written = sum(
            len(store.read(f"{log.path}/{found.name}"))
            for found in store.list_objects(log.path)
            if found.name.endswith(".json")
        )
        return took

    def bare(self) -> float:
        """Return how long as many durable writes of the same bytes take (on S3 each with a listing)."""
        data, directory = os.urandom(self.size), f"bare-{uuid.uuid4().hex}"
        if not self._place.name.startswith("local"):
            store, numbers = self._place.store(), itertools.count()

            def write_and_list() -> None:
                store.write(f"{directory}/{next(numbers):08d}", data)
                store.list_objects(directory)

            write_and_list()
            return timed(lambda: repeat(write_and_list, len(self._spec.components)))
        target = Path(self._place.location, directory)
        target.mkdir()
        descriptor = os.open(target, os.O_RDONLY)
        try:
            numbers = itertools.count()
            return timed(
                lambda: repeat(
                    lambda: _durable(target / str(next(numbers)), data, descriptor), len(self._spec.components)
                )
            )
        finally:
            os.close(descriptor)


def _durable(path: Path, data: bytes, directory: int) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    os.fsync(directory)
