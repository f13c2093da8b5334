"""Marks: unguessable placeholders in a rendered text, until each value is put in its place.

A value never passes through Jinja's output or HOCON's grammar, so its content cannot be taken for either. There are
three kinds of marks: for a value, for a line of the template, and for an expression that was removed from a comment.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.rendering.values import UnwritableError, as_text


class Rendered(str):
    """The result of a macro or a ``{% set %}`` block: text of the template, with values in it.

    As a string (for a filter, a comparison) it is plain text; when it is written, its values are still separate values.

    :ivar template: text with the marks
    """

    __slots__ = ("template",)
    template: str

    @classmethod
    def of(cls, template: str, marks: Marks) -> Rendered:
        """Return an instance with the plain text and the template."""
        made = cls(marks.plain(template))
        made.template = template
        return made


@dataclass
class Marks:
    """The marks of one text, and their values."""

    salt: str = field(default_factory=lambda: "j" + secrets.token_hex(16))
    held: list[Any] = field(default_factory=list)
    commented: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.value = re.compile(rf"{self.salt}v(\d+)z")
        self.line = re.compile(rf"{self.salt}l(\d+)z")
        self.comment = re.compile(rf"{self.salt}c(\d+)z")
        self._any = re.compile(rf"{self.salt}[vlc](\d+)z")

    def hold(self, value: Any) -> str:
        """Store a value and return its mark."""
        self.held.append(value)
        return f"{self.salt}v{len(self.held) - 1}z"

    def at_line(self, line: int) -> str:
        """Return the mark of a line of the template."""
        return f"{self.salt}l{line}z"

    def comment_out(self, text: str) -> str:
        """Return the mark of an expression that was removed from a comment."""
        self.commented.append(text)
        return f"{self.salt}c{len(self.commented) - 1}z"

    def plain(self, text: str) -> str:
        """Return a text with its values, as Jinja would write them.

        :raises UnwritableError: a value cannot be written as text
        """
        return self._any.sub(lambda m: self.text(self.held[int(m[1])]) if self.value.match(m[0]) else "", text)

    def text(self, value: Any) -> str:
        """Return a value as text.

        :raises UnwritableError: the value cannot be written as text
        """
        text = as_text(value)
        if self.salt in text:
            raise UnwritableError("is a whole template; import one of its macros, and call that")
        return text
