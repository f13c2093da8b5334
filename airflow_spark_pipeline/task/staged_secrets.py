"""Checks a request before it is uploaded for a platform: no secrets, unless the user allows them.

A request for ``spark-submit`` is a file of mode 0600 that is deleted at once. An uploaded request can be read by
everyone with read access to the staging location while the job runs, and a versioned bucket keeps it even longer.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.launch.private_settings import hidden
from airflow_spark_pipeline.pipeline.spec import NUMBERS, PipelineSpec
from airflow_spark_pipeline.secrets import leaves, mask
from airflow_spark_pipeline.secrets.references import has_reference

_ADVICE = (
    "is a secret, and would be uploaded to the staging location with the request. Write ${secret:env://NAME} and set "
    "NAME in the driver's environment from the platform's secret manager, or let the component read it there; or pass "
    "allow_secrets_in_staging=True"
)


def refuse_secrets(spec: PipelineSpec, conf: Mapping[str, str]) -> None:
    """Refuse a description whose request would contain secrets.

    :param conf: the operator's Spark settings
    :raises PipelineDefinitionError: fields are secrets, by their name or their value; the error names all of them
    """
    found = [
        join_path(leaf.path)
        for leaf in leaves(spec.to_dict())
        if leaf.value not in (None, "") and not has_reference(leaf.value) and leaf.path[0] not in ("source", NUMBERS)
        if leaf.secret or mask(leaf.value) != leaf.value
    ]
    problems = [Problem(_ADVICE, path, spec.source) for path in found]
    settings = [name for name, value in hidden(conf).items() if not has_reference(value)]
    problems += [Problem(_ADVICE, f"the operator's conf: {name}") for name in settings]
    if problems:
        raise PipelineDefinitionError(problems)
