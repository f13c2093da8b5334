"""Reads a pipeline's description from HOCON; the entry point of this package.

Guarantees: a description is read correctly or not at all. All problems of a text are reported together, each with its
path, file and line; nothing is guessed, dropped or rounded. Included files are looked up relative to the file that
names them. Not checked: the classes that the description names are not imported, so whether a component's config fits
its class is checked by the driver, which has the user's code.

Each step is a module::

    text -> tokens -> brackets -> syntax      the text's errors, and a text that pyhocon cannot misread
         -> pyhocon_tree -> nodes             pyhocon parses it; later keys are merged with earlier ones
         -> resolving                         substitutions
         -> schema                            fields

The environment and other files are read, so call this in a task, never in a DAG file.
"""

from __future__ import annotations

import os
import pathlib
from collections import UserDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.hocon import pyhocon_tree
from airflow_spark_pipeline.pipeline.hocon.cycles import written
from airflow_spark_pipeline.pipeline.hocon.includes import Files, read_text, unify_line_ends
from airflow_spark_pipeline.pipeline.hocon.nodes import Array, Entry, Node, Object, Reference
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Place, Places
from airflow_spark_pipeline.pipeline.hocon.substitutions import Resolver
from airflow_spark_pipeline.pipeline.parse_result import Inputs, Reading
from airflow_spark_pipeline.pipeline.plain_values import PlainValues
from airflow_spark_pipeline.pipeline.schema import read_description
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.pipeline.unrendered_templates import Render, refuse_templates

#: No real description has so many values; a few lines that double each other would.
_MOST_VALUES = 300_000


def load_pipeline(path: str | os.PathLike[str]) -> PipelineSpec:
    """Read the description in the file ``path``.

    :param path: a local file, UTF-8 with or without a byte order mark
    :raises PipelineDefinitionError: the file cannot be read, or is not a valid description; with all problems
    """
    file = pathlib.Path(path)
    text, problem = read_text(file)
    if problem:
        raise PipelineDefinitionError([Problem(problem, file=str(path))])
    return parse_pipeline(text, file=str(path), base_dir=file.parent)


def parse_pipeline(
    text: str,
    *,
    file: str | None = None,
    base_dir: pathlib.Path | None = None,
    render: Render = refuse_templates,
    environ: Mapping[str, str] | None = None,
) -> PipelineSpec:
    """Read the description in ``text``; see `read_pipeline`.

    :raises PipelineDefinitionError: ``text`` is not a valid description; with all problems
    """
    return read_pipeline(text, file=file, base_dir=base_dir, render=render, environ=environ).checked()


