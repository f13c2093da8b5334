"""Ownership: which component started a thread, a process or a future, directly or in a thread that it started.

Python does not record this, so ``Thread.start``, ``Popen``, ``Process.start``, ``submit`` of the executors and
``threading.excepthook`` are wrapped, once per process and permanently; without an owner they behave as before.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing.process
import os
import shlex
import subprocess
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

_ASKED = "_spark_pipeline_asked"  # set on a future whose result was requested
_owners: weakref.WeakKeyDictionary[threading.Thread, Owner] = weakref.WeakKeyDictionary()
_lock = threading.Lock()
_watching: list[bool] = []
_exception = Future.exception


class Owner(Protocol):
    """Receives a call for everything that it starts."""

    def process_started(self, process: Any, what: str) -> None:
        """Handle a process that was started by subprocess or multiprocessing."""

    def work_submitted(self, future: Future[Any]) -> None:
        """Handle work that was submitted to an executor."""

    def thread_failed(self, thread: threading.Thread, error: BaseException) -> None:
        """Handle a thread that has ended with an uncaught error."""


def own(owner: Owner | None) -> Owner | None:
    """Set the owner of what this thread starts. Returns the previous owner."""
    _watch()
    # Another hook may have replaced this one in the meantime.
    if getattr(threading.excepthook, "func", None) is not _unhandled:
        threading.excepthook = functools.partial(_unhandled, threading.excepthook)
    thread = threading.current_thread()
    before = _owners.pop(thread, None)
    if owner is not None:
        _owners[thread] = owner
    return before


def owner_of(thread: threading.Thread) -> Owner | None:
    """Return the owner that started a thread, or ``None`` if it has none."""
    return _owners.get(thread)


def error_of(future: Future[Any]) -> BaseException | None:
    """Return the error of a future, without marking its result as requested."""
    return None if future.cancelled() else _exception(future)


def was_asked(future: Future[Any]) -> bool:
    """Whether the result of a completed future was requested."""
    return bool(getattr(future, _ASKED, False))


def _watch() -> None:
    """Wrap the starting functions, so that what a thread starts gets the owner of that thread."""
    with _lock:
        if _watching:
            return
        _watching.append(True)
        with contextlib.suppress(ImportError, NotImplementedError):  # a system that has no semaphores
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
        owner.process_started(process, _program(process.args))
    return result


_COMMAND = "a command"


def _program(command: Any) -> str:
    """Return the name of the program without its arguments and variables, since a password may be among them.

    ``["psql", "-U", "me"]`` and ``PGPASSWORD=… psql -U me``  ->  ``psql``
    """
    with contextlib.suppress(ValueError, TypeError, LookupError):  # an open quote; an iterator that Popen has used up
        if isinstance(command, os.PathLike):
            return os.fsdecode(command)
        if not isinstance(command, str | bytes):
            return os.fsdecode(command[0])
        return next((word for word in shlex.split(os.fsdecode(command)) if "=" not in word), _COMMAND)
    return _COMMAND


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
