"""Suggestions for misspelled names: one rule for keys, classes, columns and components."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LIKENESS = 0.6


def suggest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to ``name``, or ``None`` if none is near.

    Case and the separator of words do not count: ``failFast`` and ``fail_fast`` suggest ``fail-fast``, and ``a_b``
    suggests ``a-b`` although it is short.
    """
    by_letters = {_letters(each): each for each in known}
    close = difflib.get_close_matches(_letters(name), by_letters, n=1, cutoff=_LIKENESS)
    return by_letters[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'limit'?`` to end a message with, or nothing if no name is near."""
    near = suggest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def _letters(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