def read_pipeline(
    text: str,
    *,
    file: str | None = None,
    base_dir: pathlib.Path | None = None,
    render: Render = refuse_templates,
    environ: Mapping[str, str] | None = None,
) -> Reading:
    """Read as much of the description in ``text`` as possible, for a caller that checks more.

    Nothing is raised: the problems are in ``problems`` of the result, with the components that could be read and the
    lines of all keys.

        reading = read_pipeline(text, file="etl.conf")
        problems = [*reading.problems]
        for component in reading.spec.components if reading.spec else ():
            problems += [reading.locate(problem) for problem in check(component)]

    :param text: HOCON
    :param file: the name to show in messages and to keep as ``source``
    :param base_dir: where relative includes are looked up; by default the directory of ``file``
    :param render: gets this text, and that of each included file, before it is read as HOCON
    :param environ: variables for substitutions; they take precedence over those of this process
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    spec, places, inputs = None, Places(), Inputs()
    try:
        text = render(unify_line_ends(text), file)
    except PipelineDefinitionError as error:
        return Reading(None, error.problems)
    if not text.removeprefix("\ufeff").strip():
        problems.append(Problem("the description is empty", file=file))
    else:
        if base_dir is None and file is not None and "://" not in file:
            base_dir = pathlib.Path(file).parent
        files = Files(problems, warnings, render)
        variables = _Variables({**os.environ, **(environ or {})})
        tree, incomplete = read_tree(text, file, base_dir, files, variables, places)
        values = {name: variables.data[name] for name in variables.asked & variables.data.keys()}
        inputs = Inputs(files.included, files.texts, frozenset(variables.asked), values)
        if tree is not None:
            used = {name for each in files.table if isinstance(each, Reference) for name in _needed(each)}
            spec = read_description(tree, places, file, problems, warnings, used=used, incomplete=incomplete)
    of = {join_path(address): place for address, place in places.of.items()}
    return Reading(spec, tuple(problems), tuple(warnings), of, inputs)


def read_values(file: str) -> dict[str, Any]:
    """Return the content of a HOCON file that is not a description as plain data.

    :raises PipelineDefinitionError: the file cannot be read; with all problems
    """
    text, problem = read_text(pathlib.Path(file))
    if problem:
        raise PipelineDefinitionError([Problem(problem, file=file)])
    problems, places = list[Problem](), Places()
    files = Files(problems, [], refuse_templates)
    tree, text = None, refuse_templates(unify_line_ends(text), file)
    if text.strip():
        tree, _ = read_tree(text, file, pathlib.Path(file).parent, files, os.environ, places)
    plain = PlainValues()
    values: dict[str, Any] = plain.of_data(tree or {}, ())
    at = Reading(None, places={join_path(address): place for address, place in places.of.items()})
    problems += [at.locate(replace(each, file=file)) for each in plain.problems]
    if problems:
        raise PipelineDefinitionError(problems)
    return values


def read_tree(
    text: str,
    file: str | None,
    base_dir: pathlib.Path | None,
    files: Files,
    environ: Mapping[str, str],
    places: Places,
) -> tuple[dict[str, Any] | None, bool]:
    """Return the resolved tree as dicts, lists and `Word`, and whether parts of it could not be read.

    :param files: collects the problems
    :param places: gets the place of each key
    :return: the tree is ``None`` after an error that makes the rest unreadable
    """
    problems = files.problems
    rewritten = files.rewrite(text.removeprefix("\ufeff"), file, base_dir)
    if files.incomplete and not rewritten:
        return None, True

    def report(message: str, reference: Reference) -> None:
        place = reference.place
        if not (files.incomplete and "is defined neither" in message):
            problems.append(Problem(message, join_path(reference.key), place.file, place.line))

    known = len(problems)
    try:
        root = pyhocon_tree.parse(rewritten, files.table)
        resolver = Resolver(root, environ, report)
        resolved = resolver.resolve(root)
        for reference in files.table if not files.incomplete else ():
            if isinstance(reference, Reference) and resolver.is_unknown(reference):
                files.warn(
                    f"`{written(reference)}` is not defined; a later value replaces it, so it has no effect: remove it",
                    reference,
                )
        tree = _plain(Entry(resolved or Object(), Place(None, 0)), places, ())
    except RecursionError:
        problems.append(Problem("objects or substitutions are nested too deeply", file=file))
        return None, True
    except _TooLargeError:
        message = f"the substitutions expand this file to more than {_MOST_VALUES:,} values; use fewer of them"
        problems.append(Problem(message, file=file))
        return None, True
    return tree, files.incomplete or len(problems) > known


class _Variables(UserDict[str, str]):
    """The environment; ``asked`` has the names that were looked up."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.asked: set[str] = set()
        super().__init__(variables)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return name in self.data

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self.data[name]


def _needed(reference: Reference) -> set[str]:
    """Return the keys at the top that the value of another key needs."""
    return {reference.path[0], reference.path[reference.prefix]} - {str(key) for key in reference.key[:1]}


class _TooLargeError(Exception):
    """Substitutions expand to too large a description."""


def _plain(entry: Entry, places: Places, address: Address) -> Any:
    value: Node = entry.value
    if len(places.of) > _MOST_VALUES:
        raise _TooLargeError
    places.of[address] = entry.place
    if entry.lost is not None:
        places.shadowed[address] = entry.lost
    if isinstance(value, Object):
        return {key: _plain(child, places, (*address, key)) for key, child in value.entries.items()}
    if isinstance(value, Array):
        return [_plain(child, places, (*address, index)) for index, child in enumerate(value.items)]
    return value
