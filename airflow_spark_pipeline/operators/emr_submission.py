"""What the operators of EMR share: options of ``spark-submit``, URLs with a supported scheme, and the connection."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.operators.job import SparkPipelineJob, StagedJob
from airflow_spark_pipeline.task.argument_types import check_templated

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way


class EmrJob(SparkPipelineJob):
    """A job of EMR, in front of one of the provider's operators.

    :param spark_submit_parameters: more options for ``spark-submit`` (templated)
    """

    # The provider's operators set these.
    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, Any] | None

    def __init__(self, *, spark_submit_parameters: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.spark_submit_parameters = spark_submit_parameters
        check_templated(self)

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a job of EMR.

        :raises CheckpointLocationError: the files cannot be named in ``--py-files``
        """
        location = self.staging_location or unit.location.location
        if "," in location:
            raise CheckpointLocationError(
                f"The staging location {location} contains a comma, at which spark-submit splits the names of modules. "
                "Set another staging_location."
            )
        return super().choose_way(unit, context)

    @property
    def _hook_arguments(self) -> dict[str, Any]:
        """What :func:`client_arguments` takes, in a form that the triggerer can be sent."""
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.botocore_config,
        }


def client_arguments(*, botocore_config: Mapping[str, Any] | None = None, **hook_arguments: Any) -> dict[str, Any]:
    """Return the arguments of a hook of the provider."""
    from botocore.config import Config

    return {**hook_arguments, "config": Config(**botocore_config) if botocore_config else None}


def s3_url(url: str) -> str:
    """Return the URL with a scheme that EMR supports, for example ``s3://`` for ``s3a://``."""
    scheme, separator, rest = url.partition("://")
    return f"s3://{rest}" if separator and scheme in ("s3a", "s3n") else url


def submit_options(job: StagedJob) -> list[str]:
    """Return the options of ``spark-submit`` that name the modules and the settings of a job."""
    modules = [s3_url(module) for module in job.py_files]
    options = ["--py-files", ",".join(modules)]
    for name, value in job.spark_config.items():
        options += ["--conf", f"{name}={value}"]
    return options


def job_driver(job: StagedJob, more_options: str | None) -> dict[str, Any]:
    """Return a job as EMR Serverless and EMR on EKS expect it.

    :param more_options: the user's options of ``spark-submit``
    """
    return {
        "entryPoint": s3_url(job.main),
        "entryPointArguments": list(job.arguments),
        "sparkSubmitParameters": " ".join(filter(None, [shlex.join(submit_options(job)), more_options])),
    }
