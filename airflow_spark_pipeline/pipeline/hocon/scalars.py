r"""The scalars of a description as written in the file, and their places.

A scalar stays text until a field gives it a type: ``5m``, ``007``, ``1.50`` and ``\u0041`` are passed on unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Keys from the root; an address has list positions, too.
Path = tuple[str, ...]
Address = tuple[str | int, ...]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# Some readers take these for a number, a boolean or null, others for text.
_AMBIGUOUS = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-?(nan|inf|infinity)|true|false|null|none", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file (or of text, if ``file`` is ``None``); line 0 if it is not known."""

    file: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar of the description.

    :param kind: ``text``, ``number``, ``boolean``, ``null``, ``ambiguous`` (``007``, ``True``), ``space`` for the
        white space between two substitutions, or ``broken`` for a value with a problem
    :param text: what was written
    """

    kind: str
    text: str


BROKEN = Word("broken", "")


@dataclass(slots=True)
class Places:
    """The places of keys and values.

    :param of: the place of each address that exists
    :param shadowed: keys that have a scalar or a list and, elsewhere, keys below them
    """

    of: dict[Address, Place] = field(default_factory=dict)
    shadowed: dict[Address, Place] = field(default_factory=dict)


def classify(word: str) -> str:
    """Return the kind of an unquoted word that is a value alone: see `Word`."""
    if word in ("true", "false"):
        return "boolean"
    if word == "null":
        return "null"
    if _NUMBER.fullmatch(word):
        return "number"
    return "ambiguous" if _AMBIGUOUS.fullmatch(word) else "text"
