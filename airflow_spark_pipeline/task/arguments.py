"""The operator's rendered arguments, converted to the types that they need: text, names, mappings of text.

A template gives text; XCom and Python may give any object. A value with only one meaning is converted (2026 is the name
"2026"); anything else is one clear error.
"""

from __future__ import annotations

import ast
import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.rendering.environment import hocon_environment, text_environment
from airflow_spark_pipeline.task.templates import is_text
from airflow_spark_pipeline.task.undefined_names import why_undefined

if TYPE_CHECKING:
    from jinja2 import Environment

_TEXTS = (
    "pipeline",
    "checkpoint_location",
    "resume_run_id",
    "start_from",
    "stop_after",
    "name",
    "pipeline_name",
    "external_dag_id",
    "external_task_id",
    "external_run_id",
)
_NAMES = ("only", "force", "py_files")
_MAPPINGS = ("conf", "env_vars")


class _MisfitError(Exception):
    """The value cannot be an argument of this kind."""


def render(
    task: Any,
    render_fields: Callable[[Any, Iterable[str], Any, Environment, set[int]], None],
    fields: Iterable[str],
    context: Any,
    environment: Environment,
    seen_oids: set[int],
) -> None:
    """Render the templated arguments of one of our operators or sensors.

    :param render_fields: Airflow's function that renders fields
    :param seen_oids: ids of objects that Airflow does not render, since they come from XCom
    """
    environment = explaining_environment(environment, context)
    ours = [name for name in fields if name in (*_TEXTS, *_NAMES, *_MAPPINGS)]
    task.text_of_dag = None
    if is_text(task.pipeline) and id(task.pipeline) not in seen_oids:
        task.text_of_dag = task.pipeline
        ours.remove("pipeline")  # or what a value holds would be read as HOCON
    owner = task if AIRFLOW.tasks_choose_native_rendering else task.get_dag()
    native, owner.render_template_as_native_obj = owner.render_template_as_native_obj, False
    try:
        # Even if the DAG renders native objects: a component called 3.10 would become 3.1.
        render_fields(task, ours, context, text_environment(environment), seen_oids)
    finally:
        owner.render_template_as_native_obj = native
    render_fields(
        task, [name for name in fields if name not in ours and name != "pipeline"], context, environment, seen_oids
    )


def settle(task: Any) -> None:
    """Convert the templated arguments to their documented types.

    :raises PipelineDefinitionError: arguments cannot be converted; the error names all of them
    """
    problems = []
    for names, convert in ((_TEXTS, _text), (_NAMES, _texts), (_MAPPINGS, _mapping)):
        for name in names:
            if name not in task.template_fields:
                continue
            try:
                setattr(task, name, convert(getattr(task, name)))
            except _MisfitError as error:
                problems.append(Problem(f"the argument {name} {error}"))
    if problems:
        raise PipelineDefinitionError(problems)


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return names from an argument: one, a list, or a list that a template rendered as text; without empty ones."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(value)
    return tuple(filter(None, [value] if isinstance(value, str) else value or ()))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    raise _MisfitError(f"is {_kind(value)}; it is text")


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        value = _parsed(value, "[", list)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [_text(item) for item in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)]
    if isinstance(value, Mapping):
        raise _MisfitError("is a mapping; it is text, or a list of texts")
    return _text(value)


def _mapping(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        value = _parsed(value, "{", dict)
    if value is None or value == "":
        return None
    if not isinstance(value, Mapping):
        raise _MisfitError(f"is {_kind(value)}; it is a mapping of names to text")
    return {_text(name): _setting(str(name), child) for name, child in value.items()}


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as in Spark's settings, and most programs
    text = None if value is None else _nested(name, value)
    if text is None:
        raise _MisfitError(f"has no value for {name}: it is None; leave the name out, or give text")
    return text


def _nested(name: str, value: Any) -> str | None:
    try:
        return _text(value)
    except _MisfitError:
        raise _MisfitError(f"has {_kind(value)} for {name}; it is text") from None


def _parsed(text: str, opens: str, kind: type) -> Any:
    """Return the list or mapping that a template rendered as text, otherwise the text."""
    if text.lstrip().startswith(opens):
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            if isinstance(found := ast.literal_eval(text.strip()), kind):
                return found
    return text


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", str: "text", list: "a list", tuple: "a list", dict: "a mapping"}
    for kind, name in kinds.items():
        if isinstance(value, kind):
            return name
    unresolved = ", which nothing has resolved" if hasattr(value, "resolve") else ""
    return f"a {type(value).__name__}{unresolved}"


def explaining_environment(environment: Environment, context: Mapping[str, Any]) -> Environment:
    """Return an environment for the arguments: comment marks as in files, and errors that say why a name is missing."""
    from jinja2 import StrictUndefined
    from jinja2.utils import missing

    params = context.get("params", missing)

    class Explained(StrictUndefined):
        @property
        def _undefined_message(self) -> str:
            said = super()._undefined_message
            if self._undefined_hint or (self._undefined_obj is not missing and self._undefined_obj is not params):
                return said
            path = f"{'params.' if self._undefined_obj is params else ''}{self._undefined_name}"
            why = why_undefined(path, context)
            return f"{path!r} is undefined: {why}" if why else said

    explaining = hocon_environment(environment)
    if explaining.undefined is StrictUndefined:
        explaining.undefined = Explained
    return explaining
