"""Read tokens into a syntax tree, includes spliced in, every node with its file and line.

It promises that the first structural error of a file is named with its place in words, and that what a lenient
parser would read wrongly in silence (``[1,,2]``, two objects in a list without a comma) is a problem. It does
not merge keys or resolve substitutions; ``resolve`` does.

The rules are those of https://github.com/lightbend/config/blob/main/HOCON.md. Not supported, each with an error that
says so: includes by URL or from packages, and files that hold a list.
"""

from __future__ import annotations

import re

from airflow_spark_pipeline.pipeline.nodes import (
    Address,
    Include,
    ListNode,
    Member,
    ObjectNode,
    Path,
    Place,
    Report,
    Scalar,
    Scope,
    Substitution,
    Value,
)
from airflow_spark_pipeline.pipeline.spec import join_path
from airflow_spark_pipeline.pipeline.tokens import HoconSyntaxError, Token, tokenize

_BLANK = ("space", "newline")
_SEPARATORS = ("=", ":", "+=")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
# What one reader takes for a number, a boolean or nothing, and another for text.
_AMBIGUOUS = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-?(nan|inf|infinity)|true|false|null|none", re.IGNORECASE)
_INCLUDES = {
    "@": False,
    "file(@)": False,
    "required(@)": True,
    "required(file(@))": True,
}


def classify(word: str) -> str:
    """Return the kind of an unquoted word that stands alone: see `resolve.Word`."""
    if word in ("true", "false"):
        return "boolean"
    if word == "null":
        return "null"
    if _NUMBER.fullmatch(word):
        return "number"
    return "ambiguous" if _AMBIGUOUS.fullmatch(word) else "text"


def split_path(tokens: list[Token], at: Token) -> Path:
    """Split a key, or what stands inside a substitution, at its unquoted dots.

    :param at: where to report what is wrong
    :raises HoconSyntaxError: a part is empty (``a..b``), or a token cannot be part of a path
    """
    while tokens and tokens[0].kind in _BLANK:
        tokens = tokens[1:]
    while tokens and tokens[-1].kind in (*_BLANK, "end"):
        tokens = tokens[:-1]
    written = "".join(token.text for token in tokens)
    if written.strip(".…") == "" and written:
        message = f"`{written}` is a placeholder, not HOCON; write the settings, or leave the braces empty"
        raise HoconSyntaxError(message, at.line, at.column)
    parts: list[str] = [""]
    solid = [False]  # quoted parts may be empty, others may not
    for token in tokens:
        if token.kind not in ("bare", "text", "space"):
            raise HoconSyntaxError(f"`{token.text}` cannot be part of a key; put the key in quotes", at.line, at.column)
        first, *others = token.text.split(".") if token.kind == "bare" else [token.text]
        parts[-1] += first
        solid[-1] = solid[-1] or bool(first) or token.kind == "text"
        parts.extend(others)
        solid.extend(bool(other) for other in others)
    if not all(solid):
        message = f"the key `{written}` has an empty part; quote it if the dot belongs to the name"
        raise HoconSyntaxError(message if written else "a key is missing here", at.line, at.column)
    return tuple(parts)


