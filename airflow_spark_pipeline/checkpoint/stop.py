"""Stops an attempt from outside, through the log only, wherever its driver runs.

Guarantees: once :func:`stop` has returned, the attempt can record nothing more, and a driver of it that has not started
yet refuses to start. A running driver stops at its next heartbeat or commit, whichever comes first, and its successor
waits for that. Completed components stay completed. Not guaranteed: that the driver has ended when :func:`stop`
returns.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.liveness import ACTIVE
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, Failure

_STOPPED = "Stopped"  # error type of the failure of an attempt that was stopped


class _NothingToStopError(Exception):
    """The attempt has already ended, or another attempt has taken over."""


def stop(log: RunLog, attempt_id: str, why: str) -> bool:
    """Stop an attempt: record it as failed, with a new claim. Returns whether there was an attempt to stop.

    :param attempt_id: id of the attempt to stop; nothing happens if the newest commit belongs to another attempt
    :param why: reason, for people
    :raises CheckpointError: the store could not answer
    """

    def stopped(latest: Commit | None) -> CheckpointState:
        if latest is None or latest.state.attempt_id != attempt_id or latest.state.status not in ACTIVE:
            raise _NothingToStopError
        state = latest.state
        *before, last = state.attempts
        return replace(
            state,
            status=CheckpointStatus.FAILED,
            # A different id than the driver's, so that the driver does not take this commit for its own.
            attempt_id=f"{state.attempt}-{uuid.uuid4().hex[:12]}",
            attempts=(*before, replace(last, error=f"{_STOPPED}: {why}")),
            failure=Failure(None, None, _STOPPED, why),
        )

    try:
        log.claim(stopped)
    except _NothingToStopError:
        return False
    return True


def how_it_ended(attempt_id: str, state: CheckpointState) -> str:
    """Say what ended an attempt whose log has another newest commit: a stop of this attempt, or another attempt.

    :param attempt_id: id of the attempt that ended
    :param state: state of the newest commit
    """
    failure = state.failure
    if failure is not None and failure.error_type == _STOPPED and attempt_id.startswith(f"{state.attempt}-"):
        return f"stopped: {failure.message}"
    return f"superseded by attempt {state.attempt} (run {state.run_id})"
