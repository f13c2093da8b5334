"""What components in parallel cost: ten of two seconds that wait, against the longest way through them.

The baseline is the critical path (two components one after another) plus what a sequential run of the same components
costs next to them: start, records, end.
"""

from __future__ import annotations

import contextlib
import io
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import claim_state, make_plan
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.loop.loop import ComponentLoop
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.secrets import Redactor
from benchmarks.harness import Row, interleaved, timed
from benchmarks.places import Place, places
from tests.sparkless import FakeSpark

_COMPONENTS, _SECONDS, _LEVELS = 10, 2.0, 2
_ROUNDS = 3


class Waits(Component):
    """A component that waits for another system."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def run(self, spark: Any) -> None:
        """Wait."""
        time.sleep(self._seconds)


def rows() -> Iterator[Row]:
    """Measure both places."""
    with places() as found:
        for place in found:
            parallel, sequential = _spec(_COMPONENTS), _spec(1)

            def base(place: Place = place, spec: PipelineSpec = sequential) -> float:
                return _LEVELS * _SECONDS * 1_000 + _run(place, spec, 0.0)

            def measured(place: Place = place, spec: PipelineSpec = parallel) -> float:
                return _run(place, spec, _SECONDS)

            took, least = interleaved(measured, base, _ROUNDS, discard=0)
            yield Row(
                f"{_COMPONENTS} components of {_SECONDS:g} s, {_LEVELS} after each other ({place.name})",
                "the critical path, and what a sequential run costs next to its components",
                took,
                least,
                aim=1.1,
            )


def _spec(parallelism: int) -> PipelineSpec:
    """Five components at the same time, and one after each of them."""
    half = _COMPONENTS // _LEVELS
    components = tuple(
        ComponentSpec(
            "m.Waits", f"Extract({i})", {}, f"[{i}]", depends_on=() if i < half else (f"Extract({i - half})",)
        )
        for i in range(_COMPONENTS)
    )
    return replace(PipelineSpec(f"bench {uuid.uuid4().hex}", components), parallelism=parallelism)


def _run(place: Place, spec: PipelineSpec, seconds: float) -> float:
    """Return how many milliseconds a run takes, the claim left out."""
    key = UnitKey.fresh("bench", spec.pipeline_name)
    log = RunLog(place.store(), unit_path(spec.pipeline_name, key))
    plan, decision = make_plan(spec, None), decide_claim(None, None)
    claim = log.claim(lambda latest: claim_state(spec, plan, decision, latest, key=key, caller=None))
    recorder = Recorder(log, Redactor())
    recorder.adopt(Token(claim.number, claim.state.attempt_id, claim.state.nonce), lambda: None)
    recorder.running(plan)
    components = [Waits(seconds) for _ in spec.components]
    loop = ComponentLoop(spec, components, plan, recorder, workdir=lambda index, _: f"/none/{index}")
    with contextlib.redirect_stdout(io.StringIO()):
        took = timed(lambda: loop.run(FakeSpark()))  # type: ignore[arg-type]  # it is asked for nothing else
    assert recorder.completes
    return took
