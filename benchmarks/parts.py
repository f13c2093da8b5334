"""What recording a part costs: one component with many parts that do nothing, against bare writes of the same bytes.

``PARTS=1000`` measures fewer parts than the usual number.
"""

from __future__ import annotations

import contextlib
import io
import os
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import claim_state, make_plan
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.loop.loop import ComponentLoop
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.secrets import Redactor
from benchmarks.harness import Row, Sample, interleaved, timed
from benchmarks.loop import Counted, bare
from benchmarks.places import Place, places
from tests.sparkless import FakeSpark

_PARTS = int(os.environ.get("PARTS", "10000"))
# On S3, where moto answers slowly, one round is eight minutes: the number of parts makes up for it.
_ROUNDS, _ON_S3 = 3, 1


class Days(Component):
    """A component whose parts do nothing; it fails after its last one, so that a resume has all of them to look at."""

    def run(self, spark: Any) -> None:
        """Do them."""
        first = date(2000, 1, 1)
        for _ in self.context.parts([first + timedelta(days=number) for number in range(_PARTS)]):
            pass
        raise ConnectionError("after the last part")


def rows() -> Iterator[Row]:
    """Measure both places: each part, what the run wrote, and the look and the start of a resume."""
    with places() as found:
        for place in found:
            local = place.name.startswith("local")
            run = _Run(place)
            measured, base = interleaved(run.first, run.bare, _ROUNDS if local else _ON_S3, discard=0)
            yield Row(
                f"one of {_PARTS:,} parts, recorded ({place.name})",
                f"a write{'' if local else ' and a listing'} of the same bytes, durable",
                measured / _PARTS,
                base / _PARTS,
                aim=1.5 if local else 1.1,
            )
            if local:
                yield Row(
                    f"one of {_PARTS:,} parts, recorded ({place.name})",
                    "the same, and a deletion",
                    measured / _PARTS,
                    Sample.of(run.bare(deletes=True) for _ in range(_ROUNDS)) / _PARTS,
                )
            written, state = sum(run.sizes) / 1024, f"their state, once ({run.whole:,.0f} KiB)"
            yield Row(f"bytes of {_PARTS:,} parts' commits ({place.name})", state, written, run.whole, "KiB")
            looked, claimed = run.resume()
            aim = 2_000.0 if local else 5_000.0
            yield Row(f"look, with {_PARTS:,} parts ({place.name})", "the aim", looked, aim, aim=1.0)
            yield Row(f"look, claim and start of the resume ({place.name})", "the aim", looked + claimed, aim, aim=1.0)


class _Run:
    """One unit of work with one component of many parts."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._spec = PipelineSpec(f"bench {uuid.uuid4().hex}", (ComponentSpec("m.Days", "Load(days)", {}, "[0]"),))
        self._key = UnitKey.fresh("bench", self._spec.pipeline_name)
        self.sizes: list[int] = []
        self.listed: list[int] = []
        self.whole = 0.0

    def first(self) -> float:
        """Return how long all parts take, claim and start left out."""
        self._key = UnitKey.fresh("bench", self._spec.pipeline_name)
        log = self._log()
        recorder = self._claim(log)
        loop = ComponentLoop(self._spec, [Days()], make_plan(self._spec, None), recorder, workdir=lambda *_: "/none")
        self.sizes.clear()
        self.listed.clear()
        with contextlib.redirect_stdout(io.StringIO()):
            took = timed(lambda: loop.run(FakeSpark()))  # type: ignore[arg-type]  # it is asked for nothing else
        latest = log.latest()
        assert latest is not None
        assert len(latest.state.components[0].parts) == _PARTS
        self.whole = len(encode(latest.state, latest.number)) / 1024
        return took

    def bare(self, *, deletes: bool = False) -> float:
        """Return how long as many writes of the same bytes take."""
        return bare(self._place, self.sizes, self.listed, deletes=deletes)

    def resume(self) -> tuple[float, float]:
        """Return how long the next attempt takes to read what is recorded, and then to claim it and to start."""
        log = self._log()
        found: list[Commit | None] = []
        looked = timed(lambda: found.append(log.latest()))
        return looked, timed(lambda: self._claim(log, found[0]))

    def _log(self) -> RunLog:
        return RunLog(Counted(self._place.store(), self), unit_path(self._spec.pipeline_name, self._key))  # type: ignore[arg-type]

    def _claim(self, log: RunLog, latest: Commit | None = None) -> Recorder:
        state = None if latest is None else latest.state
        plan, decision = make_plan(self._spec, state), decide_claim(state, None)
        claim = log.claim(lambda seen: claim_state(self._spec, plan, decision, seen, key=self._key, caller=None))
        assert len(claim.state.components[0].parts) == (0 if latest is None else _PARTS)
        recorder = Recorder(log, Redactor())
        recorder.adopt(Token(claim.number, claim.state.attempt_id, claim.state.nonce), lambda: None)
        recorder.running(plan)
        return recorder
