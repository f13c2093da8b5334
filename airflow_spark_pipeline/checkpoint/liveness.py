"""Whether somebody is at work in a unit, as far as the store shows it.

A commit never says so: *running* was true when it was written. The heartbeats beside the log do, by the store's clock.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.claimant import claimer, describe
from airflow_spark_pipeline.checkpoint.heartbeat import read_heartbeat
from airflow_spark_pipeline.checkpoint.log import Listing, RunLog
from airflow_spark_pipeline.checkpoint.processes import all_gone, any_alive
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError

_AT_WORK = (CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING)


def signs_of_life(store: CheckpointStore, commit: Commit, listing: Listing, now: float) -> list[str]:
    """Return the names of the heartbeats that are younger than the lease; none where an end is recorded.

    :param now: by the store's clock
    """
    if commit.state.status not in _AT_WORK:
        return []
    lease = commit.state.lease_seconds + store.clock_slack
    return [name for name, modified in listing.heartbeats.items() if now - modified <= lease]


@dataclass(frozen=True, slots=True)
class LiveSign:
    """A heartbeat that is younger than the lease, and not of processes that are gone for certain.

    :param name: of its object
    :param age: seconds since it was renewed, by the store's clock
    :param is_alive_here: one of the processes that it names is alive on this machine
    """

    name: str
    age: float
    is_alive_here: bool


def live_signs(log: RunLog, commit: Commit, listing: Listing, now: float) -> list[LiveSign]:
    """Return the signs of life of those who may be at work; none where an end is recorded.

    :param now: by the store's clock
    """
    found = []
    for name in signs_of_life(log.store, commit, listing, now):
        about = _about(log, name)
        if not all_gone(about.get("process")):
            here = any_alive(about.get("process")) or any_alive(about.get("driver"))
            found.append(LiveSign(name, now - listing.heartbeats[name], here))
    return found


def who_is_at_work(log: RunLog, commit: Commit, is_active: Callable[[Mapping[str, Any]], bool]) -> str | None:
    """Return who is at work on the newest commit's claim, in words; ``None`` where nobody is.

    :param is_active: whether Airflow runs, or is about to run, the task instance of this key; asked only about a claim
        whose driver has not shown a sign of life yet: it may wait for the cluster
    :raises CheckpointError: the store could not answer
    """
    if commit.state.status not in _AT_WORK:
        return None
    key = claimer(commit.state.key, commit.state.caller)
    now = log.retried(lambda: reader_time(log.store))
    listing = log.retried(log.listing)
    signs = signs_of_life(log.store, commit, listing, now)
    if live_signs(log, commit, listing, now):
        return f"{describe(key)}, whose driver is alive"
    if commit.state.status is CheckpointStatus.SUBMITTED and not signs and key.get("dagId") and is_active(key):
        return f"{describe(key)}, whose driver was submitted and has not started yet"
    return None


def store_time(store: CheckpointStore) -> float:
    """Return the time by the store's own clock: the only one that its objects' times can be compared with."""
    name = f"now-{uuid.uuid4().hex}"
    store.write(f"_clock/{name}", b"")
    try:
        return next(found.modified for found in store.list_objects("_clock") if found.name == name)
    finally:
        store.delete(f"_clock/{name}")


def reader_time(store: CheckpointStore) -> float:
    """Return the time by the store's own clock; by this machine's where nothing may be written there.

    For whoever looks. Who acts on the answer claims, and a location that nobody may write to can hold no claim.
    """
    try:
        return store_time(store)
    except CheckpointLocationError:
        return time.time()


class ReaderClock:
    """The time for one look, asked for when it is first needed: where no driver may be running nothing is written.

    :param store: whose time it is
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._time: float | None = None

    @property
    def was_asked(self) -> bool:
        """Whether the time is known already, and from then on stays the same."""
        return self._time is not None

    def __call__(self) -> float:
        """Return the time of the first call, see :func:`reader_time`."""
        if self._time is None:
            self._time = reader_time(self._store)
        return self._time


def _about(log: RunLog, name: str) -> Mapping[str, Any]:
    """Return which processes a heartbeat names; none where it cannot be read, and then only the lease counts."""
    try:
        return read_heartbeat(log.store.read(f"{log.path}/{name}")) or {}
    except CheckpointError:
        return {}
