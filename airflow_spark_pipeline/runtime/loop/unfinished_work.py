"""Unfinished work: waits for threads and processes that a component starts, before the component counts as done.

Otherwise a component whose thread is still writing when ``run`` returns would be recorded as done, and the driver would
end during the write.

Guarantees: work that the component left running gets ten seconds to end. Work that still runs then fails the component,
and the error names it. So does an uncaught error in a thread, and an error in a future whose result was never
requested. Idle workers of an executor, daemon threads of libraries and other threads of this process are left alone.

Not guaranteed: finding work that was started without ``threading``, ``subprocess`` or ``multiprocessing``, or a daemon
that has left its parent. A remaining process is asked to end; a thread cannot be ended, and runs until the driver ends.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from types import FrameType
from typing import Any, NoReturn

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from airflow_spark_pipeline.runtime.loop.ownership import Owner, error_of, own, owner_of, was_asked
from airflow_spark_pipeline.runtime.process.output import say_below
from airflow_spark_pipeline.user_errors.text import frames_of, shorten

GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_FIRST_LOOK_SECONDS = 0.001  # a worker of Spark Connect's client is busy for milliseconds, and does not end then
_COMMAND_LENGTH = 200
_FUTURES = os.path.join("concurrent", "futures", "")


class _Process:
    """A process that a component started.

    :param started: Python's object for the process; no reference is kept, since the object may hold pipes
    :param what: command of the process, or its multiprocessing name
    """

    def __init__(self, started: Any, what: str) -> None:
        self.pid: int = started.pid
        self.what = what
        self._started = weakref.ref(started)

    @property
    def runs(self) -> bool:
        """Whether the process is still running."""
        started = self._started()
        try:
            if started is None:
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            return bool(started.poll() is None if hasattr(started, "poll") else started.is_alive())
        # closed, not a child of this process, or another platform
        except (AttributeError, AssertionError, OSError, ValueError):
            return False

    def wait(self, seconds: float) -> None:
        """Wait for the process to end, as far as the platform allows."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            threading.Event().wait(min(seconds, _LOOK_SECONDS))
            return
        try:
            select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)


