r"""Safely gets the text of any error: its type, its message, its traceback.

Guarantees: the class of an exception cannot fail the driver when its text is requested. ``__str__`` may raise, exit,
recurse or hang (the wait is ten seconds); the text may contain invalid UTF-8, or 100 MB. The result can be written as
UTF-8, stored in a database and read by people: lone surrogates and NULs are shown as ``\xe9`` and ``\x00``, and the
middle of a text above its limit is cut out. Not guaranteed: masking of secrets, see
:mod:`airflow_spark_pipeline.secrets`.
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
# More than is shown, so that a secret is still complete when it is searched for.
_EXAMINED_LENGTH = 1_000_000
_SECONDS = 10.0
_UNSHOWABLE = re.compile(r"[\0\ud800-\udfff]")
_BYTES = range(0xDC80, 0xDD00)  # Python's code points for bytes of a file name that are not UTF-8


@dataclass(frozen=True)
class ErrorText:
    """The text of an error.

    :param type: name of the error's class, without the module
    :param message: message of the error; never empty
    :param traceback: traceback as Python prints it
    """

    type: str
    message: str
    traceback: str

    @property
    def line(self) -> str:
        """Type and message, as in the last line of a traceback."""
        return self.type if self.message == NO_MESSAGE else f"{self.type}: {self.message}"


def text_of(error: BaseException, message: Callable[[BaseException], str] = str) -> ErrorText:
    """Return the text of an error.

    :param message: function that returns the message of an error; it may raise any exception
    """
    found: list[ErrorText] = []
    # In a thread, so that an exit or interrupt that its class raises ends only the thread, and a loop does not block.
    asking = threading.Thread(target=lambda: found.append(_ask(error, message)), name="describe-error", daemon=True)
    try:
        asking.start()
    except RuntimeError:  # no more threads, which may be the reported error
        return _ask(error, message)
    asking.join(_SECONDS)
    if found:
        return found[0]
    return ErrorText(name_of(error), f"(no message: asking for it took longer than {_SECONDS:g} s)", _frames(error))


def showable(text: str) -> str:
    r"""Return the text with ``\x..`` or ``\u....`` for characters that UTF-8 or a database cannot hold."""
    return _UNSHOWABLE.sub(_escape, text)


def shorten(text: str, limit: int) -> str:
    """Return the text; if it is longer than the limit, its middle is cut out, since both ends are informative."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail]}\n... {len(text) - limit:,} characters cut ...\n{text[-tail:]}"


def attribute(owner: object, name: str, default: Any = None) -> Any:
    """Return an attribute of an error or its class; a property that raises counts as missing."""
    try:
        return getattr(owner, name, default)
    except BaseException:  # the user's code
        return default


def frames_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an error, even if its class hides it."""
    frames: TracebackType | None = BaseException.__dict__["__traceback__"].__get__(error)
    return frames


def cause_of(error: BaseException) -> BaseException | None:
    """Return the cause of an error, even if its class hides it."""
    cause: BaseException | None = BaseException.__dict__["__cause__"].__get__(error)
    return cause


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes, each once, outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = cause_of(current)


def name_of(error: BaseException) -> str:
    """Return the name of an error's class, without its module."""
    # Not type(error).__name__: a metaclass may define it as a property.
    name: str = type.__dict__["__name__"].__get__(type(error))
    return showable(shorten(name, _NAME_LENGTH))


def _ask(error: BaseException, message: Callable[[BaseException], str]) -> ErrorText:
    return ErrorText(name_of(error), _message(error, message), _traceback(error))


def _message(error: BaseException, message: Callable[[BaseException], str]) -> str:
    try:
        text = "".join((message(error), ""))  # a subclass of str may have the user's methods
    except BaseException as problem:  # the user's code, which may exit
        text = f"(no message: asking for it raised {name_of(problem)})"
    return showable(shorten(text, _EXAMINED_LENGTH)).strip() or NO_MESSAGE


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, frames_of(error))
    except BaseException:  # a broken property, note or module name
        return _frames(error)
    return showable(shorten("".join(lines), _EXAMINED_LENGTH))


def _frames(error: BaseException) -> str:
    """Return the traceback without calling the error's class."""
    lines = ["Traceback (most recent call last):\n", *traceback.format_tb(frames_of(error)), name_of(error)]
    return showable(shorten("".join(lines), _EXAMINED_LENGTH))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code in _BYTES:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
