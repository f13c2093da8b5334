"""Read a pipeline's description from HOCON; the way in to this package.

It promises that a description is read rightly or not at all: every problem of a text is named at once with its path,
its file and, where it is certain, its line; nothing is guessed, dropped or rounded on the way. Included files are
looked up relative to the file that names them. It does not import the classes that the description names, and does
not say whether a component's config fits its class; the driver does, where the user's code is.

How: ``syntax`` reads the text and splices includes in, ``resolve`` merges keys and resolves substitutions, ``schema``
checks the result. The environment and other files are read, so this belongs into a task and never into a DAG file.
"""

from __future__ import annotations

import logging
import os
import pathlib
import re

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.nodes import Address, Member, Place, Scope
from airflow_spark_pipeline.pipeline.places import find_places
from airflow_spark_pipeline.pipeline.resolve import resolve
from airflow_spark_pipeline.pipeline.schema import read_description
from airflow_spark_pipeline.pipeline.secrets import is_secret
from airflow_spark_pipeline.pipeline.spec import PipelineSpec, join_path
from airflow_spark_pipeline.pipeline.syntax import Parser
from airflow_spark_pipeline.pipeline.tokens import HoconSyntaxError

log = logging.getLogger(__name__)

_SHOWN_CHARS = 80
_MISSING = "the file does not exist"


def load_pipeline(path: str | os.PathLike[str]) -> PipelineSpec:
    """Read the description in the file ``path``.

    :param path: a local file, UTF-8 with or without a byte order mark
    :raises PipelineDefinitionError: the file cannot be read, or is not a valid description; with all problems
    """
    file = pathlib.Path(path)
    text, problem = _read(file)
    if problem:
        raise PipelineDefinitionError([Problem(problem, file=str(path))])
    return parse_pipeline(text, file=str(path), base_dir=file.parent)


def parse_pipeline(text: str, *, file: str | None = None, base_dir: pathlib.Path | None = None) -> PipelineSpec:
    """Read the description in ``text``.

    :param text: HOCON
    :param file: the name to show in messages and to keep as ``source``
    :param base_dir: where relative includes are looked up; by default the directory of ``file``
    :raises PipelineDefinitionError: ``text`` is not a valid description; with all problems
    """
    if base_dir is None and file is not None:
        base_dir = pathlib.Path(file).parent
    reader = _Reader()
    try:
        spec = reader.read(text, file, base_dir)
    except RecursionError:
        reader.problems.append(Problem("objects or lists are nested too deeply", file=file))
        spec = None
    if reader.problems or spec is None:
        raise PipelineDefinitionError(reader.problems)
    return spec


class _UnreadableError(Exception):
    """A problem was noted after which nothing more can be said."""


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def read(self, text: str, file: str | None, directory: pathlib.Path | None) -> PipelineSpec | None:
        if not text.removeprefix("\ufeff").strip():
            self._note("the description is empty", Place(file, 0))
            return None
        chain = (str((directory / pathlib.Path(file).name).resolve()),) if file and directory else ()
        try:
            members = self._parse(text, Scope(file, directory=directory, chain=chain))
        except _UnreadableError:
            return None
        tree = resolve(members, self._note)
        return None if tree is None else read_description(tree, find_places(members), file, self.problems)

    def _note(self, message: str, place: Place, address: Address = ()) -> None:
        self.problems.append(Problem(message, join_path(address), place.file, place.line or None))

    def _parse(self, text: str, scope: Scope) -> list[Member]:
        try:
            parser = Parser(text, scope, self._include, self._note)
            members = parser.members()
        except HoconSyntaxError as error:
            self._note(error.message + _quote_line(text, error), Place(scope.file, error.line))
            raise _UnreadableError from None
        if scope.in_list:
            defined = {member.path for member in members}
            for part in parser.substitutions:
                if any(part.path[: len(path)] == path for path in defined):
                    message = "an included file cannot use its own keys in substitutions when it is included in a list"
                    self._note(message, part.place, ())
        return members

    def _include(
        self, name: str, required: bool, scope: Scope, path: Address, in_list: bool, place: Place
    ) -> list[Member]:
        if re.match(r"[a-z][a-z0-9+.-]+:", name, re.IGNORECASE):
            return self._skip_include("only local files can be included, not URLs or packages", place)
        if scope.directory is None and not pathlib.Path(name).is_absolute():
            message = f"cannot say where to look for the included file `{name}`; the description came from no file"
            return self._skip_include(message, place)
        file = pathlib.Path(scope.directory or "", name)
        real = str(file.resolve())
        if real in scope.chain:
            circle = " -> ".join((*scope.chain[scope.chain.index(real) :], real))
            return self._skip_include(f"files include each other in a circle: {circle}", place)
        if file.suffix == ".properties":
            return self._skip_include("a .properties file cannot be included; write it as HOCON", place)
        text, problem = _read(file)
        if problem == _MISSING and not required:
            # HOCON says that such a file is skipped, and people keep optional local settings that way.
            source = place.file or "the description"
            log.warning("%s:%d includes %s, which does not exist; it is skipped", source, place.line, file)
            return []
        if problem:
            return self._skip_include(f"cannot include `{file}`: {problem}", place)
        inside = scope.path if in_list else tuple(str(part) for part in path)
        return self._parse(text, Scope(str(file), inside, in_list, file.parent, (*scope.chain, real)))

    def _skip_include(self, message: str, place: Place) -> list[Member]:
        self._note(message, place)
        return []


def _read(file: pathlib.Path) -> tuple[str, str]:
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
    return f" (column {error.column})" if not shown or is_secret(line) else f" (column {error.column} of `{shown}`)"
