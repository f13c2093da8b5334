"""The threads and processes that a component starts: it is not done before they are.

A thread that is still writing when ``run`` returns would let the component be recorded as done, and the driver would
end under it. Promises: what the component left running gets ten seconds to end; what runs then fails the component, by
its name; so does an error in a thread that nobody handled, and one in a future that nobody asked for its result.
Workers of an executor that have nothing to do are left alone, and so are daemon threads of libraries, and other
people's threads in this process.

Does not promise to find what was started in other ways than by ``threading``, ``subprocess`` and ``multiprocessing``,
nor a daemon that has left its parent. A process that is left is asked to end; a thread cannot be ended, and runs on
until the driver ends.
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
from airflow_spark_pipeline.runtime.driver.output import say
from airflow_spark_pipeline.runtime.loop.ownership import Owner, error_of, own, owner_of, was_asked
from airflow_spark_pipeline.user_errors.text import frames_of, shorten

GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.1
_COMMAND_LENGTH = 200
_FUTURES = os.path.join("concurrent", "futures", "")


class _Process:
    """A process that was started.

    :param started: the object that Python keeps of it; not held here, since it may hold pipes
    :param what: its command, or the name that multiprocessing gave it
    """

    def __init__(self, started: Any, what: str) -> None:
        self.pid: int = started.pid
        self.what = what
        self._started = weakref.ref(started)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        started = self._started()
        try:
            if started is None:
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            return bool(started.poll() is None if hasattr(started, "poll") else started.is_alive())
        except (AttributeError, AssertionError, OSError, ValueError):  # closed, somebody else's, or another system
            return False

    def wait(self, seconds: float) -> None:
        """Wait for its end, as far as this system lets us."""
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
    """What is started inside the block, by its thread and by the threads that those start.

    :param name: of the component
    :param origin: tells the user's code
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
        """Whether what this thread starts is the component's."""
        return owner_of(threading.current_thread()) is self

    def thread_failed(self, thread: threading.Thread, error: BaseException) -> None:
        """Remember an error that nobody handled."""
        frames = (frame for frame, _ in traceback.walk_tb(frames_of(error)))
        if not thread.daemon or any(self._is_users(frame) for frame in frames):
            self._errors.append(error)

    def finish(self) -> None:
        """Give what the component left running its time to end.

        :raises ComponentFailedError: something of it runs even then
        :raises BaseException: an error in one of its threads that nobody handled
        """
        deadline, told = time.monotonic() + GRACE_SECONDS, False
        while left := self._left():
            rest = deadline - time.monotonic()
            if rest <= 0:
                self._give_up(left)
            if rest < GRACE_SECONDS - 1 and not told:
                told = True
                say(f"    Waiting for {' and '.join(map(self._label, left))}")
            first = left[0]
            if isinstance(first, _Process):
                first.wait(min(rest, 1))
            else:
                first.join(min(rest, _LOOK_SECONDS))
        for error in (*self._errors, *(error_of(future) for future in self._futures if not was_asked(future))):
            if error is not None:
                raise error

    def process_started(self, process: Any, what: str) -> None:
        """Remember a process."""
        self._started.append(_Process(process, shorten(what, _COMMAND_LENGTH)))

    def work_submitted(self, future: Future[Any]) -> None:
        """Remember how the work fails: nobody need ask for its result."""
        passed = (os.path.join("loop", "ownership.py"), _FUTURES)
        caller: FrameType | None = sys._getframe(1)
        while caller is not None and any(part in caller.f_code.co_filename for part in passed):
            caller = caller.f_back
        if caller is not None and self._is_users(caller):  # what a library does with its own is up to it
            future.add_done_callback(self._keep)

    def _keep(self, future: Future[Any]) -> None:
        if error_of(future) is not None:
            self._futures.append(future)

    def _left(self) -> list[threading.Thread | _Process]:
        return [*self._threads(), *self._processes()]

    def _threads(self) -> list[threading.Thread]:
        frames = sys._current_frames()  # the only way to know what a thread does
        return [
            thread
            for thread in threading.enumerate()
            if owner_of(thread) is self
            and thread is not threading.current_thread()
            and not _is_idle(thread, frames.get(thread.ident or 0))
            and (not thread.daemon or self._works(frames.get(thread.ident or 0)))
        ]

    def _works(self, frame: FrameType | None) -> bool:
        """Whether a daemon thread does something of the component's, or waits for the results of its pool."""
        return bool(self._place(frame)) or any(
            each.f_code.co_name == "_handle_results" and each.f_locals.get("cache") for each in _outwards(frame)
        )

    def _processes(self) -> list[_Process]:
        idle = {pid for thread in threading.enumerate() if owner_of(thread) is self for pid in _idle_workers(thread)}
        return [process for process in self._started if process.pid not in idle and process.runs]

    def _give_up(self, left: list[threading.Thread | _Process]) -> NoReturn:
        what = " and ".join(map(self._label, left))
        for process in self._processes():
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGTERM)
        raise ComponentFailedError(
            f"{self._name} returned while {what} was still running, and {GRACE_SECONDS:g} s were not enough for it to "
            f"end. A component is done when all that it started is done: call join(), shutdown() or wait() before "
            f"run() returns.",
            retry_helps=False,
        )

    def _label(self, left: threading.Thread | _Process) -> str:
        if isinstance(left, _Process):
            return f"its process {left.pid} ({left.what})"
        place = self._place(sys._current_frames().get(left.ident or 0))
        return f"its thread {left.name!r}{f' ({place})' if place else ''}"

    def _place(self, frame: FrameType | None) -> str:
        """Return where in the user's code a thread is; empty where it is not in it."""
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
    """Whether it belongs to an executor that nobody has shut down, and that has nothing to do."""
    if type(thread).__name__ == "_ExecutorManagerThread":
        return not getattr(thread, "pending_work_items", None)
    if frame is None:
        return False  # it starts, or ends
    code = frame.f_code
    waits = code.co_name == "_worker" and code.co_filename.endswith(f"{_FUTURES}thread.py")
    queue = frame.f_locals.get("work_queue") if waits else None
    return queue is not None and bool(queue.empty()) and frame.f_locals.get("work_item") is None


def _idle_workers(thread: threading.Thread) -> Iterator[int]:
    if type(thread).__name__ == "_ExecutorManagerThread" and _is_idle(thread, None):
        yield from getattr(thread, "processes", None) or ()
