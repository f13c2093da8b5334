"""Read a pipeline's description from HOCON; the way in to this package.

It promises that a description is read rightly or not at all: every problem of a text is named at once with its path,
its file and, where it is certain, its line; nothing is guessed, dropped or rounded on the way. Included files are
looked up relative to the file that names them. It does not import the classes that the description names, and does
not say whether a component's config fits its class; the driver does, where the user's code is.

How: pyhocon parses, includes, merges and substitutes. ``files`` guards the text and all that it includes, because
pyhocon reads some constructs wrongly and says nothing; ``schema`` checks the result. The environment and other files
are read, so this belongs into a task and never into a DAG file.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.files import Copies, UnreadableError, read_text
from airflow_spark_pipeline.pipeline.reading import Reading
from airflow_spark_pipeline.pipeline.schema import read_description
from airflow_spark_pipeline.pipeline.spec import PipelineSpec, join_path
from airflow_spark_pipeline.pipeline.templates import Render, refuse_templates
from airflow_spark_pipeline.pipeline.words import Place, Places

_DEADLINE_S = 60.0
_ENVIRONMENT = threading.RLock()
_UNRESOLVED = re.compile(r"Cannot resolve variable \$\{\??([^}]*)\}")
_AT = re.compile(r"\(line: (\d+)")
_CIRCLE = (
    "pyhocon cannot resolve the substitutions: one of them refers to itself, directly or through others, extends an "
    "empty list, or stands too deep; write the value out in one of them"
)
_MIXED = (
    "pyhocon cannot join or replace values of two kinds: a key is text in one place, and a list or has keys of its own "
    "in another"
)


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
    """Read as much of the description in ``text`` as can be read, for a caller that has more to check.

    Nothing is raised: what is wrong is in ``problems`` of the result, next to the components that could be read and
    the lines of all keys.

        reading = read_pipeline(text, file="etl.conf")
        problems = [*reading.problems]
        for component in reading.spec.components if reading.spec else ():
            problems += [reading.locate(problem) for problem in check(component)]

    :param text: HOCON
    :param file: the name to show in messages and to keep as ``source``
    :param base_dir: where relative includes are looked up; by default the directory of ``file``
    :param render: gets this text, and that of each included file, before it is read as HOCON
    :param environ: variables that substitutions see before those of this process
    """
    if base_dir is None and file is not None:
        base_dir = pathlib.Path(file).parent
    problems: list[Problem] = []
    spec, places = None, Places()
    try:
        text = render(text, file)
    except PipelineDefinitionError as error:
        return Reading(None, error.problems)
    if not text.removeprefix("\ufeff").strip():
        problems.append(Problem("the description is empty", file=file))
    else:
        # Of mode 0700, as the descriptions may hold secrets; the copies hold handles only, and go at once.
        with tempfile.TemporaryDirectory(prefix="hocon-") as directory, _environment(environ or {}):
            copies = Copies(pathlib.Path(directory), problems, render)
            spec = _read(text, file, base_dir, problems, places, copies)
    return Reading(spec, tuple(problems), (), {join_path(address): place for address, place in places.of.items()})


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let pyhocon see these variables, too: it looks nowhere but into the environment of the process."""
    with _ENVIRONMENT:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _read(
    text: str,
    file: str | None,
    base_dir: pathlib.Path | None,
    problems: list[Problem],
    places: Places,
    copies: Copies,
) -> PipelineSpec | None:
    try:
        copies.guard(text, file, base_dir)
    except UnreadableError:
        return None
    tree = _resolve(copies, file, problems)
    if tree is None:
        return None
    places.shadowed = copies.shadowed()
    return read_description(copies.words.release(tree, places), places, file, problems)


def _resolve(copies: Copies, file: str | None, problems: list[Problem]) -> Any:
    """Return what pyhocon makes of the copies, or ``None`` after a problem that leaves nothing to look at."""
    while True:
        tree, error = _run_pyhocon(copies.main)
        if error is None:
            return tree
        missing = _UNRESOLVED.search(str(error))
        if missing is None:
            break
        # pyhocon stops at the first one; the next round shows the next one.
        for reference in copies.give_up(missing[1]):
            name = f"`${{{join_path(reference.path)}}}`"
            message = f"{name} is defined neither in the description nor in the environment, or refers to itself"
            problems.append(Problem(message, join_path(reference.address), reference.place.file, reference.place.line))
    if not problems:  # otherwise it may be their consequence
        line = _AT.search(str(error))
        place = copies.place(int(line[1])) if line else Place(file, 0)
        message = {"TimeoutError": str(error), "ConfigWrongTypeException": _MIXED}.get(type(error).__name__, _CIRCLE)
        problems.append(Problem(message, file=place.file, line=place.line or None))
    return None


def _run_pyhocon(main: pathlib.Path) -> tuple[Any, Exception | None]:
    """Return pyhocon's result, or its error."""
    result: list[tuple[Any, Exception | None]] = []

    def run() -> None:
        from pyhocon import ConfigFactory

        try:
            with warnings.catch_warnings():
                # It opens files with codecs.open, and pyparsing renames its functions now and then.
                warnings.simplefilter("ignore", DeprecationWarning)
                tree = ConfigFactory.parse_file(str(main)).as_plain_ordered_dict()
            result.append((tree, None))
        except Exception as error:  # noqa: BLE001  # in a circle it raises whatever comes first
            result.append((None, error))

    # Some circles keep it busy for ever, and a thread is all that can be left behind.
    thread = threading.Thread(target=run, name="pyhocon", daemon=True)
    # Its time is counted in CPU seconds: on a crowded machine, a large description is no circle.
    started = time.process_time()
    thread.start()
    while thread.is_alive() and time.process_time() - started < _DEADLINE_S:
        thread.join(0.2)
    if result:
        return result[0]
    message = (
        f"pyhocon did not come to an end in {_DEADLINE_S:.0f} s of CPU time, probably because substitutions refer to "
        "each other in a circle; write one of the values out, or split the description"
    )
    return None, TimeoutError(message)
