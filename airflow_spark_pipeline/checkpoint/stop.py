"""Ending an attempt from outside, wherever its driver is, through the log alone.

Promises: once :func:`stop` returned, the attempt can record nothing more, and a driver of it that has not started yet
refuses to; one that is at work stops itself at its next heartbeat or commit, whichever comes first, and its successor
waits for that; what is done stays done. Does not promise that the driver has ended by then.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, Failure

_AT_WORK = (CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING)


class _NothingToStopError(Exception):
    """The attempt has ended, or another one has taken over."""


def stop(log: RunLog, attempt_id: str, why: str) -> bool:
    """End an attempt: record it as failed, in the name of a new claim. Returns whether there was anything to end.

    :param attempt_id: nothing is done where the newest commit is another attempt's
    :param why: for people
    :raises CheckpointError: the store could not answer
    """

    def stopped(latest: Commit | None) -> CheckpointState:
        if latest is None or latest.state.attempt_id != attempt_id or latest.state.status not in _AT_WORK:
            raise _NothingToStopError
        state = latest.state
        *before, last = state.attempts
        return replace(
            state,
            status=CheckpointStatus.FAILED,
            # Another id than the driver's: it must not take this commit for one of its own.
            attempt_id=f"{state.attempt}-{uuid.uuid4().hex[:12]}",
            attempts=(*before, replace(last, error=f"Stopped: {why}")),
            failure=Failure(None, None, "Stopped", why),
        )

    try:
        log.claim(stopped)
    except _NothingToStopError:
        return False
    return True
