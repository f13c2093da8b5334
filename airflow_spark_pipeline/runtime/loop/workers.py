"""Workers: run components in threads, and hand their results to the main thread; only the main thread records them.

::

    with Workers(2) as workers:
        workers.start(0, load, give_up=…)    # load calls workers.call(0, record) when its work is done
        workers.start(1, clean, give_up=…)
        ended = workers.wait()               # runs what the workers hand over, until one of them has ended

Guarantees: what the workers hand over runs in the main thread, one piece at a time, in the order in which it arrived.
After an error in the main thread, or in what a worker handed over, nothing is run for any worker. With ``parallelism =
1`` there are no threads: everything runs in the calling thread.

Not guaranteed: that a thread ends. Python cannot end one that sleeps or waits in C code. Such a thread is abandoned:
what it hands over is not done, and it ends with the process.
"""

from __future__ import annotations

import ctypes
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_spark_pipeline.runtime.process.output import KeptOutput, name_components, stop_naming_components

Result = TypeVar("Result")
Target = Callable[[], None]
GiveUp = Callable[[BaseException], None]

GRACE_SECONDS = 5.0  # after Ctrl-C
_PATIENCE_SECONDS = 30.0  # after an error that ends the attempt without recording anything more


class AbandonedError(BaseException):  # not an Exception, so that no `except Exception` keeps the thread alive
    """Ends an abandoned thread as soon as it hands something over."""


@dataclass(frozen=True)
class _Piece:
    """Work for the main thread, and where its result goes."""

    index: int
    work: Callable[[], Any]
    result: Future[Any]


@dataclass(frozen=True)
class _End:
    """The end of a component: its thread has ended, or is abandoned because of the error."""

    index: int
    error: BaseException | None = None
    abandons: bool = False


@dataclass
class _Worker:
    thread: threading.Thread
    give_up: GiveUp
    interruptible: bool = False


class _Interruptible:
    # Not with contextlib: it sets the traceback of the raised exception, which not every class allows.
    def __init__(self, worker: _Worker | None) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        if self._worker is not None:
            self._worker.interruptible = True

    def __exit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.interruptible = False


class Workers:
    """Runs components; the caller decides how many at the same time.

    :param parallelism: 1 for no threads
    :param thread_target: function that wraps the target of a component's thread, given the component's index
    :param cancel: function that cancels the Spark jobs of a component, given its index
    """

    def __init__(
        self,
        parallelism: int,
        *,
        thread_target: Callable[[int, Target], Target] = lambda _, target: target,
        cancel: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._inline = parallelism == 1
        self._thread_target = thread_target
        self._cancel = cancel
        self._queue: queue.SimpleQueue[_Piece | _End] = queue.SimpleQueue()
        self._workers: dict[int, _Worker] = {}
        self._ended: set[int] = set()
        self._output = KeptOutput()
        self._interrupted_at: float | None = None
        #: Ctrl-C, pressed while components ran in threads.
        self.interrupt: KeyboardInterrupt | None = None
        #: Whether a thread may still be running although its component has ended.
        self.abandoned = False

    def __enter__(self) -> Workers:  # noqa: PYI034  # Self is not in Python 3.10
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None:
            self._stop(error)

    @property
    def inside(self) -> tuple[int, ...]:
        """Indexes of the components that are running in threads."""
        return tuple(self._workers)

    def start(self, index: int, work: Target, give_up: GiveUp) -> None:
        """Run the work of a component: in a new thread, or at once if there are no threads.

        :param give_up: what the main thread does with the error for which the component is abandoned
        """
        if self._inline:
            work()
            self._ended.add(index)
            return
        if not self._workers:
            self._output.__enter__()
            name_components()
        target = self._thread_target(index, work)
        thread = threading.Thread(target=self._run, args=(index, target), name=f"component-{index + 1}", daemon=True)
        self._workers[index] = _Worker(thread, give_up)
        thread.start()

    def call(self, index: int, work: Callable[[], Result]) -> Result:
        """Run a piece of work of a component in the main thread. Returns its result, or raises its error."""
        if self._inline:
            return work()
        result: Future[Result] = Future()
        self._queue.put(_Piece(index, work, result))
        return result.result()

    def abandon(self, index: int, error: BaseException) -> None:
        """Count a component that cannot be stopped as ended, with this error."""
        self._queue.put(_End(index, error, abandons=True))

    def interruptible(self, index: int) -> _Interruptible:
        """Return a context manager that lets Ctrl-C raise in the component's thread while it is inside the block."""
        return _Interruptible(self._workers.get(index))

    def wait(self) -> set[int]:
        """Run what the workers hand over until at least one has ended. Returns the indexes of those that have ended.

        :raises BaseException: the error of a worker, or of what it handed over
        """
        while self._workers and not self._ended:
            try:
                self._handle(self._queue.get(timeout=_left(self._interrupted_at, GRACE_SECONDS)))
            except queue.Empty:
                self._end(_End(self.inside[0], self.interrupt, abandons=True))
            except KeyboardInterrupt as interrupt:
                if self._interrupted_at is not None:
                    raise
                self._interrupt(interrupt)
        ended, self._ended = self._ended, set()
        return ended

    def _interrupt(self, interrupt: KeyboardInterrupt) -> None:
        """Hand Ctrl-C on to the components; those that do not end soon are abandoned."""
        self.interrupt, self._interrupted_at = interrupt, time.monotonic()
        for index, worker in self._workers.items():
            self._cancel(index)
            if worker.interruptible and worker.thread.ident is not None:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(worker.thread.ident), ctypes.py_object(KeyboardInterrupt)
                )

    def _run(self, index: int, target: Target) -> None:
        error = None
        try:
            target()
        except BaseException as raised:  # the main thread raises it again
            error = raised
        self._queue.put(_End(index, error))

    def _handle(self, item: _Piece | _End) -> None:
        if item.index not in self._workers:
            if isinstance(item, _Piece):
                item.result.set_exception(AbandonedError())
        elif isinstance(item, _End):
            self._end(item)
        else:
            try:
                item.result.set_result(item.work())
            except BaseException as error:
                item.result.set_exception(error)
                raise

    def _end(self, end: _End) -> None:
        worker = self._remove(end.index)
        self._ended.add(end.index)
        if end.abandons and end.error is not None:
            self.abandoned = True
            worker.give_up(end.error)
        elif end.error is not None:
            raise end.error

    def _remove(self, index: int) -> _Worker:
        worker = self._workers.pop(index)
        if not self._workers:
            stop_naming_components()
            self._output.__exit__()
        return worker

    def _stop(self, error: BaseException) -> None:
        """Cancel what is running and wait for its end; of what it hands over, nothing is done."""
        since = time.monotonic()
        for index in self._workers:
            self._cancel(index)
        while self._workers:
            try:
                item = self._queue.get(timeout=_left(since, _PATIENCE_SECONDS))
            except queue.Empty:
                self.abandoned = True
                for index in self.inside:
                    self._remove(index)
                return
            if isinstance(item, _Piece):
                item.result.set_exception(error)
            elif item.index in self._workers:
                self._remove(item.index)


def _left(since: float | None, seconds: float) -> float | None:
    """Return what is left of a time that began at ``since``; ``None`` if it has not begun."""
    return None if since is None else max(since + seconds - time.monotonic(), 0.0)
