"""Cuts a rendered text into pieces that are precise enough to tell where a value is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_spark_pipeline.rendering.markers import Marks


@dataclass(frozen=True, slots=True)
class Piece:
    """A rough token, precise enough to distinguish positions.

    :param kind: ``space``, ``newline``, ``comment``, ``block`` (triple quotes), ``text``, ``subst``,
        ``value`` (a mark), ``bare``, ``open`` (a quote that is never closed), ``end``, or the punctuation itself
    :param line: line of the text, counted from 0
    """

    kind: str
    text: str
    line: int


def pieces(text: str, marks: Marks) -> Iterator[Piece]:
    """Cut a rendered text into pieces; the last one has the kind ``end``."""
    token = re.compile(
        r"(?P<newline>\n)|(?P<space>[^\S\n]+)|(?P<comment>(?://|\#)[^\n]*)"
        r'|(?P<block>""".*?"""(?!"))|(?!""")(?P<text>"(?:[^"\\\n]|\\[^\n])*")'
        r"|(?P<subst>\$\{[^}\n]*\})|(?P<mark>\+=|[{}\[\],:=])"
        rf"|(?P<value>{marks.salt}v\d+z)"
        rf'|(?P<bare>(?:(?!//|\$\{{|\+=|{marks.salt}v)[^\s\#"{{}}\[\],:=])+)'
        r'|(?P<open>".*)|(?P<other>.)',
        re.DOTALL,
    )
    line = 0
    for match in token.finditer(text):
        kind = match.lastgroup or ""
        yield Piece(match[0] if kind == "mark" else "bare" if kind == "other" else kind, match[0], line)
        line += match[0].count("\n")
    yield Piece("end", "", line)
