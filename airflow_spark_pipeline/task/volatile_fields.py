"""Finds fields of a description that render differently on each try, so that no try could resume another one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import ResumeRefusedError, SparkPipelineError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.task.description import PipelineSource
from airflow_spark_pipeline.task.templates import describe

if TYPE_CHECKING:
    from jinja2 import Environment

_SALT = "compared here and now only"


def explain(
    error: ResumeRefusedError,
    spec: PipelineSpec,
    source: PipelineSource,
    context: Mapping[str, Any],
    environment: Environment,
    environ: Mapping[str, str] | None = None,
) -> ResumeRefusedError:
    """Return the error with a hint at the fields that were not edited but render differently on each try.

    :param spec: description that the source renders to in this try
    :param environ: variables of the driver, see `describe`
    """
    volatile = sorted(_volatile(spec, source, context, environment, environ) & set(error.differences))
    if not volatile:
        return error
    return ResumeRefusedError(
        f"{error} This is not an edit of {', '.join(volatile)}: it renders differently on each try, "
        "because it uses the try number or the time. Use a value that stays the same for a DAG run, "
        "such as {{ ds }} or {{ run_id }}.",
        differences=error.differences,
    )


def _volatile(
    spec: PipelineSpec,
    source: PipelineSource,
    context: Mapping[str, Any],
    environment: Environment,
    environ: Mapping[str, str] | None,
) -> set[str]:
    """Return the paths that differ between this try's rendering and one right now with another try number."""
    ti = copy.copy(context["ti"])
    ti.try_number += 1
    other = {**context, "ti": ti, "task_instance": ti}
    try:
        again = describe(source, other, environment, environ=environ)
    except SparkPipelineError:
        return set()
    return {
        f"{one.path}.{path}"
        for one, two in zip(spec.components, again.components, strict=False)
        for path in differences(fingerprint(one, _SALT), fingerprint(two, _SALT))
    }
