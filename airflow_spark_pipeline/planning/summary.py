"""Summaries of an attempt for people: its result or its current position, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.planning.early_end import early_end

if TYPE_CHECKING:
    from airflow_spark_pipeline.checkpoint.catalog import RunEntry


#: What is said of an optional component that failed.
OPTIONAL = "it is optional, so the run continues"


def position(state: CheckpointState) -> str:
    """Return how far a run got: ``2 of 5 done, failed at [3/5] load``."""
    done, total = len(state.completed_components), state.total_components
    position = f"{done} of {total} done{tolerated_failures(state)}"
    if state.status is CheckpointStatus.FAILED and state.failure is not None and state.failure.index is not None:
        return f"{position}, failed{_places(failures(state), state)}"
    return position if state.status is CheckpointStatus.RUNNING else f"{position}, {state.status.value}"


def summarize(state: CheckpointState) -> str:
    """Return how an attempt ended, or its position if no end is recorded."""
    done, total = len(state.completed_components), state.total_components
    name = f"Pipeline {state.pipeline_name!r}"
    kept = f" ({done} of {total} done; a retry resumes there)" if done else ""
    if state.status is CheckpointStatus.COMPLETED:
        return f"{name} completed in attempt {state.attempt}: {_counts(state)}"
    if state.status is CheckpointStatus.FAILED and state.failure is not None:
        failure = state.failure
        place = _places(failures(state), state)
        return f"{name} failed{place} in attempt {state.attempt}{kept}: {failure.headline}{_more_errors(state)}"
    if state.status is CheckpointStatus.RUNNING:
        place = _place(state)
        return f"{name}: the driver of attempt {state.attempt} died{place}{kept}{_failed_before(state)}"
    return f"{name}: attempt {state.attempt} is {state.status.value}{kept}"


def seconds_saved(state: CheckpointState) -> float:
    """Return the seconds of work that this attempt did not repeat: of the components and the parts that it skipped."""
    skipped = (c.duration_seconds or 0.0 for c in state.components if c.action is ComponentAction.SKIPPED)
    return round(sum(skipped) + sum(c.part_seconds.get("skipped", 0.0) for c in state.components), 3)


def published(state: CheckpointState) -> dict[str, dict[str, Any]]:
    """Return the values that completed components published, by component and name; skipped ones are included."""
    done = set(state.completed_components)
    return {c.name: dict(c.published) for c in state.components if c.published and c.name in done}


def readable(seconds: float) -> str:
    """Return a duration as text for people."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _counts(state: CheckpointState) -> str:
    total, ran = state.total_components, len(state.attempts[-1].ran)
    missing = sum(c.tolerated and c.name not in state.completed_components for c in state.components)
    omitted = sum(c.action is ComponentAction.OMITTED for c in state.components)
    disabled = sum(c.action is ComponentAction.DISABLED for c in state.components)
    text = f"{ran} of {total} components ran, {total - ran - omitted - disabled - missing} skipped"
    text += f", {omitted} left out" if omitted else ""
    text += f", {disabled} disabled" if disabled else ""
    saved = seconds_saved(state)
    text += tolerated_failures(state)
    end = early_end(state)
    text += f"; {end.text}" if end is not None else ""
    return f"{text}; {readable(saved)} of work not repeated" if saved else text


def failure_note(record: ComponentCheckpoint) -> str:
    """Return what to add to the error of a component that failed: that the run continues, if it does."""
    return f"; {OPTIONAL}" if record.tolerated and record.action is ComponentAction.FAILED else ""


def tolerated_failures(state: CheckpointState) -> str:
    """Return a text about optional components that failed, and those not run because of them; empty if there are none.

    Example: ``, 1 optional failed (Enrich(geo)), 2 not run as a result (Report, Mail)``.
    """
    tolerated = [c for c in state.components if c.tolerated]
    failed = [c.name for c in tolerated if c.action is ComponentAction.FAILED]
    not_run = [c.name for c in tolerated if c.action is ComponentAction.UPSTREAM_FAILED]
    text = f", {len(failed)} optional failed ({', '.join(failed)})" if failed else ""
    return f"{text}, {len(not_run)} not run as a result ({', '.join(not_run)})" if not_run else text


def next_try(state: CheckpointState) -> dict[str, Any]:
    """Return what a try that resumes this run will do, as data and as ``text``."""
    done = list(state.completed_components)
    failure = state.failure if state.status is CheckpointStatus.FAILED else None
    at, place = stopped_at(state), _place(state)
    how = "did not get to its end" if failure is None else "failed"
    error = None if failure is None else failure.headline
    why = f": {error}{_more_errors(state)}" if error else _failed_before(state)
    skips = f"skips {', '.join(done)} and runs the rest" if done else "runs everything"
    return {
        "text": f"Run {state.run_id} (attempt {state.attempt}) {how}{place}{why}. The next try {skips}.",
        "run_id": state.run_id,
        "attempt": state.attempt,
        "failed_component": None if at is None else at.name,
        "failed_components": not_done(state),
        "index": None if at is None else at.index,
        "total": state.total_components,
        "error": error,
        "skips": done,
    }


