"""Who is at work in a unit: a heartbeat object beside the log for each driver, and the wait for those of others.

Promises: a driver that finds the unit's other heartbeats absent, stale, or of processes that are gone for certain is
the only one that is not frozen; staleness is judged by the store's clock alone, so that clocks of machines may differ.
A driver that cannot renew its own for half the lease stops before anybody may take it for stale. Does not promise
anything about the outside effects of a driver that was frozen for longer than its lease.

The object ``hb-<attempt id>-<incarnation>`` holds JSON for whoever waits: runId, attempt, leaseSeconds, process
(whose end is the end of all work), driver (its own processes, which prove that it is alive while they are), and
where the driver works on a Spark Connect server, sparkUser. Its time is the lease; that it is gone means released. An
incarnation is one process: a cluster manager may start a driver twice.
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
from airflow_spark_pipeline.checkpoint.log import HEARTBEAT, Listing, RunLog
from airflow_spark_pipeline.checkpoint.processes import all_gone
from airflow_spark_pipeline.checkpoint.state import DEFAULT_LEASE_SECONDS
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointStoreError, SupersededError


def boottime() -> float:
    """Return seconds of a clock that goes on while the machine is suspended."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long a lease is, and what follows from it.

    ``fence`` + twice ``patience`` stays below ``seconds``: a driver has ended before it can be taken for stale.

    :param seconds: after which a heartbeat that was not renewed is stale
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
    """A heartbeat of somebody else.

    :param description: who that is, for people
    :param about: all that it says of itself
    """

    name: str
    description: str
    lease_seconds: float
    process: Mapping[str, Any] | None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def incarnation(self) -> str:
        """As its driver called itself, see :attr:`Lease.incarnation`."""
        return self.name[len(HEARTBEAT) :]


class Lease:
    """The heartbeat of one driver.

    :param log: of the unit of work
    :param attempt_id: of the claim
    :param about: what the object holds, for whoever waits
    :param clock: seconds that count suspended time
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
        #: Names this process: the attempt, and which of the processes that a cluster manager may start for it.
        self.incarnation = f"{attempt_id}-{uuid.uuid4().hex[:8]}"
        self.name = f"{HEARTBEAT}{self.incarnation}"
        self.terms = terms
        self._log = log
        self._body = write_heartbeat(about, terms.seconds)
        self._clock = clock
        self._pid = os.getpid()
        self._renewed = clock()

    def renew(self) -> None:
        """Show that this driver is alive.

        :raises CheckpointError: the store did not take it
        """
        self._require_own_process()
        start = self._clock()
        self._log.store.write(f"{self._log.path}/{self.name}", self._body)
        # Counted from the start: the store may have taken the time of the object at any moment of the call.
        self._renewed = start

    @property
    def overdue(self) -> bool:
        """Whether this driver has to stop, since it could not show for too long that it is alive."""
        return self._clock() - self._renewed > self.terms.fence

    def release(self) -> None:
        """Give the lease up. Only once nothing of this driver is at work any more.

        :raises CheckpointError: the heartbeat stays, and becomes stale
        """
        self._require_own_process()
        self._log.delete(self.name)

    def _require_own_process(self) -> None:
        """Refuse in a fork of the driver: its parent is the one who is alive, or not."""
        if os.getpid() != self._pid:
            raise CheckpointError(f"process {os.getpid()} is a fork of the driver, and does not speak for it")

    def others(self, listing: Listing) -> list[Other]:
        """Return the heartbeats of others that a listing shows."""
        return [self._other(name) for name in listing.heartbeats if name != self.name]

    def blocking(self, others: list[Other], listing: Listing) -> list[Other]:
        """Return those who may still be at work, by what a listing shows now."""
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
        """Wait until nobody else can be at work; yields before each look, so that the caller can stop it.

        :param number: of this driver's own newest commit
        :param tell: called once for each one that is waited for
        :raises SupersededError: a newer attempt has claimed the unit meanwhile
        """
        told: set[str] = set()
        while True:
            yield
            try:
                listing = self._log.listing()
            except CheckpointStoreError:
                sleep(min(1.0, self.terms.interval))  # the lease ends this if it lasts
                continue
            if listing.numbers and listing.numbers[-1] > number:
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
        """Delete the heartbeats of those who were waited for; they are dead."""
        for other in others:
            self._log.delete(other.name)

    def _other(self, name: str) -> Other:
        with contextlib.suppress(CheckpointError):  # released meanwhile, or unreadable; the lease holds all the same
            about = read_heartbeat(self._log.retried(lambda: self._log.store.read(f"{self._log.path}/{name}")))
            if about is not None:
                who = f"attempt {about['attempt']} (run {about['runId']})"
                return Other(name, who, float(about["leaseSeconds"]), about.get("process"), about)
        return Other(name, name, self.terms.seconds, None)
