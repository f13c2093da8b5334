"""Completed runs that are kept for a while (``checkpoint.keep-for``), so that they can run again from a component on.

Guarantees: a run that counts as kept has its state and its saved outputs: ``prune`` waits for an hour longer, which is
more than clocks differ.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus

_MARGIN_SECONDS = 3600.0


def is_kept(state: CheckpointState) -> bool:
    """Whether a run is completed, and kept now."""
    if state.status is not CheckpointStatus.COMPLETED or state.kept_seconds is None:
        return False
    age = (datetime.now(timezone.utc) - datetime.fromisoformat(state.updated_at)).total_seconds()
    return age < state.kept_seconds


def keeps(state: CheckpointState, age: float) -> bool:
    """Whether nothing of a run may be deleted yet.

    :param age: seconds since its last record, by the store's clock
    """
    kept = state.kept_seconds if state.status is CheckpointStatus.COMPLETED else None
    return kept is not None and age < kept + _MARGIN_SECONDS