class Leftovers:
    """The threads, processes and futures started inside the block, by its thread or by threads started there.

    :param name: name of the component
    :param origin: recognizes the user's code
    """

    def __init__(self, name: str, origin: Origin) -> None:
        self._name = name
        self._origin = origin
        self._outer: Owner | None = None
        self._errors: list[BaseException] = []
        self._futures: list[Future[Any]] = []
        self._started: list[_Process] = []

    def __enter__(self) -> Leftovers:  # noqa: PYI034  # Self is not in Python 3.10
        self._outer = own(self)
        return self

    def __exit__(self, *_: object) -> None:
        own(self._outer)

    def mine(self) -> bool:
        """Whether this thread belongs to the component."""
        return owner_of(threading.current_thread()) is self

    def thread_failed(self, thread: threading.Thread, error: BaseException) -> None:
        """Remember an uncaught error."""
        frames = (frame for frame, _ in traceback.walk_tb(frames_of(error)))
        if not thread.daemon or any(self._is_users(frame) for frame in frames):
            self._errors.append(error)

    def finish(self) -> None:
        """Wait for work that the component left running.

        :raises ComponentFailedError: some of the work is still running after the wait
        :raises BaseException: an uncaught error in one of the component's threads
        """
        deadline, told, pause = time.monotonic() + GRACE_SECONDS, False, _FIRST_LOOK_SECONDS
        while left := self._left():
            rest = deadline - time.monotonic()
            if rest <= 0:
                self._give_up(left)
            if rest < GRACE_SECONDS - 1 and not told:
                told = True
                say_below(self._name, f"Waiting for {' and '.join(map(self._label, left))}")
            first = left[0]
            if isinstance(first, _Process):
                first.wait(min(rest, 1))
            else:
                first.join(min(rest, pause))
                pause = min(2 * pause, _LOOK_SECONDS)
        for error in (*self._errors, *(error_of(future) for future in self._futures if not was_asked(future))):
            if error is not None:
                raise error

    def process_started(self, process: Any, what: str) -> None:
        """Remember a process."""
        self._started.append(_Process(process, shorten(what, _COMMAND_LENGTH)))

    def work_submitted(self, future: Future[Any]) -> None:
        """Remember the work, so that its failure is noticed even if its result is never requested."""
        passed = (os.path.join("loop", "ownership.py"), _FUTURES)
        caller: FrameType | None = sys._getframe(1)
        while caller is not None and any(part in caller.f_code.co_filename for part in passed):
            caller = caller.f_back
        if caller is not None and self._is_users(caller):  # a library may ignore its futures' results
            future.add_done_callback(self._keep)

    def _keep(self, future: Future[Any]) -> None:
        if error_of(future) is not None:
            self._futures.append(future)

    def _left(self) -> list[threading.Thread | _Process]:
        return [*self._threads(), *self._processes()]

    def _threads(self) -> list[threading.Thread]:
        own = [
            each for each in threading.enumerate() if owner_of(each) is self and each is not threading.current_thread()
        ]
        if not own:
            return []
        frames = sys._current_frames()  # the only way to see what a thread is doing
        return [
            thread
            for thread in own
            if not _is_idle(thread, frames.get(thread.ident or 0))
            and (not thread.daemon or self._works(frames.get(thread.ident or 0)))
        ]

    def _works(self, frame: FrameType | None) -> bool:
        """Whether a daemon thread runs the component's code, or waits for the results of its pool."""
        return bool(self._place(frame)) or any(
            each.f_code.co_name == "_handle_results" and each.f_locals.get("cache") for each in _outwards(frame)
        )

    def _processes(self) -> list[_Process]:
        if not self._started:
            return []
        idle = {pid for thread in threading.enumerate() if owner_of(thread) is self for pid in _idle_workers(thread)}
        return [process for process in self._started if process.pid not in idle and process.runs]

    def _give_up(self, left: list[threading.Thread | _Process]) -> NoReturn:
        what = " and ".join(map(self._label, left))
        for process in self._processes():
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGTERM)
        raise ComponentFailedError(
            f"{self._name} returned, and {GRACE_SECONDS:g} s later {what} still ran. A component is done when "
            "everything that it started is done: call join(), shutdown() or wait() before run() returns.",
            retry_helps=False,
        )

    def _label(self, left: threading.Thread | _Process) -> str:
        if isinstance(left, _Process):
            return f"its process {left.pid} ({left.what})"
        place = self._place(sys._current_frames().get(left.ident or 0))
        return f"its thread {left.name!r}{f' ({place})' if place else ''}"

    def _place(self, frame: FrameType | None) -> str:
        """Return the position of a thread in the user's code, or an empty text if it is elsewhere."""
        for each in _outwards(frame):
            if self._is_users(each):
                return f"{each.f_code.co_filename}:{each.f_lineno}"
        return ""

    def _is_users(self, frame: FrameType) -> bool:
        return self._origin.is_users(frame.f_globals.get("__name__"), frame.f_code.co_filename)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_idle(thread: threading.Thread, frame: FrameType | None) -> bool:
    """Whether the thread belongs to an executor that was not shut down and is idle."""
    if type(thread).__name__ == "_ExecutorManagerThread":
        return not getattr(thread, "pending_work_items", None)
    if frame is None:
        return False  # it is starting or ending
    code = frame.f_code
    waits = code.co_name == "_worker" and code.co_filename.endswith(f"{_FUTURES}thread.py")
    queue = frame.f_locals.get("work_queue") if waits else None
    return queue is not None and bool(queue.empty()) and frame.f_locals.get("work_item") is None


def _idle_workers(thread: threading.Thread) -> Iterator[int]:
    if type(thread).__name__ == "_ExecutorManagerThread" and _is_idle(thread, None):
        yield from getattr(thread, "processes", None) or ()
