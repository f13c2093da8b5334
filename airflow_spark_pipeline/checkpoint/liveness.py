"""Liveness: whether a driver is running in a unit, according to the store.

A commit cannot tell: its status *running* was true when it was written. The heartbeats next to the log tell, by the
store's clock.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.claimant import claimer, describe
from airflow_spark_pipeline.checkpoint.heartbeat import read_heartbeat
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.layout import Listing
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.processes import all_gone, any_alive
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError

#: States in which a driver may be running, or about to start.
ACTIVE = (CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING)


def signs_of_life(store: CheckpointStore, commit: Commit, listing: Listing, now: float) -> list[str]:
    """Return the names of the heartbeats that are younger than the lease; none if an end is recorded.

    :param now: current time in seconds, by the store's clock
    """
    if commit.state.status not in ACTIVE:
        return []
    lease = commit.state.lease_seconds + store.clock_slack
    return [name for name, modified in listing.heartbeats.items() if now - modified <= lease]


@dataclass(frozen=True, slots=True)
class LiveSign:
    """A heartbeat that is younger than the lease, and whose processes are not certainly gone.

    :param name: name of the heartbeat object
    :param age: seconds since the last renewal, by the store's clock
    :param is_alive_here: whether one of the heartbeat's processes is alive on this machine
    """

    name: str
    age: float
    is_alive_here: bool


def live_signs(log: RunLog, commit: Commit, listing: Listing, now: float) -> list[LiveSign]:
    """Return the heartbeats of drivers that may be running; none if an end is recorded.

    :param now: current time in seconds, by the store's clock
    """
    found = []
    for name in signs_of_life(log.store, commit, listing, now):
        about = _about(log, name)
        if not all_gone(about.get("process")):
            here = any_alive(about.get("process")) or any_alive(about.get("driver"))
            found.append(LiveSign(name, now - listing.heartbeats[name], here))
    return found


def describe_running(log: RunLog, commit: Commit, is_active: Callable[[UnitKey], bool]) -> str | None:
    """Return a description of who is running for the newest commit's claim, or ``None`` if nothing is.

    :param is_active: function that returns whether Airflow runs, or is about to run, the task instance of a key; called
        only for a claim without a heartbeat so far, whose driver may be queued at the cluster
    :raises CheckpointError: the store could not answer
    """
    if commit.state.status not in ACTIVE:
        return None
    key = claimer(commit.state.key, commit.state.caller)
    now = log.retried(lambda: reader_time(log.store))
    listing = log.retried(log.listing)
    signs = signs_of_life(log.store, commit, listing, now)
    if live_signs(log, commit, listing, now):
        return f"{describe(key)}, whose driver is alive"
    if commit.state.status is CheckpointStatus.SUBMITTED and not signs and key.dag_id and is_active(key):
        return f"{describe(key)}, whose driver was submitted and has not started yet"
    return None


def store_time(store: CheckpointStore) -> float:
    """Return the time by the store's clock, the only one that is comparable with the times of its objects."""
    name = f"now-{uuid.uuid4().hex}"
    store.write(f"_clock/{name}", b"")
    try:
        return next(found.modified for found in store.list_objects("_clock") if found.name == name)
    finally:
        store.delete(f"_clock/{name}")


def reader_time(store: CheckpointStore) -> float:
    """Return the time by the store's clock, or by this machine's if the store cannot be written to.

    For read-only callers. A caller that acts on the answer makes a claim, which a read-only location cannot hold.
    """
    try:
        return store_time(store)
    except CheckpointLocationError:
        return time.time()


class ReaderClock:
    """The store's time for one snapshot, determined when it is first needed, since that writes an object.

    :param store: store whose clock is used
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._time: float | None = None
        self._lock = threading.Lock()

    @property
    def was_asked(self) -> bool:
        """Whether the time was determined; from then on it stays the same."""
        return self._time is not None

    def __call__(self) -> float:
        """Return the time that the first call determined, see :func:`reader_time`."""
        with self._lock:
            if self._time is None:
                self._time = reader_time(self._store)
            return self._time


def _about(log: RunLog, name: str) -> Mapping[str, Any]:
    """Return the content of a heartbeat; empty if it cannot be read, and then only the lease counts."""
    try:
        return read_heartbeat(log.store.read(f"{log.path}/{name}")) or {}
    except CheckpointError:
        return {}
