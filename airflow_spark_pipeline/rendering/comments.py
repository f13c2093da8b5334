"""Keeps Jinja out of HOCON comments: expressions in comments are not evaluated.

    # path = {{ params.old_path }}       renders without a value for ``params.old_path``

A template cannot be parsed as HOCON reliably before it is rendered, so this is a guess that is checked later: each
removed expression leaves a mark, and ``placement`` reports a mark outside a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_EXPRESSION = r"""\{\{(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?!\}\}).)*\}\}"""
_BLOCK = r"\{%(?:(?!%\}).)*%\}"
_PIECE = re.compile(
    rf"(?P<raw>\{{%-?\s*raw\s*-?%\}}.*?\{{%-?\s*endraw\s*-?%\}})|(?P<jinja>{_EXPRESSION}|{_BLOCK})"
    r'|(?P<block>""".*?"""(?!"))'
    rf'|(?P<text>"(?:{_EXPRESSION}|{_BLOCK}|[^"\\\n]|\\[^\n])*")'
    r"|(?P<comment>(?://|\#)[^\n]*)",
    re.DOTALL,
)
_IN_COMMENT = re.compile(rf"{_EXPRESSION}|\{{\{{.*")


def without_commented(text: str, leave: Callable[[str], str]) -> str:
    """Remove the expressions in comments from a template.

    :param leave: function that returns the mark for a removed expression
    """

    def clean(match: re.Match[str]) -> str:
        if match.lastgroup != "comment":
            return match[0]
        return _IN_COMMENT.sub(lambda found: leave(found[0]), match[0])

    return _PIECE.sub(clean, text)
