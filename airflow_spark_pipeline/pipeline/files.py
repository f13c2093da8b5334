"""Copy a description and the files that it includes for pyhocon, each rewritten by ``guard``.

It promises that pyhocon opens these copies only, that a circle of includes ends here, and that a line number of
pyhocon's, which comes without a file, belongs to one line of one file: each copy starts below the last line of the one
before it.
"""

from __future__ import annotations

import logging
import pathlib
import re

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.facts import Facts, Reference, Scope, above
from airflow_spark_pipeline.pipeline.guard import SPLIT, Guard
from airflow_spark_pipeline.pipeline.spec import join_path
from airflow_spark_pipeline.pipeline.templates import Render
from airflow_spark_pipeline.pipeline.tokens import HoconSyntaxError
from airflow_spark_pipeline.pipeline.words import BROKEN, Address, Place, Words
from airflow_spark_pipeline.secrets import is_secret

log = logging.getLogger(__name__)

_SHOWN_CHARS = 80
_MISSING = "the file does not exist"


class UnreadableError(Exception):
    """A problem was noted after which nothing more can be said."""


class Copies:
    """The guarded copies of one description.

    :param directory: where to put them
    :param problems: gets what is wrong with the texts
    :param render: gets the text of each included file
    """

    def __init__(self, directory: pathlib.Path, problems: list[Problem], render: Render) -> None:
        self._render = render
        self._directory = directory
        self._problems = problems
        self._facts = Facts()
        self._starts: list[tuple[int, str | None]] = []
        self._pieces: dict[str, list[str | Reference]] = {}
        self._names: dict[Reference, str] = {}
        self._lines = 0
        self.words = Words()
        self.main = directory

    def guard(self, text: str, file: str | None, directory: pathlib.Path | None) -> None:
        """Copy the description.

        :param directory: where relative includes are looked up
        :raises UnreadableError: a text is not HOCON; the problem is noted
        """
        chain = (str((directory / pathlib.Path(file).name).resolve()),) if file and directory else ()
        (main,) = self._copy(text.removeprefix("\ufeff"), Scope(file, directory=directory, chain=chain))
        self.main = self._directory / main
        for name, pieces in self._pieces.items():
            written = (piece if isinstance(piece, str) else self._write(piece) for piece in pieces)
            (self._directory / name).write_text("".join(written), encoding="utf-8")
        for key, place in self._facts.appended.items():
            if above(key) & self._facts.opaque.keys() - {key}:
                self._note("`+=` does not work below a substitution; write the whole list at once", place, key)
        for key, place in self.shadowed().items():
            if key[:2] != ("spark", "config"):  # where it is a matter of quotes, and said by the schema
                self._note("the key is given a value here, and keys of its own elsewhere; one is lost", place, key)

    def place(self, line: int) -> Place:
        """Return the place that pyhocon means by a line."""
        start, file = max(entry for entry in self._starts if entry[0] < line)
        return Place(file, line - start)

    def shadowed(self) -> dict[Address, Place]:
        """Return the keys that were given text or a list and, elsewhere, keys of their own."""
        given = {**self._facts.lists, **self._facts.scalars}
        return {path: place for path, place in given.items() if path in self._facts.parents}

    def give_up(self, name: str) -> list[Reference]:
        """Put `BROKEN` in place of a substitution that has no value; returns all that refer to it."""
        found = [entry for entry, known in self._names.items() if known == name and not entry.optional]
        handle = self.words.hold(BROKEN, Place(None, 0), "")
        for copy in self._directory.iterdir():
            copy.write_text(copy.read_text(encoding="utf-8").replace(f"${{{name}}}", handle), encoding="utf-8")
        return found

    def _copy(self, text: str, scope: Scope) -> list[str]:
        start = self._lines
        self._starts.append((start, scope.file))
        self._lines += text.count("\n") + 1
        try:
            pieces = Guard(text, scope, self.words, self._facts, self._include, self._note).rewritten()
        except HoconSyntaxError as error:
            self._note(error.message + _quote_line(text, error), Place(scope.file, error.line))
            raise UnreadableError from None
        names = [f"{len(self._pieces)}.conf"]
        self._pieces[names[0]] = ["\n" * start]
        for piece in pieces:
            if isinstance(piece, str) and piece.startswith(SPLIT):
                done = sum(entry.count("\n") for entry in self._pieces[names[-1]] if isinstance(entry, str))
                names += filter(None, piece.removeprefix(SPLIT).split(","))
                names.append(f"{len(self._pieces)}.conf")
                self._pieces[names[-1]] = ["\n" * done]
            else:
                self._pieces[names[-1]].append(piece)
        return names

    def _write(self, reference: Reference) -> str:
        """Write a reference with the path that it has from the root, the only one that pyhocon looks up."""
        scope, path = reference.scope.path, reference.path
        inside = (*scope, *path)
        if scope and not reference.scope.in_list and inside in self._facts.certain:
            path = inside
        elif scope and not self._facts.is_outside(inside, len(scope)):
            message = (
                f"pyhocon cannot tell whether `${{{join_path(path)}}}` is a key beside this include, or one of the "
                "whole description; write the path from the root in the including file"
            )
            self._note(message, reference.place, reference.address)
        if problem := self._facts.judge(reference, path):
            self._note(problem, reference.place, reference.address)
            return self.words.hold(BROKEN, reference.place, "")
        self._names[reference] = self.words.join(path)
        return f"${{{'?' * reference.optional}{self._names[reference]}}}"

    def _note(self, message: str, place: Place, address: Address = ()) -> None:
        self._problems.append(Problem(message, join_path(address), place.file, place.line or None))

    def _include(
        self, name: str, required: bool, scope: Scope, path: Address, in_list: bool, place: Place
    ) -> list[str]:
        if re.match(r"[a-z][a-z0-9+.-]+:", name, re.IGNORECASE):
            return self._skip("only local files can be included, not URLs or packages", place)
        if scope.directory is None and not pathlib.Path(name).is_absolute():
            message = f"cannot say where to look for the included file `{name}`; the description came from no file"
            return self._skip(message, place)
        file = pathlib.Path(scope.directory or "", name)
        real = str(file.resolve())
        if real in scope.chain:
            circle = " -> ".join((*scope.chain[scope.chain.index(real) :], real))
            return self._skip(f"files include each other in a circle: {circle}", place)
        if file.suffix == ".properties":
            return self._skip("a .properties file cannot be included; write it as HOCON", place)
        text, problem = read_text(file)
        if problem == _MISSING and not required:
            # HOCON says that such a file is skipped, and people keep optional local settings that way.
            source = place.file or "the description"
            log.warning("%s:%d includes %s, which does not exist; it is skipped", source, place.line, file)
            return []
        if problem:
            return self._skip(f"cannot include `{file}`: {problem}", place)
        try:
            text = self._render(text, str(file))
        except PipelineDefinitionError as error:
            self._problems.extend(error.problems)
            return []
        inside = scope.path if in_list else tuple(str(part) for part in path)
        return self._copy(text, Scope(str(file), inside, in_list, file.parent, (*scope.chain, real)))

    def _skip(self, message: str, place: Place) -> list[str]:
        self._note(message, place)
        return []


def read_text(file: pathlib.Path) -> tuple[str, str]:
    """Return a file's text and an empty message, or an empty text and what is wrong."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return "", _MISSING
    except IsADirectoryError:
        return "", "this is a directory, not a file"
    except (OSError, ValueError) as error:
        return "", f"the file cannot be read: {getattr(error, 'strerror', None) or error}"
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", f"the file is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}"


def _quote_line(text: str, error: HoconSyntaxError) -> str:
    """Show where in its line an error is, unless the line may hold a secret."""
    line = text.split("\n")[error.line - 1]
    start = max(0, error.column - 1 - _SHOWN_CHARS // 2)
    shown = line[start : start + _SHOWN_CHARS].strip()
    hidden = not shown or any(map(is_secret, re.findall(r"[\w.-]+", line)))
    return f" (column {error.column})" if hidden else f" (column {error.column} of `{shown}`)"
