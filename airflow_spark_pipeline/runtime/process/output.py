"""The driver's output: short lines for people who read the task log.

Every cluster manager keeps standard output, and Airflow's Spark hook copies it into the task log line by line.

Guarantees: printing a line never fails the run, whatever a component did to the process's output: ``sys.stdout`` set to
``None``, closed, replaced or full, file descriptor 1 closed or redirected. Changes that a component makes to it are
undone when the component ends. In a driver's own process the lines go to a copy of the descriptor that the process
started with. Not guaranteed: that the lines arrive. If the other end is closed, they are dropped.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from airflow_spark_pipeline.user_errors.text import showable

_OWN = _STDOUT, _STDERR = 1, 2


class _Console:
    """The output that lines are printed to."""

    def __init__(self) -> None:
        #: A copy of the descriptor that this process started with, if the process belongs to a driver.
        self.descriptor: int | None = None
        #: ``sys.stdout`` as it was before the running component.
        self.stream: Any = None
        #: Whether lines below a component's own line carry its name.
        self.names = False
        #: Masks the secrets in a text.
        self.mask: Callable[[str], str] = str


_console = _Console()
_begun = threading.local()  # the line that this thread has begun to print, for each stream


def say(text: str) -> None:
    """Print a line immediately; a closed output does not stop the work."""
    line = f"{showable(_console.mask(text))}\n"
    _flush(sys.stdout)  # lines that the component printed come first
    if _console.descriptor is not None:
        _write(_console.descriptor, line)
        return
    for stream in (_console.stream, sys.stdout, sys.__stdout__):
        if stream is not None and _print(stream, line):
            return


def say_below(name: str, text: str) -> None:
    """Print one or more lines about a component, below its own line.

    Example: ``    37 of 50 files``, and while several components are running ``    [load] 37 of 50 files``.
    """
    prefix = f"    [{name}] " if _console.names else "    "
    say("\n".join(prefix + line if line.strip() else line for line in text.splitlines()))


def name_components() -> None:
    """From now on, lines below a component's own line carry its name, because several components are running."""
    _console.names = True


def stop_naming_components() -> None:
    """From now on, one component is running at a time."""
    _console.names = False


def own_output() -> None:
    """Reserve this process's output for the driver: its lines are UTF-8 and cannot be redirected.

    What a component prints is UTF-8 too, unless the user has set ``PYTHONIOENCODING``; a character that cannot be
    encoded is escaped, and does not fail the component.
    """
    with contextlib.suppress(OSError):  # started without an output
        _console.descriptor = os.dup(_STDOUT)
    chosen = {} if os.environ.get("PYTHONIOENCODING") else {"encoding": "utf-8"}
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace", **chosen)  # type: ignore[union-attr]


class _Masked(io.TextIOWrapper):
    """A standard stream without secrets, piece by piece as it is printed.

    While several components are running it prints whole lines, since ``print`` writes the parts of a line one by one:
    those of two threads would be mixed.
    """

    def write(self, text: str) -> int:
        key = str(id(self))
        begun = vars(_begun).get(key, "") + text
        whole = len(begun) if not _console.names else begun.rfind("\n") + 1
        vars(_begun)[key] = begun[whole:]
        if whole:
            super().write(_console.mask(begun[:whole]))
        return len(text)


def mask_output(mask: Callable[[str], str]) -> None:
    """Mask secrets in everything that this process prints to ``sys.stdout`` and ``sys.stderr``.

    Only for a process that belongs to a driver. Code that writes to the descriptors directly (a C library, the JVM) is
    not covered.

    :param mask: function that masks the secrets in a text
    """
    _console.mask = mask
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if type(stream) is io.TextIOWrapper:  # not replaced by another library
            _flush(stream)
            masked = _Masked(stream.buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
            setattr(sys, name, masked)


class KeptOutput:
    """Context manager that undoes what the block changes about standard output and error."""

    # Not with contextlib: it sets the traceback of the raised exception, which not every class allows.
    def __enter__(self) -> None:
        self._before = _console.stream, _console.descriptor
        self._streams = [(stream, _terms(stream)) for stream in (sys.stdout, sys.stderr)]
        self._copies = [(number, _duplicate(number)) for number in (_STDOUT, _STDERR)]
        _console.stream = sys.stdout
        if _console.descriptor is None and _writes_to(sys.stdout, _STDOUT):
            _console.descriptor = self._copies[0][1]

    def __exit__(self, *_: object) -> None:
        _console.stream, _console.descriptor = self._before
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        numbers = [_put_back(number, copy) for number, copy in self._copies]
        sys.stdout, sys.stderr = (
            _usable(stream, terms, number) for (stream, terms), number in zip(self._streams, numbers, strict=True)
        )


def _terms(stream: Any) -> dict[str, Any]:
    """Return the encoding settings of a stream."""
    return {name: getattr(stream, name, None) for name in ("encoding", "errors")}


def _writes_to(stream: Any, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)
    except Exception:  # a notebook's or a test's stream
        return False


def _usable(stream: Any, terms: dict[str, Any], descriptor: int) -> Any:
    """Return the stream as it was, or a new one for the descriptor if the component broke it."""
    if getattr(stream, "closed", False) or (descriptor not in _OWN and any(_writes_to(stream, own) for own in _OWN)):
        binary = open(descriptor, "wb", closefd=False)  # noqa: SIM115  # belongs to the stream
        return _Masked(binary, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    if _terms(stream) != terms:
        with contextlib.suppress(Exception):
            stream.reconfigure(**terms)
    return stream


def _put_back(number: int, copy: int | None) -> int:
    """Restore a descriptor. Returns the descriptor that now has the original output."""
    if copy is None:
        return number
    try:
        now = os.fstat(number)
    except OSError:
        now = None  # closed
    if now is not None and os.path.samestat(now, os.fstat(copy)):
        os.close(copy)
        return number
    if now is not None and stat.S_ISSOCK(now.st_mode):
        return copy  # closed, and reused by a connection, which restoring would break
    os.dup2(copy, number)
    os.close(copy)
    return number


def _duplicate(number: int) -> int | None:
    try:
        return os.dup(number)
    except OSError:
        return None


def _print(stream: IO[str], line: str) -> bool:
    try:
        try:
            stream.write(line)
        except UnicodeEncodeError as error:
            stream.write(line.encode(error.encoding, "backslashreplace").decode(error.encoding))
        stream.flush()
    except Exception:  # anything a component may have put there
        return False
    return True


def _flush(stream: Any) -> None:
    with contextlib.suppress(Exception):
        stream.flush()


def _write(descriptor: int, line: str) -> None:
    data = line.encode()
    with contextlib.suppress(OSError):  # the other end died: the checkpoint log, not the output, decides
        while data:
            data = data[os.write(descriptor, data) :]
