"""Numbers that keep the text of the file: ``3.10`` is 3.1 in a field of numbers, and ``3.10`` in a field of text.

JSON has no such numbers. So the texts travel next to the values, in a tree of the same shape (:func:`texts_of`), in
which masking finds secrets by the same names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any


class WrittenNumber(float):
    """A float whose text differs from the one that Python writes. ``str`` returns that text; all else is the float's.

    :ivar text: text of the file
    """

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenNumber:  # noqa: PYI034  # Self came with Python 3.11
        """Return an instance for a text."""
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self) -> str:
        """Return the text of the file."""
        return self.text

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # a copy is made from the text
        """Return what makes a copy."""
        return (self.text,)

    @property
    def compared(self) -> list[str]:
        """What is compared between two descriptions: the text, since a field of text gets it. A text is no list."""
        return [self.text]


def as_float(text: str) -> float:
    """Return the float that a text means.

    :raises ValueError: it would become infinite, or zero
    """
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("the number is too large")
    if not number and text.lower().partition("e")[0].strip("+-0."):
        raise ValueError("the number is too small")
    return number


def as_number(text: str) -> int | float:
    """Return the number that a text of JSON's syntax means, without losing a digit of it.

    :raises ValueError: there is none in Python
    """
    try:
        number = as_float(text) if any(mark in text for mark in ".eE") else int(text)
    except ValueError as error:  # Python refuses to read more than some thousand digits
        raise ValueError("the number is too small" if "small" in str(error) else "the number is too large") from None
    return WrittenNumber(text) if isinstance(number, float) and repr(number) != text else number


def plain(value: Any) -> Any:
    """Return a copy of a config with Python's own numbers: a change of the copy does not change the config."""
    if isinstance(value, Mapping):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child) for child in value]
    return float(value) if isinstance(value, WrittenNumber) else value


def texts_of(value: Any) -> Any:
    """Return the texts of the numbers in a config, in its shape: ``{"a": [1, 3.10]}``  ->  ``{"a": {"1": "3.10"}}``."""
    if isinstance(value, WrittenNumber):
        return value.text
    members = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return {str(key): texts for key, child in members if (texts := texts_of(child))}


def with_texts(value: Any, texts: Any) -> Any:
    """Return a plain config with the numbers that `texts_of` found, except those that were masked since."""
    if isinstance(value, Mapping) and isinstance(texts, Mapping):
        return {key: with_texts(child, texts[key]) if key in texts else child for key, child in value.items()}
    if isinstance(value, list) and isinstance(texts, Mapping):
        return [with_texts(child, texts.get(str(index))) for index, child in enumerate(value)]
    if isinstance(value, float) and isinstance(texts, str):
        with contextlib.suppress(ValueError):
            return WrittenNumber(texts)
    return value
