"""Renders the templates of a task: a pipeline's file, or its text in the DAG, with the task's context."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.pipeline.unrendered_templates import refuse_templates
from airflow_spark_pipeline.rendering.renderer import Renderer
from airflow_spark_pipeline.task import description_cache
from airflow_spark_pipeline.task.description import PipelineSource, read_source
from airflow_spark_pipeline.task.undefined_names import say_why_undefined

if TYPE_CHECKING:
    from jinja2 import Environment

_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def is_text(pipeline: Any) -> bool:
    """Whether the argument ``pipeline`` is HOCON text; ``{{ params.file }}`` is not, since templates do not count."""
    plain = _EXPRESSION.sub("", pipeline) if isinstance(pipeline, str) else ""
    return "\n" in plain or "{" in plain


def url_of(task: Any) -> str | None:
    """Return the path or URL of the description, which may hold a password; ``None`` if the argument is its text."""
    return None if task.text_of_dag is not None or is_text(task.pipeline) else task.pipeline


def source_of(task: Any) -> PipelineSource:
    """Return the source of the description of an operator, or a sensor, after its arguments were rendered.

    :raises PipelineDefinitionError: the source cannot be read
    """
    dag = task.get_dag()
    directory = Path(dag.fileloc).parent
    if task.text_of_dag is not None:
        return PipelineSource(task.text_of_dag, None, directory)
    searchpath = getattr(dag, "template_searchpath", None) or ()
    searchpath = (searchpath,) if isinstance(searchpath, str) else searchpath
    return read_source(task.pipeline, directory, tuple(map(os.fspath, searchpath)))


def describe(
    source: PipelineSource,
    context: Mapping[str, Any],
    environment: Environment,
    *,
    environ: Mapping[str, str] | None = None,
) -> PipelineSpec:
    """Render and parse a description.

    :param context: context of the task
    :param environ: variables of the driver; for ``${?NAME}`` they take precedence over those of the worker
    :raises PipelineDefinitionError: a template or the description is wrong
    """
    renderer = Renderer(context, environment, advise=say_why_undefined)
    if source.is_final:  # a value holds it, and values are never rendered: refuse it if it looks like a template
        refuse_templates(source.text, source.file)
    reading = renderer.read(
        source.text,
        source.file,
        source.base_dir,
        environ=environ,
        is_rendered=source.is_final,
        parse=description_cache.read_pipeline,
    )
    return reading.checked()


def shown(source: PipelineSource, context: Mapping[str, Any], environment: Environment) -> str:
    """Return the rendered text of a description for display; the unrendered text if rendering fails."""
    if source.is_final:
        return source.text
    renderer = Renderer(context, environment, advise=say_why_undefined)
    try:
        text = renderer(source.text, source.file)
    except PipelineDefinitionError:
        return source.text
    return source.text if renderer.missing else text
