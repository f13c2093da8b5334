"""Turns what is recorded of runs into what the page shows. Pure: reads nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from airflow_spark_pipeline.airflow_features import AIRFLOW, AirflowFeatures
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.claimant import claimer
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.deployment.chosen_on_page import selection_after
from airflow_spark_pipeline.planning import all_stopped_at, failure_note, parts_note
from airflow_spark_pipeline.plugins.page.failures import error_of, failed_components
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts, TaskKey
from airflow_spark_pipeline.plugins.page.models import (
    Component,
    ComponentState,
    NewestTry,
    PartCounts,
    Piece,
    Run,
)
from airflow_spark_pipeline.plugins.page.tries import Kept, TryFailure

_NOTHING = Kept()
_OVER = (Standing.COMPLETED, Standing.DISCARDED)


def resume_saves(state: CheckpointState) -> float:
    """Return the seconds that the completed components took, and the recorded parts of the others."""
    return round(sum(_resume_saves(c, state.completed_components) for c in state.components), 3)


def _resume_saves(c: ComponentCheckpoint, completed: Collection[str]) -> float:
    """Return the seconds that a resume saves of a component. The last run of a completed one may have skipped parts."""
    if c.name in completed:
        return (c.duration_seconds or 0.0) + c.part_seconds.get("skipped", 0.0)
    return sum(c.part_seconds.values())


def first_started(state: CheckpointState) -> str:
    """Return when the first attempt of the epoch started."""
    return state.attempts[0].started_at if state.attempts else state.started_at


def task_keys(state: CheckpointState) -> tuple[TaskKey, TaskKey]:
    """Return the owner of a unit, and who claimed it last: another task instance if a guest resumed it."""
    return _task_key(state.key), _task_key(claimer(state.key, state.caller))


def _task_key(key: UnitKey) -> TaskKey:
    return TaskKey(key.dag_id, key.run_id, key.task_id, key.map_index, key.iteration)


def make_row(entry: RunEntry, location: str, known: Mapping[TaskKey, TaskFacts], kept: Kept = _NOTHING) -> Run:
    """Return the row of a unit whose newest commit is known.

    :param known: what Airflow knows of the owner and the claimer, and what the user may do with them
    :param kept: what the operator and the page stored for the task
    """
    recorded = entry.recorded
    assert recorded is not None  # noqa: S101  # what nothing is known of has no row
    state, number = recorded.state, recorded.number
    shown = entry.standing
    failure = state.failure
    owner, claimed_by = task_keys(state)
    facts = known[owner]
    running = _running(entry, known[claimed_by], guest=claimed_by != owner)
    return Run(
        id=state.run_id,
        number=number,
        pipeline=state.pipeline_name,
        **owner._asdict(),
        dag_display_name=facts.dag_name or owner.dag_id,
        location=location,
        state=shown,
        attempt=state.attempt,
        first_started_at=first_started(state),
        started_at=state.started_at,
        updated_at=state.updated_at,
        pieces=[_piece(c, component_state(c, state, shown)) for c in state.components],
        failed_component=None if failure is None else failure.component,
        failed_components=failed_components(state),
        failed_position=None if failure is None or failure.index is None else failure.index + 1,
        current_components=current(state) if shown in {Standing.RUNNING, Standing.DEAD} else [],
        error=error_of(state) if entry.error is None else str(entry.error),
        saved_seconds=resume_saves(state),
        spark_application_id=state.spark_application_id,
        try_number=try_number_of(state),
        task_state=facts.shown_state,
        task_pending=facts.pending,
        newest_try=_newest_try(state, facts, kept.failures),
        versioned=facts.versioned,
        resume_blocked=_resume_blocked(shown, facts, running),
        discard_blocked=_discard_blocked(shown, facts, running),
        clear_to_resume=clear_fields(AIRFLOW, resumes=True),
        clear_to_start_over=clear_fields(AIRFLOW, resumes=False),
        last_try=facts.try_number,
        takes_note=AIRFLOW.clear_takes_note,
        chosen=selection_after(kept.selection, facts.try_number) is not None,
        takes_choices=AIRFLOW.has_task_state_store and owner.iteration is None,
        clear_instance=facts.id if owner.iteration is not None else None,
    )


def _piece(c: ComponentCheckpoint, is_in: ComponentState) -> Piece:
    return Piece(name=c.name, state=is_in, parts=parts_of(c))


def _newest_try(state: CheckpointState, facts: TaskFacts, kept: Mapping[int, TryFailure]) -> NewestTry | None:
    """Return Airflow's newest try if it failed and the log does not have it."""
    recorded = try_number_of(state)
    if recorded is None or facts.try_number <= recorded or facts.state not in ("failed", "up_for_retry"):
        return None
    failure = kept.get(facts.try_number)
    return NewestTry(
        try_number=facts.try_number,
        state=facts.state,
        error=None if failure is None else failure.headline,
        refused=failure is not None and failure.refused,
    )


def clear_fields(airflow: AirflowFeatures, *, resumes: bool) -> dict[str, bool]:
    """Return the fields of a clear, without its tasks; Airflow refuses a request with a field that it does not know."""
    fields = {}
    if airflow.clear_spares_running_tasks:
        fields["prevent_running_task"] = True
    if airflow.clear_discards_task_state and resumes:
        fields["keep_task_state"] = True
    return fields


