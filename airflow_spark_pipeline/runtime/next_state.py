"""What a driver's commits hold: each function takes the recorded state and returns the state to record next.

All are pure: they write nothing, and take times and durations as arguments. ``recorder.py`` decides when a state may be
written. An attempt's summary is always the last one in ``attempts``, since the claim of the attempt added it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
    Failure,
)
from airflow_spark_pipeline.pipeline.fingerprint import VERSION
from airflow_spark_pipeline.planning import Code, EarlyEnd, Plan, Step, StepAction
from airflow_spark_pipeline.runtime.outcome import Outcome

_KEPT_RETRIES = 50  # for display; a commit must not grow without limit


def running(state: CheckpointState, plan: Plan) -> CheckpointState:
    """The driver runs this plan; components that the plan reruns no longer count as done."""
    done = {step.name for step in plan.done}
    components = tuple(_planned(component(state, step), step, plan.early_end) for step in plan.steps)
    return replace(
        state,
        status=CheckpointStatus.RUNNING,
        components=components,
        completed_components=tuple(c.name for c in components if c.name in done),
        failure=None,
    )


def starting(state: CheckpointState, steps: Iterable[Step], now: str) -> CheckpointState:
    """The components start."""
    for step in steps:
        state = state.with_component(replace(component(state, step), started_at=now))
    return state


def replayed(state: CheckpointState, step: Step) -> CheckpointState:
    """A completed component has defined its views again."""
    return state.with_component(replace(component(state, step), action=ComponentAction.REPLAYED))


def done(
    state: CheckpointState, step: Step, started_at: str, seconds: float, outcome: Outcome, code: Code
) -> CheckpointState:
    """The component is done.

    :param code: current code of the component
    """
    record, total = component(state, step), outcome.parts_total
    version = {} if code.version is None else {VERSION: code.version}
    record = replace(
        record,
        action=ComponentAction.RAN,
        reason=step.reason,
        attempt=state.attempt,
        started_at=started_at,
        duration_seconds=round(seconds, 3),
        views=outcome.views,
        outputs=outcome.outputs,
        session=outcome.session,
        leaves=outcome.leaves,
        **outcome.reported,
        parts=(),
        part_counts=_part_counts(record, total) if total or record.parts else {},
        code=code.files,
        fingerprint={**record.fingerprint, **version},
    )
    summary = _summary(state)
    state = state.with_component(
        record,
        completed_components=_with(state, step),
        attempts=(*state.attempts[:-1], replace(summary, ran=(*summary.ran, step.name))),
    )
    return state if record.finished is None else _left_out_after(state, step)


def _left_out_after(state: CheckpointState, step: Step) -> CheckpointState:
    """The component finished the run early: those after it that have not started are left out."""
    record = component(state, step)
    reason = EarlyEnd(record.name, record.index, str(record.finished)).text
    return replace(
        state,
        components=tuple(
            replace(later, action=ComponentAction.OMITTED, reason=reason)
            if later.index > step.index and later.action is ComponentAction.PENDING and later.started_at is None
            else later
            for later in state.components
        ),
    )


def part(state: CheckpointState, step: Step, key: str, total: int, seconds: float, code: Code) -> CheckpointState:
    """A part of the component is done.

    :param total: how many parts the component has, done or not
    :param seconds: how long this part took
    :param code: current code of the component; its version is kept, since the parts count for this version alone
    """
    record = component(state, step)
    version = {} if code.version is None else {VERSION: code.version}
    record = replace(record, parts=(*record.parts, key), fingerprint={**record.fingerprint, **version})
    took = {**record.part_seconds, "run": round(record.part_seconds.get("run", 0.0) + seconds, 6)}
    return state.with_component(replace(record, part_counts=_part_counts(record, total), part_seconds=took))


def _part_counts(record: ComponentCheckpoint, total: int) -> dict[str, int]:
    parts, skipped = len(record.parts), record.part_counts.get("skipped", 0)
    return {"total": max(total, parts), "skipped": skipped, "run": parts - skipped}


def retrying(
    state: CheckpointState, step: Step, started_at: str, seconds: float, failure: Failure, delay: float
) -> CheckpointState:
    """The component failed and is tried again inside this attempt, after ``delay`` seconds."""
    record = component(state, step)
    tried = {
        "startedAt": started_at,
        "durationSeconds": round(seconds, 3),
        "error": failure.headline,
        "delaySeconds": delay,
    }
    return state.with_component(replace(record, retries=(*record.retries, tried)[-_KEPT_RETRIES:]))


def failed(
    state: CheckpointState,
    step: Step,
    started_at: str,
    seconds: float,
    failure: Failure,
    *,
    final: bool,
    tolerated: bool = False,
) -> CheckpointState:
    """The component failed. The attempt keeps its first failure; a later one keeps its traceback with its component.

    A failure that is tolerated is kept with its component alone: the attempt has not failed.
    """
    earlier, summary = state.failure, _summary(state)
    if summary.failed is None and not tolerated:
        summary = replace(summary, failed=step.name, error=failure.headline)
    record = replace(
        component(state, step),
        action=ComponentAction.FAILED,
        reason=failure.headline,
        attempt=state.attempt,
        started_at=started_at,
        duration_seconds=round(seconds, 3),
        tolerated=tolerated,
        failure_traceback=failure.traceback if tolerated or earlier is not None else None,
    )
    return replace(
        state.with_component(record),
        status=CheckpointStatus.FAILED if final else CheckpointStatus.RUNNING,
        failure=earlier if tolerated else earlier or failure,
        attempts=(*state.attempts[:-1], summary),
    )


def upstream_failed(state: CheckpointState, step: Step, reason: str, *, tolerated: bool = False) -> CheckpointState:
    """The component is not run, because a component that it depends on is not done."""
    action = ComponentAction.UPSTREAM_FAILED
    return state.with_component(replace(component(state, step), action=action, reason=reason, tolerated=tolerated))


def refused(state: CheckpointState, failure: Failure) -> CheckpointState:
    """The attempt failed before any component ran."""
    summary = replace(_summary(state), error=failure.headline)
    return replace(state, status=CheckpointStatus.FAILED, failure=failure, attempts=(*state.attempts[:-1], summary))


def completes(state: CheckpointState) -> bool:
    """Whether all components are done and none failed."""
    # A component that failed during a replay still counts as done, but the attempt has failed.
    return state.all_done and state.failure is None


def ended(state: CheckpointState) -> CheckpointState:
    """The loop has ended: completed, or failed if any component failed."""
    return replace(state, status=CheckpointStatus.COMPLETED if completes(state) else CheckpointStatus.FAILED)


def component(state: CheckpointState, step: Step) -> ComponentCheckpoint:
    """Return the record of a step's component."""
    record = state.components[step.index]  # the claim lists every component of the description
    assert record.name == step.name  # noqa: S101
    return record


