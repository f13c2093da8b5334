"""From what is recorded to what is shown. Pure: nothing is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.caller import claimer
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.log import Commit
from airflow_spark_pipeline.checkpoint.standing import Standing, standing_of
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.planning import stopped_at
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts, TaskKey
from airflow_spark_pipeline.plugins.page.models import (
    Attempt,
    Bar,
    Component,
    ComponentState,
    Failure,
    Piece,
    Run,
)

_ACTIVE = ("running", "queued", "scheduled", "restarting", "deferred")  # states of a task that runs, or is about to
_OVER = (Standing.COMPLETED, Standing.DISCARDED)


def resume_saves(state: CheckpointState) -> float:
    """Return how many seconds the components took that are done."""
    done = set(state.completed_components)
    return round(sum(c.duration_seconds or 0.0 for c in state.components if c.name in done), 3)


def task_keys(state: CheckpointState) -> tuple[TaskKey, TaskKey]:
    """Return whose unit it is, and who claimed it last: another task instance where a guest resumed it."""
    return _task_key(state.key), _task_key(claimer(state.key, state.caller))


def _task_key(key: Mapping[str, Any]) -> TaskKey:
    return TaskKey(
        key.get("dagId", ""), key.get("runId", ""), key.get("taskId", ""), key.get("mapIndex", -1), key.get("iteration")
    )


def make_row(entry: RunEntry, location: str, known: Mapping[TaskKey, TaskFacts]) -> Run:
    """Return the row of a unit whose newest commit is known.

    :param known: what Airflow knows of its task and of who claimed it, and what the user may do with them
    """
    recorded = entry.recorded
    assert recorded is not None  # noqa: S101  # what nothing is known of has no row
    state, number = recorded.state, recorded.number
    shown = entry.standing
    failure = state.failure
    owner, claimed_by = task_keys(state)
    facts = known[owner]
    at_work = _at_work(entry, known[claimed_by], guest=claimed_by != owner)
    return Run(
        id=state.run_id,
        number=number,
        pipeline=state.pipeline_name,
        **owner._asdict(),
        location=location,
        state=shown,
        attempt=state.attempt,
        first_started_at=state.attempts[0].started_at if state.attempts else state.started_at,
        started_at=state.started_at,
        updated_at=state.updated_at,
        pieces=[Piece(name=c.name, state=component_state(c, state, shown)) for c in state.components],
        failed_component=None if failure is None else failure.component,
        failed_position=None if failure is None or failure.index is None else failure.index + 1,
        current_component=current(state) if shown in {Standing.RUNNING, Standing.DEAD} else None,
        error=str(entry.error) if entry.error is not None else None if failure is None else failure.headline,
        saved_seconds=resume_saves(state),
        spark_application_id=state.spark_application_id,
        try_number=_try_number(state),
        task_state=facts.state,
        versioned=facts.versioned,
        resume_blocked=_resume_blocked(shown, facts, at_work),
        discard_blocked=_discard_blocked(shown, facts, at_work),
        clear_to_resume={"keep_task_state": True} if AIRFLOW.clear_discards_task_state else {},
        clear_instance=facts.id if owner.iteration is not None else None,
    )


def current(state: CheckpointState) -> str | None:
    """Return the component that runs, or ran when the driver died."""
    stopped = stopped_at(state) if state.status is CheckpointStatus.RUNNING else None
    return None if stopped is None else stopped.name


def component_state(record: ComponentCheckpoint, state: CheckpointState, shown: Standing) -> ComponentState:
    """Return what a component is like."""
    if record.action in {ComponentAction.OMITTED, ComponentAction.DISABLED}:
        return ComponentState.LEFT_OUT
    if record.name in state.completed_components and record.action is not ComponentAction.FAILED:
        return ComponentState.DONE
    if record.action is ComponentAction.FAILED:
        return ComponentState.FAILED
    if record.name == current(state) and shown in {Standing.RUNNING, Standing.DEAD}:
        return ComponentState.RUNNING if shown is Standing.RUNNING else ComponentState.INTERRUPTED
    return ComponentState.PENDING


def components(state: CheckpointState, shown: Standing) -> list[Component]:
    """Return what is recorded of each component."""
    return [
        Component(
            index=c.index,
            name=c.name,
            type=c.type,
            state=component_state(c, state, shown),
            action=c.action.value,
            reason=c.reason,
            attempt=c.attempt,
            started_at=c.started_at,
            duration_seconds=c.duration_seconds,
            views=list(c.views),
            saved_outputs=sorted(c.outputs),
        )
        for c in state.components
    ]


def failure_of(state: CheckpointState) -> Failure | None:
    """Return why the newest attempt failed."""
    found = state.failure
    if found is None:
        return None
    return Failure(
        component=found.component,
        error_type=found.error_type,
        message=found.message,
        traceback=found.traceback,
        retry_helps=found.retry_helps,
    )


def attempts(commit: Commit, shown: Standing, read: Callable[[int, str], Commit | None]) -> list[Attempt]:
    """Return what each attempt of the epoch did, the oldest first.

    :param read: gives the commit of a number, if it is that run's; ``None`` where it was cleaned up
    """
    summaries = commit.state.attempts
    found = []
    for position, summary in enumerate(summaries):
        last: Commit | None = commit
        if position + 1 < len(summaries):
            claim = _claim_number(summaries[position + 1].run_id)
            last = None if claim is None else read(claim - 1, summary.run_id)
        over = Standing.DEAD if position + 1 < len(summaries) else shown
        bars = _remembered(commit.state, summary) if last is None else _bars(last.state, over)
        state = None if last is None else last.state
        found.append(
            Attempt(
                attempt=summary.attempt,
                id=summary.run_id,
                started_at=summary.started_at,
                ended_at=None
                if state is None or (state is commit.state and shown is Standing.RUNNING)
                else state.updated_at,
                status=shown.value if state is commit.state else _ended_as(state),
                error=summary.error,
                spark_application_id=None if state is None else state.spark_application_id,
                try_number=None if state is None else _try_number(state),
                bars=bars,
            )
        )
    return found


def _ended_as(state: CheckpointState | None) -> str:
    if state is None:
        return "unknown"
    return standing_of(state.status, alive=False).value


def _claim_number(run_id: str) -> int | None:
    number = run_id.rpartition("~")[2]
    return int(number) if number.isdigit() else None


def _remembered(state: CheckpointState, summary: AttemptSummary) -> list[Bar]:
    """Return what the newest commit still knows of an attempt whose own commits were cleaned up."""
    ran = [c for c in state.components if c.attempt == summary.attempt and c.action is not ComponentAction.FAILED]
    bars = [_bar(c, "ran") for c in ran]
    failed = next((c for c in state.components if c.name == summary.failed), None)
    if failed is not None:
        bars.append(Bar(index=failed.index, name=failed.name, action="failed", started_at=None, duration_seconds=None))
    return sorted(bars, key=lambda bar: bar.index)


def _bar(record: ComponentCheckpoint, action: str) -> Bar:
    return Bar(
        index=record.index,
        name=record.name,
        action=action,
        started_at=record.started_at,
        duration_seconds=record.duration_seconds,
    )


def _bars(state: CheckpointState, shown: Standing) -> list[Bar]:
    bars = []
    done = set(state.completed_components)
    for c in state.components:
        mine = c.attempt == state.attempt
        if c.action is ComponentAction.REPLAYED:
            bars.append(Bar(index=c.index, name=c.name, action="replayed", started_at=None, duration_seconds=None))
        elif mine and c.action in {ComponentAction.RAN, ComponentAction.FAILED}:
            bars.append(_bar(c, c.action.value))
        elif c.name in done:
            bars.append(Bar(index=c.index, name=c.name, action="skipped", started_at=None, duration_seconds=None))
        elif state.status is CheckpointStatus.RUNNING and c.name == current(state):
            action = "running" if shown is Standing.RUNNING else "interrupted"
            bars.append(Bar(index=c.index, name=c.name, action=action, started_at=_began(state), duration_seconds=None))
    return bars


def _began(state: CheckpointState) -> str:
    """Return when the component began that no commit names yet: when the one before it was recorded."""
    return state.updated_at


def _at_work(entry: RunEntry, claimer: TaskFacts, *, guest: bool) -> str | None:
    """Return who is at work, or is about to be, in words; the guest's name may be none of the user's business."""
    if entry.alive:
        return "Its driver is alive and at work."
    if claimer.state in _ACTIVE:
        return f"Airflow has {'another task, which resumes it,' if guest else 'the task'} as {claimer.state}."
    return None


def _try_number(state: CheckpointState) -> int | None:
    """Return the try of the unit's own task instance; a guest's has its log elsewhere."""
    owner, claimed_by = task_keys(state)
    return (state.caller or {}).get("tryNumber") if owner == claimed_by else None


def _resume_blocked(shown: Standing, facts: TaskFacts, at_work: str | None) -> str | None:
    if shown is Standing.COMPLETED:
        return "It is complete; there is nothing to resume."
    if shown is Standing.UNREADABLE:
        return "Its record is damaged: restore it, or discard the run to start over."
    if not facts.exists:
        return "Airflow has no such task instance any more: its DAG run was deleted."
    if not facts.may_edit:
        return "You may look at this DAG, but not clear its tasks."
    if at_work is not None:
        return at_work
    if facts.state in _ACTIVE:
        return f"Airflow has the task as {facts.state} already."
    if facts.paused:
        return "The DAG is paused: unpause it first, or the task would only wait."
    return None


def _discard_blocked(shown: Standing, facts: TaskFacts, at_work: str | None) -> str | None:
    if shown in _OVER:
        return "There is no progress to discard."
    if not facts.may_edit:
        return "You may look at this DAG, but not clear its tasks."
    if at_work is not None:
        return f"{at_work} Stop it first."
    if facts.state in _ACTIVE:
        return f"Airflow has the task as {facts.state}: stop it first."
    return None
