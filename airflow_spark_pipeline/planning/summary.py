"""What came of an attempt, in one line for people."""

from __future__ import annotations

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction


def summarize(state: CheckpointState) -> str:
    """Return how an attempt ended, or where it stands if nobody recorded an end."""
    done, total = len(state.completed_components), state.total_components
    name = f"Pipeline {state.pipeline_name!r}"
    kept = f" ({done} of {total} done; a retry resumes there)" if done else ""
    if state.status is CheckpointStatus.COMPLETED:
        ran = len(state.attempts[-1].ran)
        omitted = sum(c.action is ComponentAction.OMITTED for c in state.components)
        left_out = f", {omitted} left out" if omitted else ""
        return (
            f"{name} completed in attempt {state.attempt}: {ran} of {total} components ran, "
            f"{total - ran - omitted} skipped{left_out}"
        )
    if state.status is CheckpointStatus.FAILED and state.failure is not None:
        failure = state.failure
        place = "" if failure.index is None else f" at [{failure.index + 1}/{total}] {failure.component}"
        return f"{name} failed{place} in attempt {state.attempt}{kept}: {failure.headline}"
    if state.status is CheckpointStatus.RUNNING:
        waiting = (c for c in state.components if c.action is not ComponentAction.OMITTED)
        next_ = next((c for c in waiting if c.name not in state.completed_components), None)
        place = "" if next_ is None else f" at [{next_.index + 1}/{total}] {next_.name}"
        return f"{name}: the driver of attempt {state.attempt} died{place}{kept}"
    return f"{name}: attempt {state.attempt} is {state.status.value}{kept}"
