"""Waits, before a run is resumed outside Airflow, until its last driver is known to have ended.

A driver that was killed may look alive: its last heartbeat is younger than its lease, and its processes cannot be
checked here if they ran on another machine, in another container, or on a cluster.

Guarantees: a run is released for a resume only after its driver was silent for a whole lease, or is known to be gone. A
run is refused if its driver keeps sending heartbeats, or if its processes are running on this machine. Nothing is ever
restarted here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from airflow_spark_pipeline.checkpoint.claimant import claimer
from airflow_spark_pipeline.checkpoint.layout import Listing
from airflow_spark_pipeline.checkpoint.lease import boottime
from airflow_spark_pipeline.checkpoint.liveness import LiveSign, live_signs, reader_time
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.exceptions import StillRunningError
from airflow_spark_pipeline.runtime.process.output import say

#: For this many seconds a claim without a heartbeat counts as one whose driver is just starting.
STARTING_SECONDS = 10.0


def wait_until_silent(
    log: RunLog,
    commit: Commit,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = boottime,
    tell: Callable[[str], None] = say,
) -> Commit:
    """Return the newest commit of a run as soon as no driver can be working on it.

    :param commit: newest commit when the run was last read
    :param sleep: function that waits for some seconds
    :param clock: function that returns seconds, including suspended time
    :param tell: function that is called once if there is something to wait for
    :raises StillRunningError: the run's driver is alive
    :raises CheckpointError: the store could not answer
    """
    ahead = log.retried(lambda: reader_time(log.store)) - clock()
    lease, deadline = commit.state.lease_seconds + log.store.clock_slack, None
    while True:
        listing = log.retried(log.listing)
        if listing.numbers and listing.numbers[-1] != commit.number:
            newest = log.latest() or commit
            if newest.number != commit.number:
                commit = newest
                continue
        signs = live_signs(log, commit, listing, clock() + ahead)
        if not signs and not _may_be_starting(commit.state, listing):
            return commit
        refuse_if_certain(commit.state, signs)
        if deadline is None:
            deadline = clock() + lease
            tell(_waiting(commit.state, signs, lease))
        elif clock() > deadline:
            raise still_running(commit.state, f"it still shows signs of life after {lease:g} s")
        sleep(min(1.0, commit.state.lease_seconds / 6))


def refuse_if_alive(log: RunLog, commit: Commit) -> Commit:
    """Return the commit, or raise immediately if a driver may be working on the run; for read-only callers.

    :raises StillRunningError: the run's driver shows signs of life
    """
    listing = log.retried(log.listing)
    signs = live_signs(log, commit, listing, log.retried(lambda: reader_time(log.store)))
    refuse_if_certain(commit.state, signs)
    if signs:
        ago = max(min(sign.age for sign in signs), 0)
        raise still_running(commit.state, f"its last sign of life was {ago:.0f} s ago")
    return commit


def refuse_if_certain(state: CheckpointState, signs: list[LiveSign]) -> None:
    """Refuse a run whose driver's processes are running on this machine, without waiting.

    :raises StillRunningError: the processes are running
    """
    if any(sign.is_alive_here for sign in signs):
        raise still_running(state, "its process is alive on this machine")


def still_running(state: CheckpointState, why: str) -> StillRunningError:
    """Return the error that names a run whose driver is alive."""
    return StillRunningError(
        f"Run {state.run_id} (attempt {state.attempt}, started {state.started_at}) is still running: "
        f"{why}. Stop it or wait until it ends; without auto-resume, a new run would start next to it.",
        run_id=state.run_id,
    )


def _waiting(state: CheckpointState, signs: list[LiveSign], lease: float) -> str:
    if not signs:
        return f"Waiting up to {STARTING_SECONDS:g} s: attempt {state.attempt} (run {state.run_id}) is just starting …"
    ago = min(sign.age for sign in signs)
    return (
        f"Waiting up to {max(lease - ago, 1):.0f} s for the driver of attempt {state.attempt} (run {state.run_id}): "
        f"its last sign of life was {max(ago, 0):.0f} s ago, and it may still be running …"
    )


def _may_be_starting(state: CheckpointState, listing: Listing) -> bool:
    """Whether a process outside Airflow has just claimed the run and has not sent its first heartbeat yet."""
    if state.status is not CheckpointStatus.SUBMITTED or listing.heartbeats:
        return False
    if claimer(state.key, state.caller).dag_id:
        return False  # the driver may queue for hours; its token becomes invalid once the run is claimed
    age = datetime.now(timezone.utc) - datetime.fromisoformat(state.updated_at)
    return abs(age.total_seconds()) < STARTING_SECONDS
