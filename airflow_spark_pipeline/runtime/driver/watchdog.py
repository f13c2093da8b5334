"""The watchdog: renews the driver's lease, and stops the driver if it is superseded or cannot renew the lease.

It has two threads. One renews the heartbeat and looks for a successor; it may hang in a call to the store for any
length of time. The other only watches the clock and stops the driver. First it cancels the Spark jobs by their tag,
then it stops Spark, then it ends the process, each after the lease's patience: a component in the middle of pure Python
code cannot be stopped in any other way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from airflow_spark_pipeline.checkpoint.layout import Listing
from airflow_spark_pipeline.checkpoint.lease import Lease
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.exceptions import CheckpointError, LeaseLostError, SparkPipelineError, SupersededError
from airflow_spark_pipeline.protocol import EXIT_SUPERSEDED
from airflow_spark_pipeline.runtime.process.output import say

_RETRY_SECONDS = 1.0
_LOOK_SECONDS = 0.5


class Watchdog:
    """Watches one driver.

    :param newest: function that returns the highest number that this driver wrote or is writing, ``None`` before the
        first
    :param recorded: function that returns the last commit that this driver knows to be recorded
    :param ends_process: whether this process may be ended if a component does not stop, because only the driver uses it
    """

    def __init__(
        self,
        log: RunLog,
        lease: Lease,
        newest: Callable[[], int | None],
        *,
        recorded: Callable[[], Commit | None] = lambda: None,
        ends_process: bool = True,
    ) -> None:
        self._log = log
        self._lease = lease
        self._newest = newest
        self._recorded = recorded
        self._ends_process = ends_process
        self._reason: SparkPipelineError | None = None
        self._error: CheckpointError | None = None  # the store's error, if it rejected the heartbeat
        self._written: tuple[int, float] | None = None  # the newest commit, and when it was written
        self._ended = threading.Event()
        self._wake = threading.Event()  # set when the driver is cancelled or has ended: the clock thread ends
        self._steps: list[Callable[[], object]] = []
        self._releases = True
        self._threads = [
            threading.Thread(target=self._beat, name="heartbeat", daemon=True),
            threading.Thread(target=self._watch, name="watchdog", daemon=True),
        ]

    def start(self) -> None:
        """Write the first heartbeat, and keep renewing it.

        :raises CheckpointError: the store rejects the heartbeat
        """
        self._log.retried(self._lease.renew)
        for thread in self._threads:
            thread.start()

    def guard(self) -> None:
        """Raise if this driver must stop: called before a component is entered and before anything is recorded.

        :raises SupersededError: another attempt has taken over
        :raises LeaseLostError: the lease could not be kept
        """
        if self._reason is None and self._lease.overdue:
            # After a freeze any thread may wake up first, so this one must not rely on what the other saw. Example: the
            # laptop sleeps for an hour; the main thread wakes first and would commit although the lease ran out long
            # ago.
            self._cancel(self._lost())
        if self._reason is not None:
            raise self._reason

    def pause(self, seconds: float) -> None:
        """Wait for some seconds; raise as soon as this driver must stop.

        :raises SupersededError: another attempt has taken over
        :raises LeaseLostError: the lease could not be kept
        """
        self._wake.wait(seconds)
        self.guard()

    def on_cancel(self, *steps: Callable[[], object]) -> None:
        """Set the steps that stop the work; the next step follows when the lease's patience is over."""
        self._steps = list(steps)

    def keep_lease(self) -> None:
        """Leave the heartbeat for the next attempt to find, because work of this driver may still be running."""
        self._releases = False

    def stop(self) -> None:
        """Stop watching; release the lease if no work of this driver is still running."""
        self._ended.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(self._lease.terms.patience)
        if any(thread.is_alive() for thread in self._threads):
            return  # a hanging heartbeat may still arrive later: the lease must run out
        if not self._releases:
            return
        try:
            self._lease.release()
        except CheckpointError as error:
            say(f"The lease could not be released and will expire: {error}")

    def _beat(self) -> None:
        pause = self._lease.terms.interval
        while not self._ended.wait(pause) and self._reason is None:
            if self._lease.overdue:
                # Too late: other attempts may already have taken this driver for dead. Renewing now would let both run.
                self._cancel(self._lost())
                return
            recorded = self._recorded()  # read before the listing, which may be older than the next commit
            try:
                self._judge(recorded, self._sign())
            except CheckpointError as error:
                self._error = error
                pause = min(_RETRY_SECONDS, self._lease.terms.interval)
                continue
            pause, self._error = self._lease.terms.interval, None

    def _sign(self) -> Listing:
        """Renew the heartbeat and list the log. A removed heartbeat is not renewed: that would hide the removal."""
        listing = self._log.listing()
        if self._lease.name not in listing.heartbeats or self._lease.overdue:
            return listing
        self._lease.renew()
        return self._log.listing()

    def _judge(self, recorded: Commit | None, listing: Listing) -> None:
        """Stop this driver if a listing shows that it must."""
        newest = self._newest()
        if newest is not None and self._log.is_passed(newest, listing.numbers):
            self._cancel(self._superseded())
        elif recorded is not None and self._is_lost(recorded, listing):
            self._cancel(self._log.lost())
        elif self._lease.name not in listing.heartbeats:
            self._cancel(SupersededError("Another attempt took this one for dead and removed its heartbeat."))

    def _is_lost(self, recorded: Commit, listing: Listing) -> bool:
        """Whether this driver's last commit is missing although no clean-up can have deleted it."""
        if not listing.numbers or listing.numbers[-1] < recorded.number:
            return True
        written = (recorded.number, listing.written.get(recorded.number, 0.0))
        before, self._written = self._written, written
        if written[1] == 0.0 or before is None or before[0] != written[0] or before[1] == written[1]:
            return False
        # A commit never changes, so the directory was replaced or copied.
        return self._log.nonce_of(recorded.number) != recorded.state.nonce

    def _watch(self) -> None:
        while not self._wake.wait(_LOOK_SECONDS):
            if self._lease.overdue:
                self._cancel(self._lost())
        if self._reason is None:
            return
        say(f"Stopping: {self._reason}")
        for step in self._steps:
            threading.Thread(target=step, name="cancel", daemon=True).start()
            if self._ended.wait(self._lease.terms.patience):
                return
        if not self._ended.is_set():
            if not self._ends_process:
                say(f"The component has not stopped yet; what it does from now on does not count: {self._reason}")
                self._keep_cancelling()
                return
            say(f"The component did not stop, so the process ends: {self._reason}")
            os._exit(EXIT_SUPERSEDED)  # the heartbeat stays: it expires long after this process has ended

    def _keep_cancelling(self) -> None:
        """Keep cancelling, so that jobs the component starts later are stopped too."""
        while self._steps and not self._ended.wait(_LOOK_SECONDS):
            self._steps[0]()

    def _cancel(self, reason: SparkPipelineError) -> None:
        if self._reason is None:
            self._reason = reason
        self._wake.set()

    def _lost(self) -> LeaseLostError:
        why = self._error or "the store could not be reached, or the process was suspended"
        return LeaseLostError(
            f"This driver could not renew its lease for {self._lease.terms.fence:g} s ({why}), so it "
            "stops; recorded progress is kept."
        )

    def _superseded(self) -> SupersededError:
        try:
            newest = self._log.newest_state()
        except CheckpointError:
            newest = None
        return self._log.superseded(newest)