class Parser:
    """Reads one text; an included text gets a parser of its own.

    :param scope: where the text stands
    :param include: reads an included file
    :param report: takes problems after which reading goes on
    :raises HoconSyntaxError: see `tokenize`
    """

    def __init__(self, text: str, scope: Scope, include: Include, report: Report) -> None:
        self._scope = scope
        self._include = include
        self._report = report
        self._tokens = tokenize(text)
        self._next = 0
        self.substitutions: list[Substitution] = []

    def members(self) -> list[Member]:
        """Return the members of the root object, with or without its braces; none for an empty text.

        :raises HoconSyntaxError: at the first error after which nothing can be read
        """
        self._skip(_BLANK)
        if self._peek.kind == "[":
            raise HoconSyntaxError(
                "the file holds a list; a description is an object", self._peek.line, self._peek.column
            )
        if self._peek.kind != "{":
            return self._members(self._scope.path, self._scope.in_list, "end", self._peek)
        node = self._object(self._scope.path, self._scope.in_list)
        self._skip(_BLANK)
        if self._peek.kind != "end":
            raise HoconSyntaxError(
                "there is more text after the closing brace of the file", self._peek.line, self._peek.column
            )
        return node.members

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek
        self._next += 1
        return token

    def _skip(self, kinds: tuple[str, ...]) -> list[Token]:
        start = self._next
        while self._peek.kind in kinds:
            self._next += 1
        return self._tokens[start : self._next]

    def _place(self, token: Token) -> Place:
        return Place(self._scope.file, token.line)

    def _separate(self, after_item: bool) -> None:
        """Skip what separates two items: white space, and at most one comma, which needs an item before it."""
        commas = [token for token in self._skip((*_BLANK, ",")) if token.kind == ","]
        allowed = 1 if after_item else 0
        if len(commas) > allowed:
            self._report("there is a comma with nothing before it; remove it", self._place(commas[allowed]), ())

    def _object(self, path: Address, in_list: bool) -> ObjectNode:
        return ObjectNode(self._members(path, in_list, "}", self._take()))

    def _members(self, path: Address, in_list: bool, closing: str, opened: Token) -> list[Member]:
        members: list[Member] = []
        any_item = False
        while True:
            self._separate(any_item)
            token = self._peek
            if token.kind == closing:
                self._next += closing != "end"
                return members
            if token.kind == "end":
                raise HoconSyntaxError("the `{` that opens here is never closed", opened.line, opened.column)
            if token.kind in ("}", "]"):
                raise HoconSyntaxError(f"`{token.text}` closes nothing that is open here", token.line, token.column)
            any_item = True
            if self._at_include():
                members += self._included(path, in_list)
            else:
                members.append(self._member(path, in_list))

    def _at_include(self) -> bool:
        if self._peek.kind != "bare" or self._peek.text != "include":
            return False
        rest = (token for token in self._tokens[self._next + 1 :] if token.kind not in _BLANK)
        return next(rest).kind not in (*_SEPARATORS, "{")

    def _included(self, path: Address, in_list: bool) -> list[Member]:
        start = self._take()
        tokens = []
        while self._peek.kind not in ("newline", ",", "}", "]", "end"):
            tokens.append(self._take())
        shape = "".join("@" if token.kind == "text" else token.text for token in tokens if token.kind != "space")
        names = [token.text for token in tokens if token.kind == "text"]
        if any(token.kind.startswith("subst") for token in tokens) or any("${" in name for name in names):
            raise HoconSyntaxError(
                "an include cannot use substitutions; write the file's name as it is", start.line, start.column
            )
        if shape not in _INCLUDES:
            message = 'this include is not supported; write include "file" or include required("file")'
            raise HoconSyntaxError(message, start.line, start.column)
        return self._include(names[0], _INCLUDES[shape], self._scope, path, in_list, self._place(start))

    def _member(self, path: Address, in_list: bool) -> Member:
        start = self._peek
        if start.kind == "{":
            message = "a key is missing before `{`; a Jinja template has to be rendered before it is read as HOCON"
            raise HoconSyntaxError(message, start.line, start.column)
        tokens = []
        while self._peek.kind in ("bare", "text", "space"):
            tokens.append(self._take())
        key = split_path(tokens, start)
        self._skip(_BLANK)
        if self._peek.kind not in (*_SEPARATORS, "{"):
            raise HoconSyntaxError(
                f"the key `{join_path(key)}` has no value; write `=` and a value", start.line, start.column
            )
        operator = self._take() if self._peek.kind != "{" else None
        name = join_path(key)
        value = self._value(path + key, in_list, listed=False, name=name)
        value.appends = operator is not None and operator.kind == "+="
        return Member(key, value, self._place(start))

    def _value(self, path: Address, in_list: bool, *, listed: bool, name: str) -> Value:
        start = self._peek
        self._skip(_BLANK)
        value = Value([], self._place(self._peek))
        space = ""
        while self._peek.kind not in ("newline", ",", "}", "]", "end"):
            token = self._peek
            if token.kind == "space":
                space = self._take().text
                continue
            if token.kind in _SEPARATORS:
                message = (
                    f"`{token.text}` cannot stand inside an unquoted value: quote the value of `{name}`, "
                    "or put a comma or a new line before the next key"
                )
                raise HoconSyntaxError(message, token.line, token.column)
            self._append(value, token, space, path, in_list, listed)
            space = ""
        if not value.parts:
            raise HoconSyntaxError(f'`{name}` has no value; write "" for an empty text', start.line, start.column)
        return value

    def _append(self, value: Value, token: Token, space: str, path: Address, in_list: bool, listed: bool) -> None:
        last = value.parts[-1] if value.parts else None
        if token.kind in ("text", "bare"):
            self._take()
            kind = "text" if token.kind == "text" else classify(token.text)
            if isinstance(last, Scalar):  # `10 minutes` is one text, its inner space included
                last.kind, last.text = "text", last.text + space + token.text
            elif isinstance(last, Substitution) and space:
                value.parts.append(Scalar("text", space + token.text, self._place(token)))
            else:
                value.parts.append(Scalar(kind, token.text, self._place(token)))
        elif token.kind.startswith("subst"):
            self._take()
            if isinstance(last, Scalar) and space:
                last.kind, last.text = "text", last.text + space
            elif isinstance(last, Substitution):
                last.space_after = space
            target = split_path(tokenize(token.text, token.line, token.column + len(token.kind) - 3), token)
            optional = token.kind == "subst?"
            part = Substitution(target, optional, self._scope.path, self._place(token))
            self.substitutions.append(part)
            value.parts.append(part)
        elif token.kind == "{":
            if listed and isinstance(last, ObjectNode):
                # HOCON merges them into one; of two components, the first would vanish.
                self._report("there is no comma between two objects of a list", self._place(token), path)
                value.broken = True
            value.parts.append(self._object(path, in_list))
        else:
            value.parts.append(self._list(path))

    def _list(self, path: Address) -> ListNode:
        opened = self._take()
        node = ListNode()
        while True:
            self._separate(bool(node.items))
            token = self._peek
            if token.kind == "]":
                self._take()
                return node
            if token.kind in ("end", "}"):
                raise HoconSyntaxError("the `[` that opens here is never closed", opened.line, opened.column)
            here = (*path, len(node.items))
            node.items.append(self._value(here, in_list=True, listed=True, name=join_path(here)))
