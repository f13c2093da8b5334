"""Finds Jinja templates in a text that was not rendered, so that no component gets the text ``{{ ds }}``."""

from __future__ import annotations

import re
from collections.abc import Callable

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem

#: Renders the text of a file: (text, the file's name). Raises `PipelineDefinitionError` if that fails.
Render = Callable[[str, "str | None"], str]

_PIECE = re.compile(
    r'(?P<block>""".*?"""(?!"))|(?P<text>"(?:[^"\\\n]|\\[^\n])*")|(?P<comment>(?://|\#)[^\n]*)', re.DOTALL
)
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")


def refuse_templates(text: str, file: str | None) -> str:
    """Return ``text``, if its quoted texts contain no template; outside of them ``{{`` is an error of HOCON anyway.

    :raises PipelineDefinitionError: there is one; each is named with its line
    """
    problems = []
    for piece in _PIECE.finditer(text):
        found = None if piece.lastgroup == "comment" else _TEMPLATE.search(piece[0])
        if found:
            line = text.count("\n", 0, piece.start() + found.start()) + 1
            message = f"{found[0]} is a template, which is not rendered here; write the value instead"
            problems.append(Problem(message, file=file, line=line))
    if problems:
        raise PipelineDefinitionError(problems)
    return text
