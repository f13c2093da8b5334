"""What failed in the newest attempt of a run. Pure: reads nothing."""

from __future__ import annotations

from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.planning import failures
from airflow_spark_pipeline.plugins.page.models import Failure


def failed_components(state: CheckpointState) -> list[str]:
    """Return all components that failed, the one that failed first before the others."""
    return [c.name for c in failures(state)] if state.status is CheckpointStatus.FAILED else []


def error_of(state: CheckpointState) -> str | None:
    """Return why the newest attempt failed, in one line; if several components failed, the error of each.

    Example: ``b: OSError: disk full; d: ValueError: no rows``.
    """
    first, failed = state.failure, failures(state)
    if first is None or first.component is None or not failed[1:]:
        return None if first is None else first.headline
    return "; ".join(f"{c.name}: {first.headline if c.name == first.component else c.reason}" for c in failed)


def more_failures(state: CheckpointState) -> list[Failure]:
    """Return all failures of the newest attempt except the first."""
    first = None if state.failure is None else state.failure.component
    failed = [c for c in state.components if c.action is ComponentAction.FAILED and c.attempt == state.attempt]
    return [_failure_of(c) for c in failed if c.name != first]


def _failure_of(component: ComponentCheckpoint) -> Failure:
    error_type, _, message = (component.reason or "").partition(": ")
    return Failure(
        component=component.name,
        error_type=error_type,
        message=message,
        traceback=component.failure_traceback,
        retry_helps=True,
    )


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
