"""Rules about parts, early ends and components at the same time, each broken; the others are in ``mutations.py``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import SupersededError
from airflow_spark_pipeline.planning import claim_state, startable
from airflow_spark_pipeline.planning import plan as plan_module
from airflow_spark_pipeline.runtime.component.parts import Parts
from airflow_spark_pipeline.runtime.loop import loop as loop_module
from airflow_spark_pipeline.runtime.loop.one_component import Attempt
from airflow_spark_pipeline.runtime.loop.tries import Tries
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.task import attempt as attempt_module


def _recorded_before_they_ran() -> AbstractContextManager[Any]:
    def iterated(self: Parts, missing: list[tuple[str, Any]]) -> Iterator[Any]:
        for key, item in missing:
            self._guard()
            self._done(key, 0.0)
            yield item

    return mock.patch.object(Parts, "_iterated", iterated)


def _not_carried_over() -> AbstractContextManager[Any]:
    return mock.patch.object(plan_module, "_with_parts", lambda step, *_: step)


def _of_another_description() -> AbstractContextManager[Any]:
    return mock.patch.object(plan_module, "why_parts_start_anew", return_value=None)


def _kept_by_a_start_over() -> AbstractContextManager[Any]:
    """The claim of a run that starts over takes over the parts, as a resume does."""

    def state(spec: Any, plan: Any, decision: Any, latest: Any, **more: Any) -> CheckpointState:
        new = claim_state(spec, plan, decision, latest, **more)
        if decision.kind is not ClaimKind.START or latest is None:
            return new
        old = {record.name: record for record in latest.state.components}
        kept = (replace(c, parts=old[c.name].parts) if c.name in old else c for c in new.components)
        return replace(new, components=tuple(kept))

    return mock.patch.object(attempt_module, "claim_state", state)


def _recorded_by_a_superseded_driver() -> AbstractContextManager[Any]:
    """It appends its part to what its successor has recorded."""
    real = Recorder.part

    def part(self: Recorder, *done: Any) -> None:
        try:
            real(self, *done)
        except SupersededError:
            newest = self._log.latest()
            if newest is None:
                raise
            self._guard = lambda: None
            self._unwritten = None
            self._adopted = newest
            real(self, *done)

    return mock.patch.object(Recorder, "part", part)


def _started_without_a_lease() -> AbstractContextManager[Any]:
    """Only the record of a part, which is written after its work, looks whether the driver must stop."""
    real = Parts.__init__

    def init(self: Parts, recorded: Any = (), record: Any = None, guard: Any = None, *more: Any) -> None:
        real(self, recorded, *(() if record is None else (record,)))
        self._thread_target = more[0] if more else self._thread_target

    return mock.patch.object(Parts, "__init__", init)


def _forgotten_by_a_retry_in_the_job() -> AbstractContextManager[Any]:
    """Each try knows the parts that the claim knew."""
    real = Tries._parts
    first: dict[tuple[int, int], set[str]] = {}

    def parts(self: Tries, step: Any, *arguments: Any) -> Parts:
        found = real(self, step, *arguments)
        found._recorded = set(first.setdefault((id(self), step.index), set(found._recorded)))
        self.kept = first  # type: ignore[attr-defined]  # so that no other object gets its id
        return found

    return mock.patch.object(Tries, "_parts", parts)


def _an_early_end_is_forgotten() -> AbstractContextManager[Any]:
    return mock.patch.object(plan_module, "still_ended", return_value=None)


def _dependencies_are_not_waited_for() -> AbstractContextManager[Any]:
    def all_at_once(waiting: Any, inside: Any, ended: Any, waits: Any, parallelism: int) -> Any:
        return startable(waiting, inside, ended, [frozenset() for _ in waits], parallelism)

    stack = contextlib.ExitStack()
    stack.enter_context(mock.patch.object(loop_module, "startable", all_at_once))
    stack.enter_context(mock.patch.object(Attempt, "blocked", return_value=None))  # the second look
    return stack


MUTATIONS_OF_PARTS = {
    "a part is recorded before it ran": _recorded_before_they_ran,
    "parts are not carried over": _not_carried_over,
    "parts of another description count": _of_another_description,
    "parts are kept when a run starts over": _kept_by_a_start_over,
    "a superseded driver records its part": _recorded_by_a_superseded_driver,
    "a part starts without a lease": _started_without_a_lease,
    "a retry in the job forgets parts": _forgotten_by_a_retry_in_the_job,
    "an early end is forgotten": _an_early_end_is_forgotten,
    "dependencies are not waited for": _dependencies_are_not_waited_for,
}
