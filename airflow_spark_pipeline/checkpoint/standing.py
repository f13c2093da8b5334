"""How a run is doing: one word, the same on the command line, in XComs, and on the page."""

from __future__ import annotations

import enum

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus


class Standing(str, enum.Enum):
    """How a run stands, by its newest commit and its driver's lease."""

    SUBMITTED = "submitted"  # claimed; whether a driver will ever start is not in the log
    RUNNING = "running"  # its driver showed a sign of life within its lease
    DEAD = "dead"  # recorded as running, and its driver shows no sign of life any more
    FAILED = "failed"
    COMPLETED = "completed"
    DISCARDED = "discarded"
    UNREADABLE = "unreadable"  # its newest commit is damaged; nothing is known of it for certain


def standing_of(status: CheckpointStatus, *, alive: bool) -> Standing:
    """Return how a run stands whose newest commit can be read.

    :param alive: whether its driver showed a sign of life within its lease
    """
    if status is CheckpointStatus.RUNNING and not alive:
        return Standing.DEAD
    return Standing(status.value)
