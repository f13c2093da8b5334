"""Checks one HOCON text token by token, and rewrites it for pyhocon.

Guarantees: the first structural error of a file is reported with its place, and the new text contains nothing that
pyhocon reads differently. Every key, scalar and substitution is replaced by a number, which stands for an entry of a
`Table`. Separators, comments and included files are resolved. Only the structure is left for pyhocon::

    spark.master = ${m}"[2]" # x   ->   k0=${1}${2}    0: Key(spark.master), 1: Reference(m), 2: Word([2])

A value is written as a substitution and a separator as a line break, since pyhocon reads these faster than other forms.

The rules are those of https://github.com/lightbend/config/blob/main/HOCON.md. Not supported, each with an error that
says so: includes by URL or from packages, and files that hold a list.
"""

from __future__ import annotations

import re

from airflow_spark_pipeline.pipeline.hocon.lexer import HoconSyntaxError, Token, split_path, tokenize
from airflow_spark_pipeline.pipeline.hocon.nodes import Reference
from airflow_spark_pipeline.pipeline.hocon.placeholders import Include, Key, Report, Scope, Table
from airflow_spark_pipeline.pipeline.hocon.scalars import BROKEN, Address, Place, Word, classify
from airflow_spark_pipeline.secrets import is_secret

_BLANK = ("space", "newline")
_SEPARATORS = ("=", ":", "+=")
_ENDS = ("newline", ",", "}", "]", "end")
_DEEPEST = 25
_INCLUDES = {"@": False, "file(@)": False, "required(@)": True, "required(file(@))": True}
# What a colon or `spark.` shows to be Spark's own way of substituting is left alone.
_LOOKS_SUBSTITUTED = re.compile(r"\$\{\??(?!spark\.)[A-Za-z_][\w.-]*\}")


