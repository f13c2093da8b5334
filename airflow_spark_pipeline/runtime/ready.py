"""What a description names, loaded and ready to be used; or every problem of it at once."""

from __future__ import annotations

import json

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component import Component
from airflow_spark_pipeline.runtime.console import say
from airflow_spark_pipeline.runtime.hooks.base import PipelineHooks
from airflow_spark_pipeline.runtime.hooks.calls import ActiveHook
from airflow_spark_pipeline.runtime.hooks.loading import load_hooks
from airflow_spark_pipeline.runtime.loading import load_components
from airflow_spark_pipeline.runtime.views import refuse_views_that_a_resume_would_miss


def check(request: DriverRequest) -> int:
    """Load the components and print what is wrong with them as one line of JSON; runs nothing, needs no Spark."""
    problems = []
    try:
        load(PipelineSpec.from_dict(request.pipeline))
    except PipelineDefinitionError as error:
        problems = [problem.to_dict() for problem in error.problems]
    say(json.dumps({"problems": problems}))
    return protocol.EXIT_DEFINITION if problems else protocol.EXIT_COMPLETED


def load(
    spec: PipelineSpec, recorded: CheckpointState | None = None, *hooks: PipelineHooks
) -> tuple[list[Component], list[ActiveHook]]:
    """Return the components and hooks of a description, ready to be used.

    :param recorded: what an earlier attempt recorded, with the views that its components made
    :param hooks: more of them, from code
    :raises PipelineDefinitionError: with every problem of both
    """
    problems: list[Problem] = []
    components, active = list[Component](), list[ActiveHook]()
    try:
        components = load_components(spec.components)
        refuse_views_that_a_resume_would_miss(spec, components, recorded)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    try:
        active = load_hooks(spec, *hooks)
    except PipelineDefinitionError as error:
        problems.extend(error.problems)
    if problems:
        raise PipelineDefinitionError(problems)
    return components, active
