"""Ends a try of a component that takes longer than its ``timeout``.

When the time is up, its Spark jobs are cancelled. If it has not stopped five seconds later, its thread is interrupted:
the main thread by a signal, which also ends a ``sleep`` or a read from a socket, any other thread at its next line of
Python or in ``time.sleep`` (``short_sleeps.py``). Neither can stop code that catches every exception, or C code that
does not check for signals: then ``last_resort`` is called. It ends the driver, and the next attempt resumes at the
component. If components run in threads, the component fails instead, those next to it are finished, and then the
attempt fails.
"""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_spark_pipeline.exceptions import ComponentTimeoutError
from airflow_spark_pipeline.runtime.loop.short_sleeps import sleeping_shortly
from airflow_spark_pipeline.runtime.process.output import say

_GRACE_SECONDS = 5.0
_LAST_SECONDS = 30.0
_AGAIN_SECONDS = 1.0  # between two attempts to cancel jobs


class _TimeIsUp(BaseException):  # not an Exception, so that the user's `except Exception` does not catch it
    """Raised inside a component whose time is up."""


@contextmanager
def deadline(
    seconds: float,
    name: str,
    *,
    cancel: Callable[[], object],
    last_resort: Callable[[ComponentTimeoutError], None],
    grace: float = _GRACE_SECONDS,
) -> Iterator[None]:
    """Limit how long the block may take.

    :param name: name of the component
    :param cancel: function that cancels the component's Spark jobs
    :param last_resort: function that is called with the error if nothing else has stopped the component
    :param grace: seconds between the steps
    :raises ComponentTimeoutError: the block took longer, even if it then returned or raised something else
    """
    too_long = ComponentTimeoutError(f"{name} took longer than its timeout of {seconds:g} s, and was stopped")
    lasting = ComponentTimeoutError(f"{name} took longer than its timeout of {seconds:g} s, and could not be stopped")
    watch = _Watch(seconds, grace, cancel, lambda: last_resort(lasting), name)
    try:
        with watch.interruptible():
            yield
    except BaseException as error:
        if watch.fired:
            raise too_long from (None if isinstance(error, _TimeIsUp) else error)
        raise
    if watch.fired:
        raise too_long


class _Watch:
    """The clock thread, which interrupts the thread that created it."""

    def __init__(
        self, seconds: float, grace: float, cancel: Callable[[], object], last_resort: Callable[[], None], name: str
    ) -> None:
        self.fired = False
        self._ending = False
        self._grace = grace
        self._name = name
        self._cancel = cancel
        self._last_resort = last_resort
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._worker = threading.current_thread()
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="deadline", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Note that the block has ended; from now on nothing is interrupted."""
        # set before taking the lock: a signal that arrives during the wait must not raise here, where a component that
        # finished in time would fail
        self._ending = True
        with self._lock:
            self._ended.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Make the signal raise in the main thread; afterwards its old handler is restored."""
        if self._worker is not threading.main_thread():
            try:
                with sleeping_shortly():
                    yield
            finally:
                self.end()
            return
        before = signal.signal(signal.SIGUSR2, self._raise)
        try:
            yield
        finally:
            self.end()
            signal.signal(signal.SIGUSR2, before if before is not None else signal.SIG_DFL)

    def _raise(self, number: int, frame: Any) -> None:
        if not self._ending:
            raise _TimeIsUp

    def _run(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            return
        with self._lock:
            if self._ended.is_set():
                return
            self.fired = True
        say(f"Stopping {self._name}: its timeout of {seconds:g} s has expired")
        self._cancel_jobs()
        if self._ended.wait(self._grace):
            return
        self._interrupt()
        last = max(_LAST_SECONDS, self._grace)
        end = time.monotonic() + last
        while not self._ended.wait(min(_AGAIN_SECONDS, last)):
            if time.monotonic() >= end:
                self._last_resort()
                return
            self._cancel_jobs()  # one that was about to start, too: a thread that waits for it cannot be interrupted

    def _cancel_jobs(self) -> None:
        threading.Thread(target=self._cancel, name="cancel", daemon=True).start()

    def _interrupt(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            ident = self._worker.ident
            if ident is None:
                return
            if self._worker is threading.main_thread():
                signal.pthread_kill(ident, signal.SIGUSR2)
            else:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(_TimeIsUp))
