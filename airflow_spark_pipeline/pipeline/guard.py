"""Check one HOCON text word by word, and rewrite it so that pyhocon cannot misread it.

It promises that the first structural error of a file is named with its place in words, that what pyhocon would
read wrongly in silence is refused (``[1,,2]``, two objects in a list without a comma) or rewritten (`+=`, quoted keys
in a path, every scalar: see ``words``), and that each line stays on its line. It builds no tree, merges nothing and
resolves nothing: pyhocon does.

The rules are those of https://github.com/lightbend/config/blob/main/HOCON.md. Not supported, each with an error that
says so: includes by URL or from packages, and files that hold a list.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from airflow_spark_pipeline.pipeline.facts import Facts, Reference, Scope
from airflow_spark_pipeline.pipeline.spec import join_path
from airflow_spark_pipeline.pipeline.tokens import HoconSyntaxError, Token, split_path, tokenize
from airflow_spark_pipeline.pipeline.words import BROKEN, Address, Path, Place, Word, Words, classify

_BLANK = ("space", "newline")
_SEPARATORS = ("=", ":", "+=")
_ENDS = ("newline", ",", "}", "]", "end")
_DEEPEST = 25
#: Where an included file gives a key at its top yet another value, it goes on in another copy: of two values in one
#: included file, pyhocon drops the first one although the second, an optional substitution, has none. Behind it stand
#: the names of the copies that come in between, where it is an include.
SPLIT = "\0"
_INCLUDES = {
    "@": False,
    "file(@)": False,
    "required(@)": True,
    "required(file(@))": True,
}


#: Copies an included file: (name, is it required?, scope of the including text, path, inside a list?, place); returns
#: the names of the copies, none where there is nothing to include.
Include = Callable[[str, bool, Scope, Address, bool, Place], list[str]]
#: Notes a problem after which reading can go on: (message, place, address).
Report = Callable[[str, Place, Address], None]


class Guard:
    """Rewrites one text; an included text gets a guard of its own.

    :param scope: where the text stands
    :param facts: gets what was seen
    :raises HoconSyntaxError: see `tokenize`
    """

    def __init__(self, text: str, scope: Scope, words: Words, facts: Facts, include: Include, report: Report) -> None:
        self._scope = scope
        self._words = words
        self._facts = facts
        self._include = include
        self._report = report
        self._tokens = tokenize(text)
        self._next = 0
        self._depth = 0
        self._out: list[str | Reference] = []
        self._line = 1
        self._recent: set[str] = set()  # those since the last split
        self._own: set[str] = set()  # the keys at the top of this text

    def rewritten(self) -> list[str | Reference]:
        """Return the text as pyhocon shall see it, in pieces; where a reference leads, only all files together say.

        :raises HoconSyntaxError: at the first error after which nothing can be read
        """
        if not self._scope.path:
            # Of a file that holds nothing, pyhocon makes a list.
            self._out.append(
                f"{self._words.mark}={self._words.hold(Word('text', ''), Place(self._scope.file, 0), '')},"
            )
        self._skip(_BLANK)
        if self._peek.kind == "[":
            self._fail("the file holds a list; a description is an object")
        if self._peek.kind != "{":
            self._members(self._scope.path, self._scope.in_list, "end", self._peek)
        else:
            self._members(self._scope.path, self._scope.in_list, "}", self._take())
            self._skip(_BLANK)
            if self._peek.kind != "end":
                self._fail("there is more text after the closing brace of the file")
        for piece in self._out if self._scope.in_list else ():
            if isinstance(piece, Reference) and piece.path[0] in self._own:
                message = "an included file cannot use its own keys in substitutions when it is included in a list"
                self._report(message, piece.place, ())
        return self._out

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

    def _skip(self, kinds: tuple[str, ...]) -> list[Token]:
        """Skip tokens, and write the line breaks among them."""
        start = self._next
        while self._peek.kind in kinds:
            self._break_line(self._take())
        return self._tokens[start : self._next]

    def _place(self, token: Token) -> Place:
        return Place(self._scope.file, token.line)

    def _break_line(self, token: Token) -> None:
        if token.kind == "newline":  # text in triple quotes has left some breaks to make up for
            self._out.append("\n" * (token.line + 1 - self._line))
            self._line = token.line + 1

    def _separate(self, after_item: bool) -> None:
        """Write what separates two items: line breaks, and at most one comma, which needs an item before it."""
        commas = 0 if after_item else 1
        while self._peek.kind in (*_BLANK, ","):
            token = self._take()
            self._break_line(token)
            commas += token.kind == ","
            if commas <= 1:
                self._out.append("," * (token.kind == ","))
            elif token.kind == "," and commas == 2:  # noqa: PLR2004  # once is enough
                self._report("there is a comma with nothing before it; remove it", self._place(token), ())

    def _members(self, path: Address, in_list: bool, closing: str, opened: Token) -> None:
        any_item = False
        while True:
            self._separate(any_item)
            token = self._peek
            if token.kind == closing:
                self._next += closing != "end"
                return
            if token.kind == "end":
                self._fail("the `{` that opens here is never closed", opened)
            if token.kind in ("}", "]"):
                self._fail(f"`{token.text}` closes nothing that is open here")
            any_item = True
            if self._at_include():
                self._included(path, in_list)
            else:
                self._member(path, in_list)

    def _at_include(self) -> bool:
        if self._peek.kind != "bare" or self._peek.text != "include":
            return False
        rest = (token for token in self._tokens[self._next + 1 :] if token.kind not in _BLANK)
        return next(rest).kind not in (*_SEPARATORS, "{")

    def _included(self, path: Address, in_list: bool) -> None:
        start = self._take()
        tokens = []
        while self._peek.kind not in _ENDS:
            tokens.append(self._take())
        shape = "".join("@" if token.kind == "text" else token.text for token in tokens if token.kind != "space")
        names = [token.text for token in tokens if token.kind == "text"]
        if any(token.kind.startswith("subst") for token in tokens) or any("${" in name for name in names):
            self._fail("an include cannot use substitutions; write the file's name as it is", start)
        if shape not in _INCLUDES:
            self._fail('this include is not supported; write include "file" or include required("file")', start)
        copies = self._include(names[0], _INCLUDES[shape], self._scope, path, in_list, self._place(start))
        if path == self._scope.path and len(self._scope.chain) > 1:
            self._out.append(SPLIT + ",".join(copies))
            self._recent.clear()
            return
        # `required`: of a copy that is gone, pyhocon would say nothing.
        self._out.append(",".join(f'include required("{copy}")' for copy in copies))

    def _member(self, path: Address, in_list: bool) -> None:
        start = self._peek
        if start.kind == "{":
            self._fail("a key is missing before `{`; a Jinja template has to be rendered before it is read as HOCON")
        tokens = []
        while self._peek.kind in ("bare", "text", "space"):
            tokens.append(self._take())
        key = split_path(tokens, start)
        if path == self._scope.path:
            if key[0] in self._recent and len(self._scope.chain) > 1:
                self._out.append(SPLIT)
                self._recent.clear()
            self._recent.add(key[0])
            self._own.add(key[0])
        self._out.append("{".join(f"{self._words.name(part)}=" for part in key))
        self._skip(_BLANK)
        if self._peek.kind not in (*_SEPARATORS, "{"):
            self._fail(f"the key `{join_path(key)}` has no value; write `=` and a value", start)
        appends = self._peek.kind != "{" and self._take().kind == "+="
        here = (*path, *key)
        if not in_list:
            above = {here[:length] for length in range(len(path) + 1, len(here))}
            self._facts.parents |= above
            self._facts.certain |= above
        begin = len(self._out)
        if appends:
            self._append(here, in_list, start)
        self._value(here, in_list, start, listed=False, begin=begin, appends=appends)
        self._out.append("}" * (len(key) - 1))

    def _append(self, here: Address, in_list: bool, start: Token) -> None:
        """Write ``l += x`` as ``l = ${?l} [x]``; of pyhocon's own reading, only x would be left."""
        if in_list:
            self._fail("`+=` does not work inside a list; write the whole list at once", start)
        path = tuple(map(str, here))
        if here in self._facts.parents or here in self._facts.scalars:
            self._report(
                "`+=` can only add to a list, and the key holds something else before it", self._place(start), here
            )
        self._facts.appended[here] = self._place(start)
        if here in self._facts.assigned:
            self._out.append(Reference(path, True, Scope(), self._place(start), here))
        self._out.append("[")

    def _value(
        self, here: Address, in_list: bool, start: Token, *, listed: bool, begin: int, appends: bool = False
    ) -> None:
        first, before = self._peek, len(self._facts.opaque)
        self._skip(_BLANK)
        at, shapes, space, text = self._place(start), "", "", ""
        kind = ""  # of the scalar that is being put together
        while self._peek.kind not in _ENDS:
            token = self._take()
            if token.kind == "space":
                space = token.text
                continue
            self._refuse_separator(token, here)
            if token.kind in ("text", "bare"):
                # `10 minutes` is one text, its inner space included, and so is what follows a substitution.
                alone = not kind and not (space and shapes.endswith(("$", "?")))
                kind = "text" if token.kind == "text" or not alone else classify(token.text)
                text += (space if shapes else "") + token.text
                shapes += "t"
            else:
                if token.kind.startswith("subst") and space and kind:
                    kind, text = "text", text + space
                self._hold(kind, text, at, here)
                kind = text = ""
                self._gap(token, space, shapes)
                shapes += self._part(token, here, in_list, start)
            space = ""
        self._hold(kind, text, at, here)
        if not shapes:
            self._fail(f'`{join_path(here)}` has no value; write "" for an empty text', first)
        if len(set(shapes) - {"$", "?"}) > 1:
            self._break(begin, "text, a list and an object cannot be joined in one value", at, here)
        elif listed and "{{" in shapes:
            # HOCON merges them into one; of two components, the first would vanish.
            self._break(begin, "there is no comma between two objects of a list", at, here)
        self._out.append("]" * appends)
        inside = [piece for piece in self._out[begin:] if isinstance(piece, Reference)]
        if problem := self._facts.record(here, inside, before, "+" if appends else shapes, at, in_list):
            self._break(begin, problem, at, here)

    def _break(self, begin: int, message: str, at: Place, here: Address) -> None:
        self._report(message, at, here)
        self._out[begin:] = [self._words.hold(BROKEN, at, _key(here))]

    def _refuse_separator(self, token: Token, here: Address) -> None:
        if token.kind in _SEPARATORS:
            message = (
                f"`{token.text}` cannot stand inside an unquoted value: quote the value of `{join_path(here)}`, "
                "or put a comma or a new line before the next key"
            )
            self._fail(message, token)

    def _gap(self, token: Token, space: str, shapes: str) -> None:
        if token.kind.startswith("subst") and shapes.endswith(("$", "?")):
            if space and ("?" in (shapes[-1], token.kind[-1]) or set(space) - {" ", "\t"}):
                # Beside a substitution that is not defined, it is kept here and dropped there.
                self._fail("put the white space before this substitution in quotes, or remove it", token)
            self._out.append(space)

    def _hold(self, kind: str, text: str, at: Place, here: Address) -> None:
        if kind:
            self._out.append(self._words.hold(Word(kind, text), at, _key(here)))

    def _part(self, token: Token, here: Address, in_list: bool, start: Token) -> str:
        """Write one part of a value that is not text; returns its shape."""
        if token.kind.startswith("subst"):
            target = split_path(tokenize(token.text, token.line, token.column + len(token.kind) - 3), token)
            self._refer(target, token, here)
            return token.kind[-1].replace("t", "$")
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("objects or lists are nested too deeply", token)
        if token.kind == "{":
            mark = self._words.hold(Word("text", ""), self._place(start), _key(here))
            self._out.append(f"{{{self._words.mark}={mark},")
            self._members(here, in_list, "}", token)
            self._out.append("}")
        else:
            self._out.append("[")
            self._list(here, token)
            self._out.append("]")
        self._depth -= 1
        return token.kind

    def _list(self, path: Address, opened: Token) -> None:
        index = 0
        while True:
            self._separate(index > 0)
            token = self._peek
            if token.kind == "]":
                self._take()
                return
            if token.kind in ("end", "}"):
                self._fail("the `[` that opens here is never closed", opened)
            self._value((*path, index), True, token, listed=True, begin=len(self._out))
            index += 1

    def _refer(self, path: Path, token: Token, here: Address) -> None:
        name = ".".join(path)
        if name in os.environ and name != self._words.join(path):
            self._fail("a variable is taken from the environment only if its name has letters, digits, - and _", token)
        self._out.append(Reference(path, token.kind == "subst?", self._scope, self._place(token), here))


def _key(here: Address) -> str:
    return next(part for part in reversed(here) if isinstance(part, str))
