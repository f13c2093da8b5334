"""Cuts HOCON text into tokens: strings, comments, punctuation, substitutions, bare words.

Guarantees: later steps never read raw text, so no rule can mistake the inside of a string or a comment for syntax. The
lexer follows the lexical part of the HOCON specification, but is stricter if text would be lost without an error: in
``a//b``, a comment cuts off a part of the value. It does not know the structure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass


class HoconSyntaxError(Exception):
    """The text is not HOCON; nothing after this place can be read.

    :param line: counted from 1
    :param column: counted from 1
    """

    def __init__(self, message: str, line: int, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    :param kind: ``text`` (a quoted string, escapes resolved), ``bare`` (an unquoted word), ``subst`` (``${a}``),
        ``subst?`` (``${?a}``), ``space``, ``newline``, ``end``, or the punctuation itself
    :param text: the content; for a substitution, the text between its braces
    :param line: line in which it starts, counted from 1
    :param column: column in which it starts, counted from 1
    """

    kind: str
    text: str
    line: int
    column: int


_BARE = r"(?:(?!//)[^\s\ufeff$\"{}\[\]:=,+#`^?!@*&\\])"
_TOKEN = re.compile(
    r"(?P<space>(?:[^\S\n]|\ufeff)+)"
    r"|(?P<newline>\n)"
    r"|(?P<comment>(?://|\#)[^\n]*)"
    # Four closing quotes are one quote of text and three that close.
    r'|"""(?P<block>.*?)"""(?!")'
    r'|"(?P<text>(?:[^"\\\n]|\\[^\n])*)"'
    r"|\$\{(?P<optional>\??)(?P<subst>[^}\n]*)\}"
    r"|(?P<mark>\+=|[{}\[\],:=])"
    # A plus sign is reserved, except in the exponent of a number.
    rf"|(?P<bare>-?\d+(?:\.\d+)?[eE]\+\d+{_BARE}*|{_BARE}+)",
    re.DOTALL,
)


_UNCLOSED_BLOCK = 'a text that starts with `"""` is never closed'
_SECRET = re.compile(r"\s*secrets?\s*:", re.IGNORECASE)
_BEGINS_ANOTHER = re.compile(r"\n[^\n]*[\w\"-][ \t]*[=:][ \t]*\Z")


def tokenize(text: str, line: int = 1, column: int = 1) -> list[Token]:
    """Return the tokens of ``text`` without its comments; the last one has the kind ``end``.

    :param line: the line on which ``text`` starts
    :param column: the column at which it starts
    :raises HoconSyntaxError: at the first character that cannot start a token
    """
    if (position := text.find("\0")) >= 0:
        line, column = line + text.count("\n", 0, position), position - _line_start(text, position)
        raise HoconSyntaxError("a NUL byte does not belong in a text file", line, column)
    tokens: list[Token] = []
    try:
        for token in _scan(text, line, column):
            tokens.append(token)  # noqa: PERF402  # what was there before an error is looked at
    except HoconSyntaxError as error:
        swallowed = next((token for token in tokens if _swallows(token)), None)
        if swallowed is not None:
            raise HoconSyntaxError(_UNCLOSED_BLOCK, swallowed.line, swallowed.column) from None
        raise error from None
    return tokens


def _swallows(token: Token) -> bool:
    """Return whether a text ends at quotes that seem to open another one, such as those after ``sql =``."""
    return token.kind == "text" and _BEGINS_ANOTHER.search(token.text) is not None


def _line_start(text: str, position: int) -> int:
    """Return the position before a line's first character, so that differences to it count from 1."""
    return text.rfind("\n", 0, position)


def _scan(text: str, line: int, column: int) -> Iterator[Token]:
    position, start = 0, -column
    while position < len(text):
        column = position - start
        match = _TOKEN.match(text, position)
        if match is None or (text.startswith('"""', position) and match["block"] is None):
            raise HoconSyntaxError(_explain(text, position), line, column)
        kind = match.lastgroup or ""
        if kind == "block":
            yield Token("text", match["block"], line, column)
        elif kind == "text":
            yield Token("text", _unescape(match["text"], line, column), line, column)
        elif kind == "subst":
            yield Token("subst" + match["optional"], match["subst"], line, column)
        elif kind != "comment":
            yield Token(kind if kind != "mark" else match[0], match[0], line, column)
        position = match.end()
        if kind == "bare" and re.match(r"//\S", text[position : position + 3]):
            message = "`//` starts a comment here; quote the value, or put a space before the comment"
            raise HoconSyntaxError(message, line, position - start)
        if breaks := match[0].count("\n"):
            line += breaks
            start = _line_start(text, position)
    yield Token("end", "", line, position - start)


def _unescape(raw: str, line: int, column: int) -> str:
    try:
        value: str = json.loads(f'"{raw}"', strict=False)
        value.encode()  # half of a surrogate pair is not a character, and could not be written anywhere later
    except ValueError:
        raise HoconSyntaxError(
            "a quoted string has an escape that does not exist; HOCON has the escapes of JSON. Write "
            "`\\\\` for a backslash, or use triple quotes, which keep all text unchanged",
            line,
            column,
        ) from None
    return value


def _explain(text: str, position: int) -> str:
    if text.startswith('"""', position):
        return _UNCLOSED_BLOCK
    character = text[position]
    if character == '"':
        return "a quoted string is not closed on its line"
    if character == "$":
        return "`$` starts a substitution, `${name}`, which must be closed on its line; quote the value if it is text"
    return f"the character `{character}` has a special meaning in HOCON; put the text that contains it in quotes"


def split_path(tokens: list[Token], at: Token) -> tuple[str, ...]:
    """Split a key, or the inside of a substitution, at its unquoted dots.

    :param at: position for error messages
    :raises HoconSyntaxError: a part is empty (``a..b``), or a token cannot be part of a path
    """
    while tokens and tokens[0].kind in ("space", "newline"):
        tokens = tokens[1:]
    while tokens and tokens[-1].kind in ("space", "newline", "end"):
        tokens = tokens[:-1]
    written = "".join(token.text for token in tokens)
    if written.strip(".…") == "" and written:
        message = f"`{written}` is a placeholder, not HOCON; write the settings, or leave the braces empty"
        raise HoconSyntaxError(message, at.line, at.column)
    parts: list[str] = [""]
    solid = [False]  # quoted parts may be empty, others may not
    for token in tokens:
        if token.kind not in ("bare", "text", "space"):
            if _SECRET.match(written):
                message = 'a secret of the driver\'s environment is quoted: "${secret:env://NAME}"'
                raise HoconSyntaxError(message, at.line, at.column)
            shown = "${…}" if token.kind.startswith("subst") else token.text
            raise HoconSyntaxError(f"`{shown}` cannot be part of a key; put the key in quotes", at.line, at.column)
        first, *others = token.text.split(".") if token.kind == "bare" else [token.text]
        parts[-1] += first
        solid[-1] = solid[-1] or bool(first) or token.kind == "text"
        parts.extend(others)
        solid.extend(bool(other) for other in others)
    if not all(solid):
        message = "a key has an empty part: two dots, or one at its end; quote it if the dot belongs to the name"
        raise HoconSyntaxError(message if written else "a key is missing here", at.line, at.column)
    return tuple(parts)
