"""The description of a pipeline as one try renders it, and hints for a refusal to resume."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.secrets import mask
from airflow_spark_pipeline.secrets.references import values_of
from airflow_spark_pipeline.task.description import PipelineSource
from airflow_spark_pipeline.task.templates import describe
from airflow_spark_pipeline.task.volatile_fields import explain

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Description:
    """The description in this try.

    :param spec: the parsed source, without the operator's arguments and without defaults
    :param source: the source before it was rendered
    :param environment: the DAG's Jinja environment
    :param env_vars: variables of the driver; for ``${?NAME}`` they take precedence over those of the worker
    """

    spec: PipelineSpec
    source: PipelineSource
    environment: Environment
    env_vars: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        source: PipelineSource,
        context: Mapping[str, Any],
        environment: Environment,
        env_vars: Mapping[str, Any] | None,
    ) -> Description:
        """Render and parse a source.

        :raises PipelineDefinitionError: a template or the description is wrong
        """
        variables = dict(env_vars or {})
        return cls(describe(source, context, environment, environ=variables), source, environment, variables)

    def masked(self) -> str:
        """Return the description as JSON for display, with its secrets masked."""
        return json.dumps(mask(self.spec.to_dict()), indent=2)

    def secrets(self, conf: Mapping[str, Any] | None) -> list[Any]:
        """Return what may contain secrets, for Airflow's masker: the description, and what it refers to.

        :param conf: the operator's Spark settings, which may refer to secrets as well
        """
        plain = self.spec.to_dict()
        variables = {**os.environ, **{name: str(value) for name, value in self.env_vars.items()}}
        return [plain, {"secret": values_of(variables, plain, conf)}]

    def explain(self, error: ResumeRefusedError, context: Mapping[str, Any]) -> ResumeRefusedError:
        """Return the refusal, with a hint at fields that differ on each try because of their templates."""
        return explain(error, self.spec, self.source, context, self.environment, self.env_vars)
