"""Reads a pipeline's file for the command line: renders it with the values of ``--set``, and parses it.

A Jinja name without a value is an error if the pipeline would run. If the file is only checked, the name renders as
itself: the value in a DAG run is not known, and the rest of the file can still be checked.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.cli.output import OUTPUT
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.parse_result import Reading
from airflow_spark_pipeline.pipeline.parser import read_values
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.rendering.renderer import Renderer, nearest_name
from airflow_spark_pipeline.rendering.without_airflow import nested, renderer_of
from airflow_spark_pipeline.task.description import read_source

_HOCON = (".conf", ".hocon")

#: Sample values of the names that every DAG run has, for a file that is only checked.
SAMPLES = {
    "ds": "2000-01-31",
    "data_interval_start": datetime(2000, 1, 31, tzinfo=timezone.utc),
    "data_interval_end": datetime(2000, 2, 1, tzinfo=timezone.utc),
    "run_id": "run_id",
}
#: Second samples, in which every part differs.
OTHER_SAMPLES = {
    "ds": "2011-12-25",
    "data_interval_start": datetime(2011, 12, 25, 6, 30, 15, tzinfo=timezone.utc),
    "data_interval_end": datetime(2011, 12, 26, 6, 30, 15, tzinfo=timezone.utc),
    "run_id": "other_run_id",
}

Settings = Iterable[tuple[str, str]]


def describe(
    file: str, settings: Settings = (), values: Mapping[str, Any] | None = None, *, sample: bool = False
) -> PipelineSpec:
    """Return the description in a file.

    :param settings: values of names in the templates, from ``--set``
    :param values: further values; ``settings`` take precedence
    :param sample: whether a name without a value renders as its own name
    :raises PipelineDefinitionError: the file cannot be read, is wrong, or names have no value; all problems are listed
    """
    renderer = _renderer(settings, values, SAMPLES if sample else None)
    reading = _reading(file, renderer)
    if reading.spec is not None and not renderer.missing:  # a name that stands for its value is no secret
        checkpoint = reading.spec.checkpoint
        OUTPUT.hide([checkpoint.location], {} if checkpoint.store is None else checkpoint.store.instance_config)
    return reading.checked()


def read_with_samples(
    file: str, settings: Settings, values: Mapping[str, Any] | None, samples: Mapping[str, Any]
) -> tuple[Reading, list[str], bool]:
    """Return as much of a file as could be read, the names in its templates without a value, and if it has templates.

    :param samples: values of names that every DAG run has, and made-up values of other names
    :raises PipelineDefinitionError: the file cannot be read at all
    """
    renderer = _renderer(settings, values, samples)
    reading = _reading(file, renderer)
    missing = list(dict.fromkeys(name.path for _, name in renderer.missing))
    return reading, missing, renderer.has_rendered


def values_in(files: Iterable[str]) -> dict[str, Any]:
    """Return the values in the files of ``--values``; a later file takes precedence over an earlier one.

    :param files: paths of files; HOCON if the name ends in ``.conf`` or ``.hocon``, otherwise JSON or YAML
    :raises PipelineDefinitionError: a file cannot be read, or does not contain a mapping
    """
    values: dict[str, Any] = {}
    for file in files:
        found = read_values(file) if file.endswith(_HOCON) else _yaml(file)
        if not isinstance(found, dict):
            raise PipelineDefinitionError([Problem("--values: is not a mapping of names to values", file=file)])
        OUTPUT.hide(found)
        try:
            values = _merged(values, nested({str(name): value for name, value in found.items()}))
        except PipelineDefinitionError as error:
            raise PipelineDefinitionError([replace(each, file=file) for each in error.problems]) from None
    return values


def _yaml(file: str) -> Any:
    import yaml  # Airflow's own dependency

    try:
        text = Path(file).read_text(encoding="utf-8-sig")
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)  # YAML 1.1 reads 1e3 as a text, and no tabs
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # the error's own text quotes the file, which may hold secrets
        line = None if mark is None else mark.line + 1
        raise PipelineDefinitionError([Problem("--values: is not YAML or JSON", file=file, line=line)]) from None
    except (OSError, ValueError) as error:
        said = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise PipelineDefinitionError([Problem(f"--values: cannot be read: {said}", file=file)]) from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {name for name in above if isinstance(above[name], dict) and isinstance(below.get(name), dict)}
    return {**below, **above, **{name: _merged(below[name], above[name]) for name in both}}


def typed(text: str) -> Any:
    """Return the value of ``--set``: JSON if it is valid JSON, otherwise text.

    ``10`` and ``true`` are not text, as in a DAG's params. ``007`` and ``3.10`` are text, since a number would lose a
    digit, and so is ``"10"`` in quotes.
    """
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if text in ("NaN", "Infinity", "-Infinity"):
            return text
        if text[:1] in ('"', "[", "{") or json.dumps(found) == text.strip():
            return found
    return text


def _renderer(settings: Settings, values: Mapping[str, Any] | None, samples: Mapping[str, Any] | None) -> Renderer:
    given = {**nested(values or {}), **{name: typed(value) for name, value in settings}}
    dates = any(name in given for name in ("ds", "ts", "logical_date"))
    made_up = {name: value for name, value in (samples or {}).items() if not (dates and name == "ds")}
    return renderer_of({**made_up, **given}, advise=_how_to_give, stand_in=samples is not None)


def _reading(file: str, renderer: Renderer) -> Reading:
    source = read_source(_absolute(file), Path.cwd())
    name = file if source.file is not None else None  # the name that the user typed
    return renderer.read(source.text, name, source.base_dir)


def _how_to_give(path: str, names: Mapping[str, Any]) -> str:
    near = nearest_name(path, {name: value for name, value in names.items() if name not in SAMPLES})
    return f"{path!r} has no value here; give it with --set {path}=…{', or ' + near if near else ''}"


def _absolute(file: str) -> str:
    return file if "://" in file else str(Path(file).absolute())
