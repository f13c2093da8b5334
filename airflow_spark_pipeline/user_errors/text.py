r"""The text of an error, whatever the error is made of: its type, its message, its traceback.

Promises: nothing that an exception's class does when it is asked for its text can fail the driver. ``__str__`` may
raise, exit, recurse or hang (ten seconds are waited); the text may hold bytes that are not UTF-8, or 100 MB. What is
returned can be written as UTF-8, stored in a database and read by a person: lone surrogates and NULs are shown as
``\xe9`` and ``\x00``, and a text that is longer than its limit has its middle cut out. Does not promise to mask
secrets, see :mod:`airflow_spark_pipeline.secrets`.
"""

from __future__ import annotations

import re
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

MESSAGE_LENGTH = 4_000
TRACEBACK_LENGTH = 16_000
NO_MESSAGE = "(no message)"
_NAME_LENGTH = 200
# More than is shown, so that a secret is still whole when it is looked for.
_EXAMINED_LENGTH = 1_000_000
_SECONDS = 10.0
_UNSHOWABLE = re.compile(r"[\0\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # how Python keeps the bytes of a file name that are not UTF-8


@dataclass(frozen=True)
class ErrorText:
    """What there is to say of an error.

    :param type: name of its class, without the module
    :param message: its text; never empty
    :param traceback: as Python prints it
    """

    type: str
    message: str
    traceback: str

    @property
    def line(self) -> str:
        """Type and message, as Python ends a traceback."""
        return self.type if self.message == NO_MESSAGE else f"{self.type}: {self.message}"


def text_of(error: BaseException, message: Callable[[BaseException], str] = str) -> ErrorText:
    """Return what there is to say of an error.

    :param message: what asks it for its text; may raise whatever it likes
    """
    found: list[ErrorText] = []
    # In a thread, so that an exit or an interrupt that its class raises ends the thread, and a loop holds up nobody.
    asking = threading.Thread(target=lambda: found.append(_ask(error, message)), name="describe-error", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # no more threads, which may be the error itself
        return _ask(error, message)
    asking.join(_SECONDS)
    if found:
        return found[0]
    return ErrorText(name_of(error), f"(no message: asking for it took longer than {_SECONDS:g} s)", _frames(error))


def showable(text: str) -> str:
    r"""Return the text with what cannot be written as UTF-8, or stored in a database, as ``\x..`` or ``\u....``."""
    return _UNSHOWABLE.sub(_escape, text)


def shorten(text: str, limit: int) -> str:
    """Return the text, without its middle where it is longer than the limit: both ends say what happened."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail]}\n… {len(text) - limit:,} characters cut …\n{text[-tail:]}"


def attribute(owner: object, name: str, default: Any = None) -> Any:
    """Return an attribute of an error or its class; a property that raises is one that is not there."""
    try:
        return getattr(owner, name, default)
    except BaseException:  # the user's code
        return default


def frames_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an error, which its class may hide."""
    frames: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return frames


def cause_of(error: BaseException) -> BaseException | None:
    """Return what an error was raised from, which its class may hide."""
    cause: BaseException | None = BaseException.__dict__["__cause__"].__get__(error)
    return cause


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Give the error and what caused it, each once, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = cause_of(current)


def name_of(error: BaseException) -> str:
    """Return the name of an error's class, without its module."""
    # Not type(error).__name__: a metaclass may have made a property of it.
    name: str = type.__dict__["__name__"].__get__(type(error))
    return showable(shorten(name, _NAME_LENGTH))


def _ask(error: BaseException, message: Callable[[BaseException], str]) -> ErrorText:
    return ErrorText(name_of(error), _message(error, message), _traceback(error))


def _message(error: BaseException, message: Callable[[BaseException], str]) -> str:
    try:
        text = "".join((message(error), ""))  # a subclass of str has methods of the user's
    except BaseException as problem:  # the user's code, which may exit
        text = f"(no message: asking for it raised {name_of(problem)})"
    return showable(shorten(text, _EXAMINED_LENGTH)).strip() or NO_MESSAGE


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, frames_of(error))
    except BaseException:  # a property, a note or a module's name that is none
        return _frames(error)
    return showable(shorten("".join(lines), _EXAMINED_LENGTH))


def _frames(error: BaseException) -> str:
    """Return the traceback without what has to be asked of the error's class."""
    lines = ["Traceback (most recent call last):\n", *traceback.format_tb(frames_of(error)), name_of(error)]
    return showable(shorten("".join(lines), _EXAMINED_LENGTH))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _BYTES:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
