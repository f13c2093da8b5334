"""The Spark session of a run outside Airflow: active, from ``spark-submit``, new, or on a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkConnectError
from airflow_spark_pipeline.pipeline.spark_settings import said_elsewhere
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def active_session() -> SparkSession | None:
    """Return the active session of this process, if any."""
    if "pyspark" not in sys.modules:
        return None  # pyspark is not imported for this: it may not be installed
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


def spark_config(spec: PipelineSpec) -> dict[str, str]:
    """Return the settings of a new session; under ``spark-submit`` its master takes precedence over the description's.

    :raises PipelineDefinitionError: a setting belongs elsewhere
    """
    problems = [Problem(why, "spark.config") for name in spec.spark.config if (why := said_elsewhere(name))]
    if problems:  # in a specification that was created in code
        raise PipelineDefinitionError(problems)
    if spec.spark.connect_string is not None:
        return dict(spec.spark.config)
    config = {**spec.spark.config, "spark.app.name": spec.spark.app_name or spec.pipeline_name}
    if not started_by_spark_submit():
        config["spark.master"] = spec.spark.master or "local[*]"
    return config


def connect_target(spec: PipelineSpec, py_files: tuple[str, ...]) -> ConnectTarget | None:
    """Return the Spark Connect server of a description, or ``None`` if it does not name one.

    :raises SparkConnectError: spark-submit has started Spark in this process
    """
    url = spec.spark.connect_string
    if url is not None and started_by_spark_submit():
        raise SparkConnectError(
            "spark.connect-string names a Spark Connect server, but spark-submit has already started "
            "a Spark here. Use plain Python instead of spark-submit, or remove connect-string."
        )
    return None if url is None else ConnectTarget(url, py_files)


def is_local(spark: SparkSession | None, spec: PipelineSpec) -> bool:
    """Whether all work ends with this process."""
    if spark is not None:
        context = getattr(spark, "sparkContext", None)
        return str(getattr(context, "master", "")).startswith("local") and not started_by_spark_submit()
    if spec.spark.connect_string is not None:
        return True  # the next attempt ends what is still running on the server
    return not started_by_spark_submit() and (spec.spark.master or "local").startswith("local")
