"""Ends a try of a component that takes longer than its ``timeout``.

When the time is up, its Spark jobs are cancelled; if it has not stopped five seconds later, its thread is interrupted:
in the main thread by a signal, which also ends a ``sleep`` or a read from a socket, in any other thread at its next
line of Python. What neither can stop is code that catches everything, and code in C that does not look for signals:
there ``last_resort`` is called, which ends the driver; the next attempt resumes at the component.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow_spark_pipeline.exceptions import ComponentTimeoutError
from airflow_spark_pipeline.runtime.driver.output import say

_GRACE_SECONDS = 5.0
_LAST_SECONDS = 30.0


class _TimeIsUp(BaseException):  # no error of the user's code, so that `except Exception` lets it through
    """Raised inside a component whose time is up."""


@contextmanager
def deadline(
    seconds: float,
    name: str,
    *,
    cancel: Callable[[], None],
    last_resort: Callable[[], None],
    grace: float = _GRACE_SECONDS,
) -> Iterator[None]:
    """Let the block take so long.

    :param name: of the component
    :param cancel: cancels its Spark jobs
    :param last_resort: called where nothing else has stopped it
    :param grace: seconds between the steps
    :raises ComponentTimeoutError: it took longer, whatever it made of being stopped
    """
    watch = _Watch(seconds, grace, cancel, last_resort)
    too_long = ComponentTimeoutError(f"{name} took longer than its timeout of {seconds:g} s, and was stopped")
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
    """The clock's thread, and how it interrupts the thread that made it."""

    def __init__(
        self, seconds: float, grace: float, cancel: Callable[[], None], last_resort: Callable[[], None]
    ) -> None:
        self.fired = False
        self._ending = False
        self._grace = grace
        self._cancel = cancel
        self._last_resort = last_resort
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._worker = threading.current_thread()
        self._thread = threading.Thread(target=self._run, args=(seconds,), name="deadline", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """The block has ended, by itself or not; nothing is interrupted any more."""
        self._ending = True  # a signal that arrives while this waits for the lock must not raise here
        with self._lock:
            self._ended.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Make the main thread's signal raise; it is put back as it was."""
        if self._worker is not threading.main_thread():
            try:
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
        say(f"Stopping the component: its timeout of {seconds:g} s is over")
        threading.Thread(target=self._cancel, name="cancel", daemon=True).start()
        if self._ended.wait(self._grace):
            return
        self._interrupt()
        if not self._ended.wait(max(_LAST_SECONDS, self._grace)):
            self._last_resort()

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