def _planned(record: ComponentCheckpoint, step: Step, end: EarlyEnd | None) -> ComponentCheckpoint:
    if step.action in (StepAction.SKIP, StepAction.REPLAY, StepAction.DISABLE):
        finished = record.finished if end is not None and end.component == step.name else None
        return replace(record, reason=step.reason, changed_code=step.changed_code, finished=finished)
    return replace(
        record,
        reason=step.reason,
        action=ComponentAction.OMITTED if step.action is StepAction.OMIT else ComponentAction.PENDING,
        started_at=None,
        views=(),
        outputs={},
        retries=(),
        session={},
        leaves={},
        published={},
        finished=None,
        wrote={},
        code={},
        changed_code=(),
        tolerated=False,
        parts=record.parts if step.keeps_parts else (),
        part_counts=record.part_counts if step.keeps_parts else {},
        part_seconds=record.part_seconds if step.keeps_parts else {},
    )


def _with(state: CheckpointState, step: Step) -> tuple[str, ...]:
    """Return the completed components and this one, in the order of the description."""
    done = state.completed_components
    # The usual case must not cost more the more components there are: the last one that is done is right before.
    before = (state.components[index].name for index in range(step.index - 1, -1, -1))
    if not done or done[-1] in before:
        return (*done, step.name)
    names = {*done, step.name}
    return tuple(record.name for record in state.components if record.name in names)


def _summary(state: CheckpointState) -> AttemptSummary:
    return state.attempts[-1]
