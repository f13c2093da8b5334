"""Summaries of an attempt for people: its result or its current position, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)

if TYPE_CHECKING:
    from airflow_spark_pipeline.checkpoint.catalog import RunEntry


def position(state: CheckpointState) -> str:
    """Return how far a run got: ``2 of 5 done, failed at [3/5] load``."""
    done, total = len(state.completed_components), state.total_components
    position = f"{done} of {total} done"
    if state.status is CheckpointStatus.FAILED and state.failure is not None and state.failure.index is not None:
        return f"{position}, failed at [{state.failure.index + 1}/{total}] {state.failure.component}"
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
        place = "" if failure.index is None else f" at [{failure.index + 1}/{total}] {failure.component}"
        return f"{name} failed{place} in attempt {state.attempt}{kept}: {failure.headline}"
    if state.status is CheckpointStatus.RUNNING:
        place = _place(state)
        return f"{name}: the driver of attempt {state.attempt} died{place}{kept}"
    return f"{name}: attempt {state.attempt} is {state.status.value}{kept}"


def seconds_saved(state: CheckpointState) -> float:
    """Return the seconds of work that this attempt did not repeat: the durations of its skipped components."""
    skipped = (c for c in state.components if c.action is ComponentAction.SKIPPED)
    return round(sum(c.duration_seconds or 0.0 for c in skipped), 3)


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
    omitted = sum(c.action is ComponentAction.OMITTED for c in state.components)
    disabled = sum(c.action is ComponentAction.DISABLED for c in state.components)
    text = f"{ran} of {total} components ran, {total - ran - omitted - disabled} skipped"
    text += f", {omitted} left out" if omitted else ""
    text += f", {disabled} disabled" if disabled else ""
    saved = seconds_saved(state)
    return f"{text}; {readable(saved)} of work not repeated" if saved else text


def next_try(state: CheckpointState) -> dict[str, Any]:
    """Return what a try that resumes this run will do, as data and as ``text``."""
    done = list(state.completed_components)
    failure = state.failure if state.status is CheckpointStatus.FAILED else None
    at, place = stopped_at(state), _place(state)
    how = "did not get to its end" if failure is None else "failed"
    error = None if failure is None else failure.headline
    skips = f"skips {', '.join(done)} and runs the rest" if done else "runs everything"
    return {
        "text": f"Run {state.run_id} (attempt {state.attempt}) {how}{place}{f': {error}' if error else ''}. "
        f"The next try {skips}.",
        "run_id": state.run_id,
        "attempt": state.attempt,
        "failed_component": None if at is None else at.name,
        "index": None if at is None else at.index,
        "total": state.total_components,
        "error": error,
        "skips": done,
    }


def _place(state: CheckpointState) -> str:
    at = stopped_at(state)
    return "" if at is None else f" at [{at.index + 1}/{state.total_components}] {at.name}"


def stopped_at(state: CheckpointState) -> ComponentCheckpoint | None:
    """Return the component at which a run is or has stopped: the failed one, or the one that its driver was running.

    If ``fail-fast = false`` continued after a failure and the driver then died, this is the component in which it died,
    not the one that had failed before. ``None`` if the run has ended, or no component is left.

    Example: a done, b failed, c and d not run: a *failed* run stopped at b, a *running* one (with a dead driver) at c.
    """
    if state.status in (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED):
        return None
    failure = state.failure
    failed = None if failure is None or failure.component is None else state.component(failure.component)
    if state.status is CheckpointStatus.FAILED and failed is not None:
        return failed
    waiting = (c for c in state.components if c.action is ComponentAction.PENDING)
    return next((c for c in waiting if c.name not in state.completed_components), failed)


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
        "total_components": state.total_components,
        "completed_components": list(state.completed_components),
        "error": None if state.failure is None else state.failure.headline,
        "updated_at": state.updated_at,
    }
