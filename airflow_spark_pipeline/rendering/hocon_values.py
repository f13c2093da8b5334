"""Inserts the values of a rendered text that are HOCON themselves; the others are written as their positions require.

``{{ table | hocon }}`` is one, and so is ``{% if x %}[{% endif %}``: what it writes is syntax.
"""

from __future__ import annotations

import re
from typing import Any

from airflow_spark_pipeline.rendering.markers import Marks
from airflow_spark_pipeline.rendering.pieces import pieces
from airflow_spark_pipeline.rendering.values import Hocon, Literal

_WRITTEN = re.compile(r"[\s,\[\]{}=:]*|true|false|null|-?\d+(\.\d+)?([eE]-?\d+)?|[\[{\"].*", re.DOTALL)


class PlacingError(Exception):
    """A value is not possible at its position in the template.

    :param line: line of the template, counted from 1
    """

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def with_hocon_values(text: str, marks: Marks) -> str:
    """Insert the values that are HOCON: by the filter ``hocon``, or as literals of the template.

    :raises PlacingError: such a value is inside quotes
    """
    while (spliced := _splice(text, marks)) != text:  # a value may hold marks, too
        text = spliced
    return text


def _splice(text: str, marks: Marks) -> str:
    out = []
    lines = 1
    for piece in pieces(text, marks):
        lines = max([lines, *(int(line) for line in marks.line.findall(piece.text))])
        in_quotes = piece.kind in ("block", "text")
        values = [marks.held[int(index)] for index in marks.value.findall(piece.text)]
        if in_quotes and any(isinstance(value, Hocon) for value in values):
            raise PlacingError("`| hocon` is inside quotes; remove the filter, or the quotes", lines)
        written = piece.text
        if piece.kind == "value" and _is_hocon(values[0]):
            written = str(values[0])
        out.append(written)
    return "".join(out)


def _is_hocon(value: Any) -> bool:
    if isinstance(value, Literal):
        return _WRITTEN.fullmatch(value) is not None
    return isinstance(value, Hocon)


def without_line_marks(text: str, marks: Marks) -> tuple[str, list[int]]:
    """Remove the line marks, and return the template's line for each line."""
    lines: list[int] = []
    for line in text.split("\n"):
        found = marks.line.search(line)
        lines.append(int(found[1]) if found else (lines[-1] if lines else 1))
    return marks.line.sub("", text), lines
