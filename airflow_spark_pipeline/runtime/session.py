"""The Spark session of the driver."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_STOP_SECONDS = 30.0


def open_session(config: Mapping[str, str]) -> SparkSession:
    """Return the session that ``spark-submit`` configured, with the settings that no command line may show."""
    from pyspark.sql import SparkSession  # the package is imported where Spark is not installed too

    builder = SparkSession.builder
    for name, value in config.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def application_id(spark: SparkSession) -> str | None:
    """Return the id that the cluster manager knows the application by."""
    try:
        value: str | None = spark.sparkContext.applicationId
    except Exception:  # for display only; a stopped session must not fail what is about to be reported
        return None
    return value


def tag_jobs(spark: SparkSession, tag: str) -> None:
    """Tag the jobs that this thread starts from now on."""
    spark.sparkContext.addJobTag(tag)


def untag_jobs(spark: SparkSession, tag: str) -> None:
    """Take the tag from the jobs that this thread starts from now on."""
    with contextlib.suppress(Exception):  # a session that is gone has no jobs
        spark.sparkContext.removeJobTag(tag)


def cancel_jobs(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs of a tag."""
    with contextlib.suppress(Exception):  # the session is going down anyway
        spark.sparkContext.cancelJobsWithTag(tag)


def stopped_by_component(spark: SparkSession) -> bool:
    """Whether somebody in this process called ``stop()`` on the session or its context."""
    return spark.sparkContext._jsc is None


def ended_from_outside(spark: SparkSession) -> bool:
    """Whether the context ended without this process asking for it: its JVM died, or is about to."""
    if stopped_by_component(spark):
        return False
    try:
        return bool(spark.sparkContext._jsc.sc().isStopped())
    except Exception:  # py4j raises classes of its own when the JVM does not answer
        return True


def close_session(spark: SparkSession) -> None:
    """Stop Spark; gives up after 30 s, since the result is recorded and must be reported."""
    stopping = threading.Thread(target=_stop, args=(spark,), name="spark-stop", daemon=True)
    stopping.start()
    stopping.join(_STOP_SECONDS)


def _stop(spark: SparkSession) -> None:
    with contextlib.suppress(Exception):  # its JVM may be gone; there is nothing left to stop then
        spark.stop()
