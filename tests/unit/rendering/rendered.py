"""A description with one component, rendered and read as in a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk.definitions._internal.templater import NativeEnvironment, SandboxedEnvironment
from jinja2 import Environment, StrictUndefined

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.rendering.renderer import Renderer

HEAD = "pipeline.pipeline-name = Shop\npipeline.pipeline-components = [ { instance-type = a.B, instance-config {\n"
TAIL = "\n} } ]\n"


def environment(*, native: bool = False) -> Environment:
    """What Airflow gives a task."""
    kind = NativeEnvironment if native else SandboxedEnvironment
    made: Environment = kind(undefined=StrictUndefined, extensions=["jinja2.ext.do"])
    return made


def config(members: str, directory: Path | None = None, /, **names: Any) -> dict[str, Any]:
    """The config of the one component, whose members are a template."""
    file = None if directory is None else str(directory / "shop.conf")
    reading = Renderer(names, environment()).read(HEAD + members + TAIL, file, directory)
    spec = reading.checked()
    (component,) = spec.components
    assert spec.pipeline_name == "Shop"
    return dict(component.instance_config)


def problems(members: str, directory: Path | None = None, /, **names: Any) -> list[str]:
    """What is wrong with a template, each on one line; lines are counted from the members."""
    try:
        config(members, directory, **names)
    except PipelineDefinitionError as error:
        head = HEAD.count("\n")
        found = [f"{(each.line or head) - head}: {each.message}" for each in error.problems]
        assert all("\n" not in each for each in found)
        return found
    return []
