"""What stands in a rendered text until each value is put in its place: marks that nobody can guess.

A value never passes through Jinja's output or HOCON's grammar, so nothing in it can be taken for either. Three kinds of
mark: of a value, of a line of the template, and of an expression that was taken out of a comment.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.rendering.values import UnwritableError, as_text


class Rendered(str):
    """What a macro or a ``{% set %}`` block gave: the template's own text, with values in it.

    As text (for a filter, a comparison) it is plain; where it is written out, its values are still values.

    :ivar template: the text with the marks
    """

    __slots__ = ("template",)
    template: str

    @classmethod
    def of(cls, template: str, marks: Marks) -> Rendered:
        """Return it, plain text and template in one."""
        made = cls(marks.plain(template))
        made.template = template
        return made


@dataclass
class Marks:
    """The marks of one text, and what they stand for."""

    salt: str = field(default_factory=lambda: "j" + secrets.token_hex(16))
    held: list[Any] = field(default_factory=list)
    commented: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.value = re.compile(rf"{self.salt}v(\d+)z")
        self.line = re.compile(rf"{self.salt}l(\d+)z")
        self.comment = re.compile(rf"{self.salt}c(\d+)z")
        self._any = re.compile(rf"{self.salt}[vlc](\d+)z")

    def hold(self, value: Any) -> str:
        """Return the mark of a value."""
        self.held.append(value)
        return f"{self.salt}v{len(self.held) - 1}z"

    def at_line(self, line: int) -> str:
        """Return the mark of a line of the template."""
        return f"{self.salt}l{line}z"

    def comment_out(self, text: str) -> str:
        """Return the mark of what is taken out of a comment."""
        self.commented.append(text)
        return f"{self.salt}c{len(self.commented) - 1}z"

    def plain(self, text: str) -> str:
        """Return a text with the values in it as Jinja would write them.

        :raises UnwritableError: one of them has no text
        """
        return self._any.sub(lambda m: self.text(self.held[int(m[1])]) if self.value.match(m[0]) else "", text)

    def text(self, value: Any) -> str:
        """Return a value as text.

        :raises UnwritableError: it has none
        """
        text = as_text(value)
        if self.salt in text:
            raise UnwritableError("is a whole template; import one of its macros, and call that")
        return text
