"""Which Spark a run outside Airflow uses: the active session, the one of ``spark-submit``, a new one, or a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkConnectError
from airflow_spark_pipeline.pipeline.spark_settings import said_elsewhere
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.driver.lifeline import started_by_spark_submit

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def active_session() -> SparkSession | None:
    """Return the session that is active in this process."""
    if "pyspark" not in sys.modules:
        return None  # nor is it imported to find out: it may not be installed
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession()


def spark_config(spec: PipelineSpec) -> dict[str, str]:
    """Return the settings of a new session; under ``spark-submit`` its master wins over the description's.

    :raises PipelineDefinitionError: a setting belongs elsewhere
    """
    problems = [Problem(why, "spark.config") for name in spec.spark.config if (why := said_elsewhere(name))]
    if problems:  # of a specification that was made in code
        raise PipelineDefinitionError(problems)
    if spec.spark.connect_string is not None:
        return dict(spec.spark.config)
    config = {**spec.spark.config, "spark.app.name": spec.spark.app_name or spec.pipeline_name}
    if not started_by_spark_submit():
        config["spark.master"] = spec.spark.master or "local[*]"
    return config


def connect_target(spec: PipelineSpec, py_files: tuple[str, ...]) -> ConnectTarget | None:
    """Return the Spark Connect server of a description, if it names one.

    :raises SparkConnectError: spark-submit has started Spark in this process
    """
    url = spec.spark.connect_string
    if url is not None and started_by_spark_submit():
        raise SparkConnectError(
            "spark.connect-string names a Spark Connect server, and spark-submit has started a Spark of its own here. "
            "Use plain Python in place of spark-submit, or remove connect-string."
        )
    return None if url is None else ConnectTarget(url, py_files)


def is_local(spark: SparkSession | None, spec: PipelineSpec) -> bool:
    """Whether the end of this process is the end of all work."""
    if spark is not None:
        context = getattr(spark, "sparkContext", None)
        return str(getattr(context, "master", "")).startswith("local") and not started_by_spark_submit()
    if spec.spark.connect_string is not None:
        return True  # what is left at work on the server is ended by whoever comes next
    return not started_by_spark_submit() and (spec.spark.master or "local").startswith("local")