def current(state: CheckpointState) -> list[str]:
    """Return the components that are running, or were when the driver died."""
    return [c.name for c in all_stopped_at(state)] if state.status is CheckpointStatus.RUNNING else []


def component_state(record: ComponentCheckpoint, state: CheckpointState, shown: Standing) -> ComponentState:
    """Return the state of a component."""
    if record.action in {ComponentAction.OMITTED, ComponentAction.DISABLED}:
        return ComponentState.LEFT_OUT
    if record.action is ComponentAction.UPSTREAM_FAILED:
        return ComponentState.UPSTREAM_FAILED
    if record.name in state.completed_components and record.action is not ComponentAction.FAILED:
        return ComponentState.DONE
    if record.action is ComponentAction.FAILED:
        return ComponentState.FAILED
    if record.name in current(state) and shown in {Standing.RUNNING, Standing.DEAD}:
        return ComponentState.RUNNING if shown is Standing.RUNNING else ComponentState.INTERRUPTED
    return ComponentState.PENDING


def components(state: CheckpointState, shown: Standing) -> list[Component]:
    """Return what is recorded of each component."""
    return [_component(c, state, component_state(c, state, shown)) for c in state.components]


def _component(c: ComponentCheckpoint, state: CheckpointState, is_in: ComponentState) -> Component:
    """Return what is recorded of a component; for the running or interrupted one, what follows from its state."""
    was_running = is_in in {ComponentState.RUNNING, ComponentState.INTERRUPTED}
    return Component(
        index=c.index,
        name=c.name,
        type=c.type,
        state=is_in,
        action=c.action.value,
        reason=None if was_running else _reason(c, is_in),
        attempt=state.attempt if was_running else c.attempt,
        started_at=c.started_at or began(state) if was_running else c.started_at,
        duration_seconds=None if was_running else c.duration_seconds,
        views=list(c.views),
        saved_outputs=sorted(c.outputs),
        parts=parts_of(c),
    )


def parts_of(c: ComponentCheckpoint) -> PartCounts | None:
    """Return how many parts of a component are done; ``None`` if none is recorded."""
    counts = c.part_counts
    if not counts.get("total"):
        return None
    return PartCounts(done=counts.get("run", 0) + counts.get("skipped", 0), total=counts["total"])


def _reason(c: ComponentCheckpoint, is_in: ComponentState) -> str | None:
    """Return why a component is in its state. Recorded is why it was to run, which is over once it has run.

    Example: ``not run yet`` is not a reason for being done; ``forced`` is one for having run again.
    """
    if c.action is ComponentAction.PENDING:
        return None if is_in is ComponentState.PENDING else c.reason  # the reason comes from the plan
    if is_in is not ComponentState.DONE or c.action is not ComponentAction.RAN or c.reason is None:
        return f"{c.reason}{parts_note(c)}{failure_note(c)}" if c.reason else None
    if c.reason == "first attempt" or c.reason.startswith("not "):
        return None
    if c.reason.startswith("new "):
        return c.reason
    # An edit is the reason of each component from the edited one on: those after it may have run for the first time.
    again = " and on-change is " not in c.reason or c.reason.startswith(f"{c.name} ")
    return f"ran again: {c.reason}" if again else f"ran: {c.reason}"


def began(state: CheckpointState) -> str:
    """Return the start of a component that has no commit yet: the time when the one before it was recorded."""
    return state.updated_at


def _running(entry: RunEntry, claimer: TaskFacts, *, guest: bool) -> str | None:
    """Return the text that says who is running, or about to run, without a guest that the user may not see."""
    if entry.alive:
        return "Its driver is running."
    if claimer.pending:
        if claimer.state is None:
            return f"Airflow is about to run {'another task, which resumes it' if guest else 'the task'}."
        return f"Airflow has {'another task, which resumes it,' if guest else 'the task'} as {claimer.state}."
    return None


def try_number_of(state: CheckpointState) -> int | None:
    """Return the try of the unit's owner; the task log of a guest is elsewhere."""
    owner, claimed_by = task_keys(state)
    return state.caller.try_number if state.caller is not None and owner == claimed_by else None


def _resume_blocked(shown: Standing, facts: TaskFacts, running: str | None) -> str | None:
    if shown is Standing.COMPLETED:
        return "It is complete; there is nothing to resume."
    if shown is Standing.UNREADABLE:
        return "Its record is damaged: restore it, or discard the run to start over."
    if not facts.exists:
        return "Airflow has no such task instance any more: its Dag Run was deleted."
    if not facts.may_edit:
        return "You may look at this Dag, but not clear its tasks."
    if running is not None:
        return running
    if facts.pending:
        return f"Airflow has the task as {facts.state or 'cleared'} already."
    if facts.paused:
        return "The Dag is paused: unpause it first, or the task would only wait."
    return None


def _discard_blocked(shown: Standing, facts: TaskFacts, running: str | None) -> str | None:
    if shown in _OVER:
        return "There is no progress to discard."
    if not facts.may_edit:
        return "You may look at this Dag, but not clear its tasks."
    if running is not None:
        return f"{running} Stop it first."
    if facts.pending:
        return f"Airflow has the task as {facts.state or 'cleared'}: stop it first."
    return None
