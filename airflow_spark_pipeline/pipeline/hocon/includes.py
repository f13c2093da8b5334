"""Reads a description and the files that it includes into one text for pyhocon.

Guarantees: a file is looked up relative to the file that includes it; a circle of includes is an error; an error in one
file does not hide those in others; a syntax error shows no text of the file, since what seems to be a key may be a part
of a password. A name without a suffix means ``name.conf`` and ``name.json``; if both exist, both
are read, and the first one wins.
"""

from __future__ import annotations

import os
import pathlib
import re

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.existing_files import may_exist
from airflow_spark_pipeline.pipeline.hocon.brackets import check_brackets
from airflow_spark_pipeline.pipeline.hocon.lexer import HoconSyntaxError, tokenize
from airflow_spark_pipeline.pipeline.hocon.nodes import Reference
from airflow_spark_pipeline.pipeline.hocon.placeholders import Scope, Table
from airflow_spark_pipeline.pipeline.hocon.rewriter import Rewriter
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Place
from airflow_spark_pipeline.pipeline.unrendered_templates import Render

_MISSING = "the file does not exist"
_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class Files:
    """The texts of one description.

    :param problems: gets the problems of the texts
    :param warnings: gets what is probably a mistake
    :param render: gets the text of each included file
    """

    def __init__(self, problems: list[Problem], warnings: list[Problem], render: Render) -> None:
        self._render = render
        self.problems = problems
        self._warnings = warnings
        self.table: Table = []
        # An include that is there twice gives the same twice, even if somebody edits its files in between.
        #: Path that an include names, to the files that it means.
        self.included: dict[str, tuple[str, ...]] = {}
        #: File to its text, not rendered.
        self.texts: dict[str, str] = {}
        #: Whether a text could not be read, so that what seems to be missing may be in it.
        self.incomplete = False

    def rewrite(self, text: str, file: str | None, directory: pathlib.Path | None) -> str:
        """Return the description, with its included files in it, as text for pyhocon.

        :param directory: where relative includes are looked up
        """
        chain = (str((directory / pathlib.Path(file).name).resolve()),) if file and directory else ()
        return self._rewrite(text, Scope(file, directory=directory, chain=chain))

    def _rewrite(self, text: str, scope: Scope) -> str:
        try:
            tokens = tokenize(text)
            check_brackets(tokens)
            return Rewriter(tokens, scope, self.table, self._include, self._note).rewritten()
        except HoconSyntaxError as error:
            self.incomplete = True
            self._note(f"{error.message} (column {error.column})", Place(scope.file, error.line))
            return ""

    def _note(self, message: str, place: Place, address: Address = (), warning: bool = False) -> None:
        problem = Problem(message, join_path(address), place.file, place.line or None)
        (self._warnings if warning else self.problems).append(problem)

    def warn(self, message: str, reference: Reference) -> None:
        """Note what is probably a mistake."""
        self._note(message, reference.place, reference.key, warning=True)

    def _include(
        self, name: str, required: bool, scope: Scope, path: Address, in_list: bool, place: Place
    ) -> list[str]:
        if not pathlib.Path(name.strip()).name:
            return self._refuse(f"`{name}` is not the name of a file that can be included", place)
        if _URL.match(name):
            return self._refuse("only local files can be included, not URLs or packages", place)
        if scope.directory is None and not pathlib.Path(name).is_absolute():
            message = f"the included file `{name}` cannot be found, because the description does not come from a file"
            return self._refuse(message, place)
        named = pathlib.Path(scope.directory or "", name)
        if str(named) not in self.included:
            files, problem = included_files(named)
            if problem:
                return self._refuse(problem, place)
            self.included[str(named)] = tuple(map(str, files))
        found = [pathlib.Path(file) for file in self.included[str(named)]]
        if not found and required:
            return self._refuse(f"cannot include `{named}`: {_MISSING}", place)
        if not found:
            # HOCON says that such a file is skipped, and people keep optional local settings that way.
            self._note(f"`{named}` is included, but does not exist; it is skipped", place, path, warning=True)
        return [self._read(file, scope, path, in_list, place) for file in found]

    def _read(self, file: pathlib.Path, scope: Scope, path: Address, in_list: bool, place: Place) -> str:
        real = str(file.resolve())
        if real in scope.chain:
            circle = " -> ".join((*scope.chain[scope.chain.index(real) :], real))
            return self._skip(f"files include each other in a circle: {circle}", place)
        if str(file) not in self.texts:
            text, problem = read_text(file)
            if problem:
                return self._skip(f"cannot include `{file}`: {problem}", place)
            self.texts[str(file)] = unify_line_ends(text)
        try:
            text = self._render(self.texts[str(file)], str(file))
        except PipelineDefinitionError as error:
            self.incomplete = True
            self.problems.extend(error.problems)
            return ""
        inside = () if in_list else tuple(str(part) for part in path)
        return self._rewrite(text, Scope(str(file), inside, in_list, file.parent, (*scope.chain, real)))

    def _skip(self, message: str, place: Place) -> str:
        self.incomplete = True
        self._note(message, place)
        return ""

    def _refuse(self, message: str, place: Place) -> list[str]:
        self._skip(message, place)
        return []


def included_files(named: pathlib.Path) -> tuple[list[pathlib.Path], str]:
    """Return the files that an include means, with the one that wins last, and the problem with it."""
    if named.suffix == ".properties":
        return [], "a .properties file cannot be included; write it as HOCON"
    if named.suffix in (".conf", ".json"):
        return ([named] if may_exist(named) else []), ""
    properties, json_file, conf = (named.with_name(named.name + suffix) for suffix in (".properties", ".json", ".conf"))
    if os.path.exists(properties):  # false if nobody may look; then reading the others says why
        return [], f"`{properties.name}` would be included here, and .properties files cannot be; write it as HOCON"
    found = [file for file in (json_file, conf) if may_exist(file)]
    if not found and may_exist(named):
        return [], f"HOCON reads `{named.name}.conf` or `{named.name}.json` here; rename `{named.name}` to one of them"
    return found, ""


def unify_line_ends(text: str) -> str:
    """Return ``text`` with the line ends of Linux, so that the choice of an editor does not change a value."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(file: pathlib.Path) -> tuple[str, str]:
    """Return a file's text and an empty message, or an empty text and an error message."""
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
