"""Discards the progress of a run, even if its record is damaged, keeping what can be read about whose run it is.

A damaged commit is never repaired or skipped. A discard adds a commit with the next number and leaves the heartbeats: a
driver that is still running is superseded by it, and the next attempt waits for that driver. Deleting the directory
instead would lose both protections.
"""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.key import NO_KEY, make_run_id
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, utc_now
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, UnsupportedCheckpointError

_OURS = __name__.partition(".")[0] + "."


def discard_advice(store: CheckpointStore, unit: str, number: int) -> str:
    """Return how to discard the progress of a unit, for an error about one of its objects.

    :param number: number of any commit of the unit
    """
    ours = type(getattr(store, "_store", store)).__module__.startswith(_OURS)
    place = f"--location {shlex.quote(store.location)}" if ours else "--file FILE"
    more = " (with --conn-id if the location needs an Airflow connection)" if "://" in place else ""
    if place == "--file FILE":
        more = " (FILE is the pipeline's file, which names the store)"
    command = f"spark-pipeline discard {make_run_id(unit, number)} {place}"
    return f"To start over instead: {command}{more}. Do not delete the directory: a driver may still be running."


def given_up(state: CheckpointState) -> CheckpointState:
    """Return the discarded state that replaces this one."""
    nothing: tuple[()] = ()
    return replace(
        state, status=CheckpointStatus.DISCARDED, completed_components=nothing, components=nothing, failure=None
    )


def newest_readable(read: Callable[[int], Commit], numbers: list[int]) -> Commit | None:
    """Return the newest readable commit; use it for whose run it is, never for what is done.

    :param read: of the unit's log
    :raises CheckpointError: the store could not answer
    """
    for number in reversed(numbers):
        try:
            return read(number)
        except (ObjectNotFoundError, CorruptCheckpointError, UnsupportedCheckpointError):
            continue
    return None


def unknown(unit: str, number: int) -> CheckpointState:
    """Return the discarded state of a unit without any readable commit; only its directory is known.

    :param number: number of the commit that will record the state
    """
    now = utc_now()
    return CheckpointState(
        key=NO_KEY,
        run_id=make_run_id(unit, number),
        pipeline_name="",
        status=CheckpointStatus.DISCARDED,
        attempt=1,
        attempt_id=f"1-{uuid.uuid4().hex[:12]}",
        claim_number=number,
        nonce="",
        epoch=0,
        started_at=now,
        updated_at=now,
        total_components=0,
    )
