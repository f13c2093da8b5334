"""The Spark session of the driver, in its own JVM or on a Spark Connect server."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_spark_pipeline.runtime.spark import connect
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from airflow_spark_pipeline.time_limit import within

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SCHEDULER_MODE = "spark.scheduler.mode"
#: Names of views that exist only while views are registered begin so.
PASSING_VIEWS = "_spark_pipeline_"

_STOP_SECONDS = 30.0
_REDACTION = "spark.redaction.regex"
_SPARKS_OWN_REDACTION = "(?i)secret|password|token|access[.]?key"


def open_session(config: Mapping[str, str]) -> SparkSession:
    """Return the session that ``spark-submit`` configured, plus the secret settings kept off the command line."""
    from pyspark.sql import SparkSession  # this package is also imported without Spark

    builder = SparkSession.builder
    for name, value in {**config, **_redaction(config)}.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _redaction(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that hides these settings in Spark's UI and event log, if Spark's own rule does not."""
    if not secrets:
        return {}
    from pyspark import SparkConf  # as above

    known = SparkConf().get(_REDACTION) or _SPARKS_OWN_REDACTION
    # Both also list Hadoop's configuration, in which the settings have Hadoop's names.
    hidden = [name for name in secrets if name != SCHEDULER_MODE]
    names = [each for name in hidden for each in dict.fromkeys((name, name.removeprefix("spark.hadoop.")))]
    return {_REDACTION: "|".join([known, *(f"^{re.escape(name)}$" for name in names)])}


def application_id(spark: SparkSession) -> str | None:
    """Return the application's id in the cluster manager."""
    try:
        if is_connect(spark):
            return connect.application_id(spark)
        value: str | None = spark.sparkContext.applicationId
    except Exception:  # for display only; a stopped session must not hide the actual result
        return None
    return value


def tag_jobs(spark: SparkSession, tag: str) -> None:
    """Tag the jobs that this thread starts from now on."""
    if is_connect(spark):
        spark.addTag(tag)
    else:
        spark.sparkContext.addJobTag(tag)


def untag_jobs(spark: SparkSession, tag: str) -> None:
    """Stop tagging the jobs that this thread starts."""
    with contextlib.suppress(Exception):  # a closed session has no jobs
        if is_connect(spark):
            spark.removeTag(tag)
        else:
            spark.sparkContext.removeJobTag(tag)


def cancel_jobs(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs with a tag."""
    with contextlib.suppress(Exception):  # the session is stopping anyway
        if is_connect(spark):
            spark.interruptTag(tag)
        else:
            spark.sparkContext.cancelJobsWithTag(tag)


def register(frames: Mapping[str, DataFrame], spark: SparkSession) -> None:
    """Register each DataFrame as a temp view under its name.

    On Spark Connect a DataFrame that reads a view looks it up by name, when it is used. If the views were replaced one
    by one, the second DataFrame could read the new view instead of the one it was built from.
    """
    fixed = frames
    if len(frames) > 1 and is_connect(spark):
        fixed = {}
        own = f"{PASSING_VIEWS}{threading.get_ident()}"  # components that run at the same time share the session
        for index, (view, frame) in enumerate(frames.items()):
            frame.createOrReplaceTempView(f"{own}_{index}")
            fixed[view] = spark.table(f"{own}_{index}")
    for view, frame in fixed.items():
        frame.createOrReplaceTempView(view)
    for index in range(len(fixed) if fixed is not frames else 0):
        spark.catalog.dropTempView(f"{own}_{index}")


def stopped_by_component(spark: SparkSession) -> bool:
    """Whether code in this process called ``stop()`` on the session or its context."""
    return bool(spark.is_stopped) if is_connect(spark) else spark.sparkContext._jsc is None  # type: ignore[attr-defined]


def ended_from_outside(spark: SparkSession) -> bool:
    """Whether the session ended without a ``stop()`` in this process: its JVM or server died, or is about to."""
    if stopped_by_component(spark):
        return False
    if is_connect(spark):
        return connect.is_gone(spark)
    try:
        return bool(spark.sparkContext._jsc.sc().isStopped())
    except Exception:  # py4j raises other classes when the JVM does not answer
        return True


def close_session(spark: SparkSession) -> bool:
    """Stop Spark; gives up after 30 s, since the result is recorded and must be reported.

    :return: whether no work of this driver can still be running
    """
    try:
        return within(_STOP_SECONDS, lambda: _stop(spark), "spark-stop")
    except TimeoutError:
        return not is_connect(spark)


def _stop(spark: SparkSession) -> bool:
    with contextlib.suppress(Exception):  # its JVM may be gone, and then there is nothing to stop
        if is_connect(spark):
            return connect.close(spark)
        spark.stop()
    return not is_connect(spark)
