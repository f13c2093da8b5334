"""Which component started a thread, a process or a future: the one whose thread did, or a thread that it started.

Python does not keep this, so ``Thread.start``, ``Popen``, ``Process.start``, ``submit`` of the executors and
``threading.excepthook`` are wrapped, once in a process and for good; without an owner they do what they always do.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing.process
import subprocess
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

_ASKED = "_spark_pipeline_asked"  # set on a future whose result somebody has asked for
_owners: weakref.WeakKeyDictionary[threading.Thread, Owner] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_watching: list[bool] = []
_exception = Future.exception


class Owner(Protocol):
    """Is told of what it starts."""

    def process_started(self, process: Any, what: str) -> None:
        """A process was started, by subprocess or multiprocessing."""

    def work_submitted(self, future: Future[Any]) -> None:
        """An executor was given work."""

    def thread_failed(self, thread: threading.Thread, error: BaseException) -> None:
        """A thread has ended with an error that nobody handled."""


def own(owner: Owner | None) -> Owner | None:
    """Make somebody the owner of what this thread starts. Returns who it was before."""
    _watch()
    # Another hook may have taken the place of ours meanwhile.
    if getattr(threading.excepthook, "func", None) is not _unhandled:
        threading.excepthook = functools.partial(_unhandled, threading.excepthook)
    thread = threading.current_thread()
    before = _owners.pop(thread, None)
    if owner is not None:
        _owners[thread] = owner
    return before


def owner_of(thread: threading.Thread) -> Owner | None:
    """Return who started a thread, ``None`` where it is nobody who is asked for."""
    return _owners.get(thread)


def error_of(future: Future[Any]) -> BaseException | None:
    """Return how a future failed, without having asked for its result."""
    return None if future.cancelled() else _exception(future)


def was_asked(future: Future[Any]) -> bool:
    """Whether somebody has asked for the result of a future that is done."""
    return bool(getattr(future, _ASKED, False))


def _watch() -> None:
    """See to it that what is started from now on has an owner: that of the thread that starts it."""
    with _lock:
        if _watching:
            return
        _watching.append(True)
        with contextlib.suppress(ImportError, NotImplementedError):  # a system without semaphores
            _wrap(importlib.import_module("concurrent.futures.process").ProcessPoolExecutor, "submit", _work_submitted)
        _wrap(importlib.import_module("concurrent.futures.thread").ThreadPoolExecutor, "submit", _work_submitted)
        _wrap(threading.Thread, "start", _thread_starts)
        _wrap(subprocess.Popen, "__init__", _process_started)
        _wrap(multiprocessing.process.BaseProcess, "start", _worker_started)
        _wrap(Future, "result", _asked)
        _wrap(Future, "exception", _asked)


def _wrap(cls: Any, name: str, around: Callable[[Any, Callable[[], Any]], Any]) -> None:
    method = getattr(cls, name)

    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(self, functools.partial(method, self, *args, **kwargs))

    setattr(cls, name, wrapped)


def _thread_starts(thread: threading.Thread, start: Callable[[], Any]) -> Any:
    if (owner := owner_of(threading.current_thread())) is not None:
        _owners[thread] = owner
    return start()


def _process_started(process: Any, start: Callable[[], Any]) -> Any:
    result = start()
    if (owner := owner_of(threading.current_thread())) is not None:
        command = process.args if isinstance(process.args, list | tuple) else [process.args]
        owner.process_started(process, " ".join(map(str, command)))
    return result


def _worker_started(process: Any, start: Callable[[], Any]) -> Any:
    result = start()
    if (owner := owner_of(threading.current_thread())) is not None and not (
        process.daemon and "PoolWorker" in process.name
    ):
        owner.process_started(process, process.name)
    return result


def _work_submitted(executor: Any, submit: Callable[[], Any]) -> Any:
    future = submit()
    if (owner := owner_of(threading.current_thread())) is not None:
        owner.work_submitted(future)
    return future


def _asked(future: Any, answer: Callable[[], Any]) -> Any:
    try:
        return answer()
    finally:
        if future.done():
            setattr(future, _ASKED, True)


def _unhandled(before: Callable[[Any], object], about: Any) -> None:
    owner = None if about.thread is None else owner_of(about.thread)
    if owner is not None and about.exc_value is not None:
        owner.thread_failed(about.thread, about.exc_value)
    before(about)
