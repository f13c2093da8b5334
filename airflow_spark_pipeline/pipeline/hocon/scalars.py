r"""Scalars of a description as they were written, and the places where they were written.

A scalar stays the text that was written until a field asks for a type: ``5m``, ``007``, ``1.50`` and ``\u0041`` reach
the reader of the field unchanged, whatever a parser would make of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: Keys from the root; an address has list positions, too.
Path = tuple[str, ...]
Address = tuple[str | int, ...]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# What one reader takes for a number, a boolean or nothing, and another for text.
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
        white space between two substitutions, or ``broken`` for a value that a problem was noted for
    :param text: what was written
    """

    kind: str
    text: str


BROKEN = Word("broken", "")


@dataclass(slots=True)
class Places:
    """Where things were written.

    :param of: address to place, for everything that exists
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
