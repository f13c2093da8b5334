"""Renders the templated arguments of operators and sensors, and converts them to their types."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.rendering.environment import hocon_environment, text_environment
from airflow_spark_pipeline.task.argument_types import misfits
from airflow_spark_pipeline.task.templates import is_text
from airflow_spark_pipeline.task.undefined_names import why_undefined

if TYPE_CHECKING:
    from jinja2 import Environment


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
    ours = [name for name in fields if name in task.argument_types]
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
    problems = [Problem(f"the argument {name} {error}") for name, error in misfits(task, keep=True)]
    if problems:
        raise PipelineDefinitionError(problems)


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return names from an argument: one, a list, or a list that a template rendered as text; without empty ones."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(value)
    return tuple(filter(None, [value] if isinstance(value, str) else value or ()))


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