class Rewriter:
    """Rewrites one text; each included text gets another rewriter.

    :param scope: position of the text in the description
    :param table: gets the entries that numbers stand for
    :raises HoconSyntaxError: see `tokenize`
    """

    def __init__(self, tokens: list[Token], scope: Scope, table: Table, include: Include, report: Report) -> None:
        self._tokens = tokens
        self._scope = scope
        self._table = table
        self._include = include
        self._report = report
        self._next = 0
        self._depth = 0
        self._out: list[str] = []
        self._own: set[str] = set()  # the keys at the top of this text

    def rewritten(self) -> str:
        """Return the members of the text's object.

        :raises HoconSyntaxError: at the first error after which nothing can be read
        """
        first = len(self._table)
        self._skip(_BLANK)
        if self._peek.kind == "[":
            self._fail("the file contains a list, but must contain an object: `key = […]`")
        if self._peek.kind != "{":
            self._members(self._scope.path, self._scope.in_list, "end")
        else:
            self._take()
            self._members(self._scope.path, self._scope.in_list, "}")
            self._skip(_BLANK)
            if self._peek.kind != "end":
                self._fail("the file has more text after its closing brace; remove the text, or the brace")
        for entry in self._table[first:] if self._scope.in_list else ():
            if isinstance(entry, Reference) and entry.path[0] in self._own:
                message = (
                    "a file that is included in a list cannot use its own keys in substitutions; write the value out"
                )
                self._report(message, entry.place, (), False)
        return "".join(self._out)

    @property
    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _fail(self, message: str, at: Token | None = None) -> None:
        at = at or self._peek
        raise HoconSyntaxError(message, at.line, at.column)

    def _take(self) -> Token:
        token = self._peek
        self._next += 1
        return token

    def _skip(self, kinds: tuple[str, ...]) -> None:
        while self._peek.kind in kinds:
            self._next += 1

    def _place(self, token: Token) -> Place:
        return Place(self._scope.file, token.line)

    def _number(self, entry: Key | Word | Reference | list[Place]) -> int:
        self._table.append(entry)
        return len(self._table) - 1

    def _separate(self, after_item: bool) -> None:
        """Write the separator of two items: one comma, in place of line breaks and at most one comma after an item."""
        commas = 0 if after_item else 1
        while self._peek.kind in (*_BLANK, ","):
            token = self._take()
            commas += token.kind == ","
            if token.kind == "," and commas == 2:  # noqa: PLR2004  # once is enough
                self._report("a comma has nothing before it; remove it", self._place(token), (), False)

    def _members(self, path: Address, in_list: bool, closing: str) -> None:
        any_item = False
        while True:
            self._separate(any_item)
            token = self._peek
            if token.kind == closing:
                self._next += closing != "end"
                return
            self._out.append("\n" * any_item)
            any_item = True
            if self._at_include():
                self._included(path, in_list)
            else:
                self._member(path, in_list)

    def _at_include(self) -> bool:
        # `include.x = 1` is a key, and `include = 1` reserved.
        return self._peek.kind == "bare" and self._peek.text == "include"

    def _included(self, path: Address, in_list: bool) -> None:
        start = self._take()
        tokens = []
        while self._peek.kind not in _ENDS:
            tokens.append(self._take())
        shape = "".join("@" if token.kind == "text" else token.text for token in tokens if token.kind != "space")
        names = [token.text for token in tokens if token.kind == "text"]
        if shape[:1] in _SEPARATORS or not shape:
            self._fail("`include` includes a file; put a key of this name in quotes", start)
        if any(token.kind.startswith("subst") for token in tokens) or any("${" in name for name in names):
            self._fail("an include cannot use substitutions; write the file's name directly", start)
        if shape not in _INCLUDES:
            self._fail(
                "this include is not supported: only files can be included, not URLs, packages or a classpath; copy "
                'the file next to this one and write include "file.conf" or include required("file.conf")',
                start,
            )
        texts = self._include(names[0], _INCLUDES[shape], self._scope, path, in_list, self._place(start))
        keys = [f"k{self._number(Key((), self._place(start)))}={{{text}}}" for text in texts]
        self._out.append("\n".join(keys))

    def _member(self, path: Address, in_list: bool) -> None:
        start = self._peek
        if start.kind == "{":
            self._fail("a key is missing before `{`; a Jinja template must be rendered before it is read as HOCON")
        tokens = []
        while self._peek.kind in ("bare", "text", "space"):
            tokens.append(self._take())
        key = split_path(tokens, start)  # a.b and "a".b are two keys deep, "a.b" is one
        if path == self._scope.path:
            self._own.add(key[0])
        self._skip(_BLANK)
        if self._peek.kind not in (*_SEPARATORS, "{"):
            self._fail("a key has no value; write `=` and a value, or quote the value that this is a part of", start)
        here = (*path, *key)
        # list += 3 is list = ${?list} [3]; a { … } needs no separator.
        appends = self._peek.kind != "{" and self._take().kind == "+="
        if appends and in_list:
            self._fail("`+=` does not work inside a list; write the whole list at once", start)
        before = self._reference(here[len(self._scope.path) :], True, start, here) if appends else None
        self._out.append(f"k{self._number(Key(key, self._place(start), before))}=")
        self._value(here, in_list, start, listed=False)

    def _reference(self, path: Address, optional: bool, token: Token, here: Address) -> Reference:
        """Return a reference to a path of this file."""
        scope = self._scope.path
        return Reference((*scope, *map(str, path)), len(scope), optional, self._place(token), here)

    def _value(self, here: Address, in_list: bool, start: Token, *, listed: bool) -> None:
        first, begin = self._peek, len(self._out)
        self._skip(_BLANK)
        at, shapes, space, text = self._peek, "", "", ""
        kind = ""  # of the scalar that is being put together
        while self._peek.kind not in _ENDS:
            token = self._take()
            if token.kind == "space":
                space = token.text
                continue
            if token.kind in _SEPARATORS:
                self._fail(
                    f"`{token.text}` cannot be inside an unquoted value: quote the value, or put a comma or a new line "
                    "before the next key",
                    token,
                )
            # /data/"x y"/1: one text, even if parts of it are quoted.
            if token.kind in ("text", "bare"):
                # `10 minutes` is one text, its inner space included, and so is what follows a substitution.
                alone = not kind and not (space and shapes.endswith("$"))
                kind = "text" if token.kind == "text" or not alone else classify(token.text)
                text += (space if shapes else "") + token.text
                shapes += "t"
                self._look_for_substitution(token, here)
            else:
                # day ${x}: the space belongs to the text before it; ${x} ${y}: it may be text or nothing.
                if token.kind.startswith("subst") and space and kind:
                    kind, text = "text", text + space
                elif token.kind.startswith("subst") and space and shapes.endswith("$"):
                    kind, text = "space", space
                self._hold(kind, text)
                kind = text = ""
                shapes += self._part(token, here, in_list)
            space = ""
        self._hold(kind, text)
        if not shapes:
            self._fail('a key has no value; write "" for an empty text', first)
        # x = [1] { a = 1 }. What a substitution brings is known only when it is resolved.
        if len(set(shapes) - {"$"}) > 1:
            self._break(begin, "text, a list and an object cannot be joined in one value", self._place(at), here)
        elif listed and "{{" in shapes:
            # HOCON merges them into one; of two components, the first would vanish.
            self._break(begin, "a comma is missing between two objects of a list", self._place(at), here)

    def _break(self, begin: int, message: str, at: Place, here: Address) -> None:
        self._report(message, at, here, False)
        self._out[begin:] = [self._held(BROKEN)]

    def _look_for_substitution(self, token: Token, here: Address) -> None:
        found = _LOOKS_SUBSTITUTED.search(token.text) if token.kind == "text" else None
        if found:
            # Line breaks that are written as \n are on the line of the token; the next token shows how many are real.
            breaks = self._peek.line - token.line
            line = token.line + min(breaks, token.text.count("\n", 0, found.start()))
            written = "${…}" if any(is_secret(str(part)) for part in here) else found[0]  # a password may contain it
            name = written[2:-1].lstrip("?")
            sql = f", or `:{name}` with `args {{ {name} = {written} }}`" if here[-1] == "sql" else ""
            message = (
                f"`{written}` is inside quotes, where HOCON does not substitute it (and Spark SQL "
                f"replaces it with nothing); if you mean the value of `{name}`, end the quotes before "
                f'it and start them again after it: """…"""{written}"""…"""{sql}'
            )
            self._report(message, Place(self._scope.file, line), here, True)

    def _hold(self, kind: str, text: str) -> None:
        if kind:
            self._out.append(self._held(Word(kind, text)))

    def _held(self, entry: Word | Reference | list[Place]) -> str:
        return f"${{{self._number(entry)}}}"

    def _part(self, token: Token, here: Address, in_list: bool) -> str:
        """Write one part of a value that is not text; return its shape."""
        if token.kind.startswith("subst"):
            target = split_path(tokenize(token.text, token.line, token.column + len(token.kind) - 3), token)
            reference = self._reference(target, token.kind == "subst?", token, here)
            self._out.append(self._held(reference))
            return "$"
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("objects or lists are nested too deeply", token)
        self._out.append(token.kind)
        if token.kind == "{":
            self._members(here, in_list, "}")
            self._out.append("}")
        else:
            self._list(here)
            self._out.append("]")
        self._depth -= 1
        return token.kind

    def _list(self, path: Address) -> None:
        places: list[Place] = []
        self._out.append(self._held(places))
        while True:
            self._separate(bool(places))
            token = self._peek
            if token.kind == "]":
                self._take()
                return
            self._out.append("\n")
            places.append(self._place(token))
            self._value((*path, len(places) - 1), True, token, listed=True)
