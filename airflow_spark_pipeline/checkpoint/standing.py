"""The standing of a run: one term, the same on the command line, in XComs, and on the page."""

from __future__ import annotations

import enum

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus


class Standing(str, enum.Enum):
    """The standing of a run, from its newest commit and its driver's lease."""

    SUBMITTED = "submitted"  # claimed; the log does not tell whether a driver will start
    RUNNING = "running"  # its driver sent a heartbeat within its lease
    DEAD = "dead"  # recorded as running, but its driver sends no more heartbeats
    FAILED = "failed"
    COMPLETED = "completed"
    DISCARDED = "discarded"
    UNREADABLE = "unreadable"  # its newest commit is damaged, so its state is unknown


def standing_of(status: CheckpointStatus, *, alive: bool) -> Standing:
    """Return the standing of a run whose newest commit can be read.

    :param alive: whether the run's driver sent a heartbeat within its lease
    """
    if status is CheckpointStatus.RUNNING and not alive:
        return Standing.DEAD
    return Standing(status.value)