def _more_errors(state: CheckpointState) -> str:
    """Return the errors of all components that failed, except the first: ``; [3/5] clean: OSError: disk full``."""
    return "".join(f"; {_label(c, state)}: {c.reason}" for c in failures(state)[1:])


def _failed_before(state: CheckpointState) -> str:
    """Return the errors of components that had failed when the driver died.

    Example: ``; [3/5] clean failed before: OSError: disk full``.
    """
    return "".join(f"; {_label(c, state)} failed before: {c.reason}" for c in _failures_before(state))


def _failures_before(state: CheckpointState) -> list[ComponentCheckpoint]:
    if state.status is not CheckpointStatus.RUNNING:
        return []
    stopped = [c.name for c in all_stopped_at(state)]
    return [c for c in failures(state) if c.name not in stopped and not c.tolerated]


def _place(state: CheckpointState) -> str:
    return _places(all_stopped_at(state), state)


def _places(components: Sequence[ComponentCheckpoint], state: CheckpointState) -> str:
    """Return the place of one or more components: `` at [2/5] load and [4/5] clean``."""
    labels = [_label(component, state) for component in components]
    several = " and ".join([*[", ".join(labels[:-1])][: len(labels) - 1], *labels[-1:]])
    return f" at {several}" if labels else ""


def _label(component: ComponentCheckpoint, state: CheckpointState) -> str:
    return f"[{component.index + 1}/{state.total_components}] {component.name}"


def failures(state: CheckpointState) -> list[ComponentCheckpoint]:
    """Return the components that failed in the newest attempt: the first that failed, then the others in order."""
    first = None if state.failure is None else state.failure.component
    failed = [c for c in state.components if c.action is ComponentAction.FAILED or c.name == first]
    return sorted(failed, key=lambda component: component.name != first)


def stopped_at(state: CheckpointState) -> ComponentCheckpoint | None:
    """Return the component at which a run is or has stopped: the first of :func:`all_stopped_at`."""
    return next(iter(all_stopped_at(state)), None)


def all_stopped_at(state: CheckpointState) -> list[ComponentCheckpoint]:
    """Return the components at which a run is or has stopped: those that failed, or those that its driver was running.

    If the run continued after a failure and the driver then died, these are the components in which it died, not those
    that had failed before. With ``parallelism`` there may be several. Nothing if the run has ended, or no component is
    left.

    Example: a done, b failed, c and d not run: a *failed* run stopped at b, a *running* one (with a dead driver) at c.
    If c and d were started at the same time, that one stopped at c and d.
    """
    if state.status in (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED):
        return []
    failed = failures(state)
    if state.status is CheckpointStatus.FAILED and failed:
        return failed
    waiting = [
        c for c in state.components if c.action is ComponentAction.PENDING and c.name not in state.completed_components
    ]
    # Only starts next to others are recorded. Otherwise it is the first one that is not done.
    return [c for c in waiting if c.started_at is not None] or waiting[:1] or failed[:1]


def not_done(state: CheckpointState) -> list[str]:
    """Return the names of all components that failed, or that the driver was running when it died.

    Those at which the run has stopped come first: :func:`all_stopped_at`.
    """
    return [c.name for c in [*all_stopped_at(state), *_failures_before(state)]]


def describe_run(run: RunEntry) -> dict[str, Any]:
    """Return the description of a run as plain JSON.

    :param run: run whose newest commit can be read
    """
    if run.commit is None:
        raise ValueError(f"{run.path} cannot be read: {run.error}")
    state, key = run.commit.state, run.commit.state.key
    stopped = stopped_at(state)
    return {
        "run_id": state.run_id,
        "pipeline_name": state.pipeline_name,
        "status": run.standing.value,
        "attempt": state.attempt,
        "dag_id": key.dag_id,
        "dag_run_id": key.run_id,
        "task_id": key.task_id,
        "map_index": key.map_index,
        "iteration": key.iteration,
        "failed_component": None if stopped is None else stopped.name,
        "failed_position": None if stopped is None else stopped.index + 1,
        "failed_components": not_done(state),
        "total_components": state.total_components,
        "completed_components": list(state.completed_components),
        "error": None if state.failure is None else state.failure.headline,
        "updated_at": state.updated_at,
    }
