"""Keeps Jinja out of HOCON comments: expressions in comments are not evaluated.

    # path = {{ params.old_path }}       renders without a value for ``params.old_path``

A template cannot be parsed as HOCON reliably before it is rendered, so this is a guess that is checked later: each
removed expression leaves a mark, and ``placement`` reports a mark outside a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# No text may match in two ways: a search that fails would try all combinations. So a quote always starts a string, as
# in Jinja, and `{{` is always an expression.
_STRING = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
_EXPRESSION = rf"""\{{\{{(?:{_STRING}|[^"'}}]|\}}(?!\}}))*\}}\}}"""
_BLOCK = rf"""\{{%(?:{_STRING}|[^"'%]|%(?!\}}))*%\}}"""
_PIECE = re.compile(
    r"(?P<raw>\{%[-+]?\s*raw\s*-?%\}(?:.*?\{%[-+]?\s*endraw\s*[-+]?%\}|.*))"
    rf"|(?P<jinja>{_EXPRESSION}|{_BLOCK})"
    r"|(?P<open>\{[{%].*)"  # never closed: Jinja's error
    r'|(?P<block>""".*?"""(?!"))'
    rf'|(?P<text>"(?:{_EXPRESSION}|{_BLOCK}|[^"\\\n{{]|\{{(?![{{%])|\\[^\n])*")'
    r"|(?P<comment>(?://|\#)[^\n]*)",
    re.DOTALL,
)
_IN_COMMENT = re.compile(rf"{_EXPRESSION}|\{{\{{.*", re.DOTALL)


def without_commented(text: str, leave: Callable[[str], str]) -> str:
    """Remove the expressions in comments from a template.

    :param leave: function that returns the mark for a removed expression
    """

    def clean(match: re.Match[str]) -> str:
        if match.lastgroup != "comment":
            return match[0]
        return _IN_COMMENT.sub(lambda found: leave(found[0]), match[0])

    return _PIECE.sub(clean, text)
