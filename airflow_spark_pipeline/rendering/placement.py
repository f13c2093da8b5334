"""Replaces the marks in a rendered text by their values, each written as its position requires.

=============================  ==============================================================
``x = {{ v }}``                alone: a HOCON value (text in quotes, a list as a list, ``null``)
``x = /data/{{ v }}/x``        part of an unquoted text: its text, in quotes
``x = "a {{ v }}"``            in quotes: its text, with the escapes of JSON
three quotes                   the same; the whole text becomes one with single quotes
``{{ v }} = 1``, ``a.{{ v }}`` in a key: one key, in quotes
``include {{ v }}``            a file's name, in quotes
``${a.{{ v }}}``               one name inside a substitution, never the first
``# {{ v }}``                  in a comment: nothing
=============================  ==============================================================

The result maps each of its lines to a line of the template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.rendering.hocon_values import PlacingError, with_hocon_values, without_line_marks
from airflow_spark_pipeline.rendering.markers import Marks
from airflow_spark_pipeline.rendering.pieces import Piece, pieces
from airflow_spark_pipeline.rendering.values import (
    Hocon,
    Json,
    Literal,
    UnwritableError,
    as_hocon,
    escaped,
    is_collection,
)
from airflow_spark_pipeline.secrets.references import REFERENCE

#: What is wrong if a value makes a reference to a secret, and so could read any variable of the driver.
COMPLETES = "a value contains or completes `${secret:…}`, which is only allowed in the text of the file"
_STRUCTURE = re.compile(r"[\s,\[\]{}=:+]*")
_ENDS = ("newline", ",", "}", "]", "comment", "end")
_SEPARATORS = ("=", ":", "+=")
_INCLUDES = re.compile(r"\s*include\b")


class CommentError(Exception):
    """A text that was taken for a comment before rendering is not a comment."""


class _IsHoconError(Exception):
    """A literal of the template is HOCON syntax, according to its position."""


@dataclass(frozen=True, slots=True)
class Placed:
    """HOCON text without marks.

    :param lines: for each line of the text, counted from 0, the line of the template, counted from 1
    """

    text: str
    lines: tuple[int, ...]


def place(text: str, marks: Marks) -> Placed:
    """Replace all marks by their values.

    :raises PlacingError: a value is not possible at its position
    :raises CommentError: the mark of an expression in a comment is not in a comment
    """
    text = with_hocon_values(text, marks)
    plain, lines = without_line_marks(text, marks)
    try:
        return _Placing(list(pieces(plain, marks)), lines, marks).done()
    except _IsHoconError:
        return place(text, marks)


class _Placing:
    def __init__(self, pieces: list[Piece], lines: list[int], marks: Marks) -> None:
        self._pieces = pieces
        self._lines = lines
        self._marks = marks
        self._out: list[str] = []
        self._out_lines = [lines[0]]
        self._at = 0
        self._opened: list[str] = []  # the open brackets at this position
        self._in_value = False
        self._seen = False  # whether a part of this value was read
        self._run = ""  # the part of this key or value before this position

    def done(self) -> Placed:
        while self._peek.kind != "end":
            if self._peek.kind in ("text", "block", "value"):
                self._texts()
            else:
                self._other(self._take())
        return Placed("".join(self._out), tuple(self._out_lines))

    @property
    def _peek(self) -> Piece:
        return self._pieces[self._at]

    def _take(self) -> Piece:
        self._at += 1
        return self._pieces[self._at - 1]

    def _line(self, piece: Piece) -> int:
        return self._lines[piece.line]

    def _write(self, text: str, piece: Piece) -> None:
        self._out.append(text)
        self._out_lines += [self._lines[piece.line + each] for each in range(1, text.count("\n") + 1)]

    # ---- the current position

    def _other(self, piece: Piece) -> None:
        kind = piece.kind
        if kind == "comment":
            self._write(self._clean(piece), piece)
            return
        if self._marks.comment.search(piece.text):
            raise CommentError
        if kind == "open":  # the rest is not HOCON; its parser will report that
            self._write(self._marks.value.sub("…", piece.text), piece)
            return
        self._write(self._substitution(piece) if kind == "subst" else piece.text, piece)
        self._follow(kind)
        self._run = "" if kind in ("newline", "{", "}", "[", "]", ",", *_SEPARATORS) else self._run + piece.text

    def _follow(self, kind: str) -> None:
        in_list = bool(self._opened) and self._opened[-1] == "["
        if kind in ("{", "["):
            self._opened.append(kind)
            self._in_value, self._seen = kind == "[", False
        elif kind in ("}", "]"):
            del self._opened[-1:]
            self._in_value = self._seen = True
        elif kind in _SEPARATORS:
            self._in_value, self._seen = True, False
        elif kind == "," or (kind == "newline" and self._seen):
            self._in_value, self._seen = in_list, False
        elif kind not in ("space", "newline") and self._in_value:
            self._seen = True

    def _clean(self, piece: Piece) -> str:
        text = self._marks.comment.sub(lambda match: self._marks.commented[int(match[1])], piece.text)
        return self._marks.value.sub("…", text)

    def _substitution(self, piece: Piece) -> str:
        """``${a.{{ v }}}``: one name, but never the first, which could be any environment variable of this machine."""
        first = self._marks.value.search(piece.text)
        if first is None:
            return piece.text
        if "." not in piece.text[: first.start()]:
            message = "a value cannot choose what `${…}` refers to; write the first part of the path directly"
            raise PlacingError(message, self._line(piece))

        def name(match: re.Match[str]) -> str:
            return self._quoted(self._text_of(match, piece), piece).replace("}", "\\u007d")

        return self._marks.value.sub(name, piece.text)

    # ---- texts and values

    def _texts(self) -> None:
        """Write adjacent texts and values as one text, unless each can stay unchanged."""
        before = self._run
        group = [self._take()]
        while self._peek.kind in ("text", "block", "value"):
            group.append(self._take())
        if any(self._marks.comment.search(piece.text) for piece in group):
            raise CommentError
        if all(not self._marks.value.search(piece.text) for piece in group):
            for piece in group:
                self._write(piece.text, piece)
        else:
            self._write(self._joined(group, before), group[0])
        self._run = before + "x"
        self._seen = self._seen or self._in_value

    def _joined(self, group: list[Piece], before: str) -> str:
        alone = self._is_alone(before)
        values = [self._held(piece) for piece in group if piece.kind == "value"]
        if not self._in_value and len(values) == len(group) and self._has_no_key(before):
            return self._without_key(values, group)
        if self._in_value and len(values) == len(group) and any(map(is_collection, values)):
            return " ".join(self._hocon(self._held(piece), piece) for piece in group)
        if self._in_value and len(values) == len(group) == 1 and (alone or isinstance(values[0], Json)):
            return self._hocon(values[0], group[0])
        if self._in_value and all(self._is_plain_number(piece) for piece in group):
            return "".join(str(self._held(piece)) for piece in group)
        text = "".join(self._body(piece, len(group) == 1 and not alone) for piece in group)
        self._refuse_secrets(text, "".join(self._marks.value.sub("\0", piece.text) for piece in group), group[0])
        return f'"{text}"'

    def _body(self, piece: Piece, touches_bare: bool) -> str:
        if piece.kind == "value":
            value = self._held(piece)
            if isinstance(value, Json):  # inside a text, JSON is part of that text
                return self._json_text(value)
            if is_collection(value) and not self._in_value:
                raise PlacingError("a list or a mapping cannot be a key", self._line(piece))
            if touches_bare and isinstance(value, str) and value.strip() and _STRUCTURE.fullmatch(value):
                message = (
                    f"the value of a template is `{value.strip()}` next to other text, so it would be text; if you "
                )
                raise PlacingError(f"{message}mean it as HOCON, add `| hocon` to the template", self._line(piece))
            return self._escaped(self._plain(value, piece), piece)
        if piece.kind == "block":
            return self._escaped(self._marks.value.sub(lambda m: self._text_of(m, piece), piece.text[3:-3]), piece)
        body = piece.text[1:-1]
        if re.search(rf"(?<!\\)(?:\\\\)*\\{self._marks.salt}v", body):
            message = 'a backslash is right before `{{` in quotes; write `\\\\`, or use triple quotes (`"""`)'
            raise PlacingError(message, self._line(piece))
        return self._marks.value.sub(lambda m: self._escaped(self._text_of(m, piece), piece), body)

    def _is_alone(self, before: str) -> bool:
        ahead = next(piece for piece in self._pieces[self._at :] if piece.kind != "space")
        return not before.strip() and ahead.kind in (*_ENDS, *_SEPARATORS, "{")

    def _has_no_key(self, before: str) -> bool:
        ahead = next(each for each in self._pieces[self._at :] if each.kind != "space")
        return ahead.kind in _ENDS and _INCLUDES.match(before) is None

    def _without_key(self, values: list[Any], group: list[Piece]) -> str:
        """Handle a value in place of a whole ``key = value``: only literals of the template may be HOCON there."""
        if all(value == "" for value in values):
            return ""
        for piece in group:
            match = self._marks.value.fullmatch(piece.text)
            if match and isinstance(literal := self._marks.held[int(match[1])], Literal):
                self._marks.held[int(match[1])] = Hocon(literal)
                raise _IsHoconError
        message = (
            "the value of a template is where a key is expected, and it would be text; if you mean it as "
            "HOCON, add `| hocon` to the template"
        )
        raise PlacingError(message, self._line(group[0]))

    def _is_plain_number(self, piece: Piece) -> bool:
        if piece.kind != "value":
            return False
        value = self._held(piece)
        return isinstance(value, int) and not isinstance(value, bool)

    def _held(self, piece: Piece) -> Any:
        match = self._marks.value.fullmatch(piece.text)
        return self._marks.held[int(match[1])] if match else None

    def _text_of(self, match: re.Match[str], piece: Piece) -> str:
        return self._plain(self._marks.held[int(match[1])], piece)

    # ---- written, or rejected with the line

    def _plain(self, value: Any, piece: Piece) -> str:
        try:
            return self._marks.text(value)
        except UnwritableError as error:
            raise self._unwritable(error, piece) from None

    def _escaped(self, text: str, piece: Piece) -> str:
        try:
            return escaped(text)
        except UnwritableError as error:
            raise self._unwritable(error, piece) from None

    def _quoted(self, text: str, piece: Piece) -> str:
        return f'"{self._escaped(text, piece)}"'

    def _refuse_secrets(self, text: str, written: str, piece: Piece) -> None:
        """Reject references to secrets in values: otherwise a value could read any variable of the driver."""
        if REFERENCE.findall(text) != REFERENCE.findall(written):
            raise PlacingError(COMPLETES, self._line(piece))

    def _json_text(self, value: Json) -> str:
        return str(value)[1:-1] if value.startswith('"') else escaped(str(value))

    def _hocon(self, value: Any, piece: Piece) -> str:
        try:
            text = as_hocon(value)
            if self._marks.salt in text:
                raise UnwritableError("is a whole template; import one of its macros, and call that")
            self._refuse_secrets(text, "", piece)
            return text
        except UnwritableError as error:
            raise self._unwritable(error, piece) from None

    def _unwritable(self, error: UnwritableError, piece: Piece) -> PlacingError:
        return PlacingError(f"a value {error}", self._line(piece))
