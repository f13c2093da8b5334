"""Leases: which drivers are running in a unit of work, and the wait for their end.

Every driver keeps a heartbeat object next to the log.

Guarantees: if a driver finds that all other heartbeats of the unit are absent, stale, or of processes that are
certainly gone, it is the only driver that is not frozen. Only the store's clock decides whether a heartbeat is stale,
so the clocks of machines may differ. A driver that cannot renew its heartbeat for half the lease stops before another
attempt may take it for stale. Not guaranteed: anything about external side effects of a driver that was frozen for
longer than its lease.

Example with a lease of 60 s: a driver loses its network at second 0. At second 30 it cancels its jobs, at 40 it stops
Spark, and at 50 its process ends. At second 60 its heartbeat is stale, and another attempt may start.

The object ``hb-<attempt id>-<incarnation>`` holds JSON for attempts that wait: runId, attempt, leaseSeconds, process
(when these processes end, all work has ended), driver (the driver's processes; while they are alive, the driver is)
and, if the driver uses a Spark Connect server, sparkUser. The object's modification time starts the lease; a missing
object means that the lease was released. An incarnation is one process: a cluster manager may start a driver twice.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.checkpoint.heartbeat import read_heartbeat, write_heartbeat
from airflow_spark_pipeline.checkpoint.layout import HEARTBEAT, Listing
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.processes import all_gone
from airflow_spark_pipeline.checkpoint.state import DEFAULT_LEASE_SECONDS
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointStoreError, SupersededError


def boottime() -> float:
    """Return the seconds of a clock that keeps running while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """The length of a lease, and the times derived from it.

    ``fence`` plus twice ``patience`` is less than ``seconds``: a driver has ended before its heartbeat can be stale.
    Otherwise a successor could start while it is still stopping.

    :param seconds: seconds after which a heartbeat that was not renewed is stale
    """

    seconds: float = DEFAULT_LEASE_SECONDS

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats."""
        return self.seconds / 6

    @property
    def fence(self) -> float:
        """Seconds without a heartbeat after which a driver stops itself."""
        return self.seconds / 2

    @property
    def patience(self) -> float:
        """Seconds that a component gets to stop when its jobs are cancelled, and again when Spark is stopped."""
        return self.seconds / 6


@dataclass(frozen=True, slots=True)
class Other:
    """The heartbeat of another driver.

    :param description: description of the other driver, for people
    :param about: content of the heartbeat
    """

    name: str
    description: str
    lease_seconds: float
    process: Mapping[str, Any] | None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def incarnation(self) -> str:
        """Incarnation of the other driver, see :attr:`Lease.incarnation`."""
        return self.name[len(HEARTBEAT) :]


class Lease:
    """The heartbeat of one driver.

    :param log: log of the unit of work
    :param attempt_id: attempt id of the driver's claim
    :param about: content of the heartbeat object, for attempts that wait
    :param clock: function that returns seconds, including suspended time
    """

    def __init__(
        self,
        log: RunLog,
        attempt_id: str,
        about: Mapping[str, Any],
        terms: LeaseTerms,
        *,
        clock: Callable[[], float] = boottime,
    ) -> None:
        #: Identifies this process: the attempt, and which of the processes that a cluster manager may start for it.
        self.incarnation = f"{attempt_id}-{uuid.uuid4().hex[:8]}"
        self.name = f"{HEARTBEAT}{self.incarnation}"
        self.terms = terms
        self._log = log
        self._body = write_heartbeat(about, terms.seconds)
        self._clock = clock
        self._pid = os.getpid()
        self._renewed = clock()

    def renew(self) -> None:
        """Renew the heartbeat.

        :raises CheckpointError: the store rejected the heartbeat
        """
        self._require_own_process()
        start = self._clock()
        self._log.store.write(f"{self._log.path}/{self.name}", self._body)
        # Counted from the start of the call: the store may set the object's time at any point during the call. Example:
        # a write that hangs for 20 s may carry the time of its first second; counted from its end, this driver would
        # stop 20 s late.
        self._renewed = start

    @property
    def overdue(self) -> bool:
        """Whether this driver must stop, because its last renewal is too old."""
        return self._clock() - self._renewed > self.terms.fence

    def release(self) -> None:
        """Release the lease. Call this only when no work of this driver is running any more.

        :raises CheckpointError: the heartbeat could not be deleted; it stays and becomes stale
        """
        self._require_own_process()
        self._log.delete(self.name)

    def _require_own_process(self) -> None:
        """Raise in a forked copy of the driver: only the parent may say that the driver is alive."""
        if os.getpid() != self._pid:
            raise CheckpointError(f"process {os.getpid()} is a fork of the driver, and cannot act as the driver")

    def others(self, listing: Listing) -> list[Other]:
        """Return the heartbeats of other drivers in a listing."""
        return [self._other(name) for name in listing.heartbeats if name != self.name]

    def blocking(self, others: list[Other], listing: Listing) -> list[Other]:
        """Return those of the other drivers that may still be running, according to the listing."""
        mine = listing.heartbeats.get(self.name)
        slack = self._log.store.clock_slack
        return [
            other
            for other in others
            if (theirs := listing.heartbeats.get(other.name)) is not None
            and not (mine is not None and mine - theirs > max(other.lease_seconds, self.terms.seconds) + slack)
            and not all_gone(other.process)
        ]

    def wait(
        self, others: list[Other], number: int, *, sleep: Callable[[float], None], tell: Callable[[Other], None]
    ) -> Iterator[None]:
        """Wait until no other driver can be running; yields before each check, so that the caller can stop the wait.

        :param number: number of this driver's newest commit
        :param tell: function that is called once for each driver that is waited for
        :raises SupersededError: a newer attempt has claimed the unit in the meantime
        """
        told: set[str] = set()
        while True:
            yield
            try:
                listing = self._log.listing()
            except CheckpointStoreError:
                sleep(min(1.0, self.terms.interval))  # a lasting outage ends with the lease
                continue
            if self._log.is_passed(number, listing.numbers):
                raise SupersededError("This attempt was superseded while it waited; it has run nothing.")
            blocking = self.blocking(others, listing)
            if not blocking:
                return
            for other in blocking:
                if other.name not in told:
                    told.add(other.name)
                    tell(other)
            sleep(min(1.0, self.terms.interval))

    def clear(self, others: list[Other]) -> None:
        """Delete the heartbeats of the drivers that were waited for; they are dead."""
        for other in others:
            self._log.delete(other.name)

    def _other(self, name: str) -> Other:
        with contextlib.suppress(CheckpointError):  # released or unreadable; then only the lease counts
            about = read_heartbeat(self._log.retried(lambda: self._log.store.read(f"{self._log.path}/{name}")))
            if about is not None:
                who = f"attempt {about['attempt']} (run {about['runId']})"
                return Other(name, who, float(about["leaseSeconds"]), about.get("process"), about)
        return Other(name, name, self.terms.seconds, None)
