"""The command ``components``: what a pipeline can name, and what can be configured."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

from airflow_spark_pipeline.binding.suggestions import did_you_mean
from airflow_spark_pipeline.cli import component_search, printing
from airflow_spark_pipeline.cli.component_fields import ConfigField, config_fields, summary
from airflow_spark_pipeline.cli.component_search import Found
from airflow_spark_pipeline.cli.json_schema import schema_of_config, schema_of_file
from airflow_spark_pipeline.cli.modules import places_of
from airflow_spark_pipeline.cli.printing import err, out
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.loading import UnloadableError, checked, find_class

Classes = dict[str, type[Component]]


def list_components(arguments: Namespace) -> int:
    """Print the components that can be named."""
    built_in = component_search.built_in()
    own = component_search.own(places_of(arguments.file, arguments.py_files))
    classes = {**own.classes, **built_in.classes}
    if arguments.names:
        classes = _named(arguments.names, classes)
    if arguments.json_schema:
        printing.as_json(schema_of_file(classes))
    elif arguments.json:
        printing.as_json([_data(name, cls) for name, cls in classes.items()])
    else:
        _print(classes)
    _report(own, arguments)
    return 0


def _report(own: Found, arguments: Namespace) -> None:
    for problem in own.problems:
        err(f"warning: {problem}")
    if not own.classes and not arguments.names:
        places = ", ".join(map(str, places_of(arguments.file, arguments.py_files)))
        err(f"No custom components were found in {places}; name your modules with --py-files.")


def _named(names: list[str], classes: Classes) -> Classes:
    """Return the classes that were asked for; a dotted name may be that of any class that can be imported."""
    found: Classes = {}
    problems: list[Problem] = []
    for asked in names:
        matching = {name: cls for name, cls in classes.items() if asked in (name, name.rpartition(".")[2])}
        try:
            found.update(matching or _importable(asked, classes))
        except UnloadableError as error:
            problems.append(Problem(str(error)))
    if problems:
        raise PipelineDefinitionError(problems)
    return found


def _importable(name: str, classes: Classes) -> Classes:
    if "." not in name:
        known = [each.rpartition(".")[2] for each in classes]
        raise UnloadableError(
            f"There is no component {name!r} here{did_you_mean(name, known)}. "
            "`spark-pipeline components` lists all; --py-files adds your modules."
        )
    return {name: checked(find_class(name), name, Component, "component")}  # type: ignore[type-abstract]  # subclasses


def _print(classes: Classes) -> None:
    for index, (name, cls) in enumerate(classes.items()):
        if index:
            out()
        said = summary(cls)
        out(f"{name}: {said}" if said else name)
        fields = config_fields(cls)
        if fields:
            for lines in printing.columns([_row(each) for each in fields], cut=True):
                for line in lines:
                    out(f"  {line}")


def _row(field: ConfigField) -> list[str]:
    default = "required" if field.required else f"= {json.dumps(field.default, ensure_ascii=False)}"
    return [field.key, field.type, default, field.doc]


def _data(name: str, cls: type) -> dict[str, Any]:
    fields = [
        {
            "key": each.key,
            "type": each.type,
            "expected": each.expected,
            "required": each.required,
            "default": each.default,
            "doc": each.doc,
        }
        for each in config_fields(cls)
    ]
    return {"instanceType": name, "doc": summary(cls), "fields": fields, "schema": schema_of_config(cls)}
