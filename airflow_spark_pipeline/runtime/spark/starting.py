"""Start Spark for a driver: a session of this process, or one on a Spark Connect server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.lease import Other
from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.protocol import ConnectTarget, DriverRequest
from airflow_spark_pipeline.runtime.process.lifeline import end_on_sigterm
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.spark import connect
from airflow_spark_pipeline.runtime.spark.jobs import fair_scheduling
from airflow_spark_pipeline.runtime.spark.session import close_session, open_session
from airflow_spark_pipeline.secrets import Redactor

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def start_spark(
    request: DriverRequest,
    others: Sequence[Other],
    incarnation: str,
    redactor: Redactor,
    *,
    owns_process: bool,
    py_files: Sequence[str],
) -> SparkSession:
    """Return a new session. On Spark Connect, the sessions of dead drivers are ended first.

    :param others: heartbeats of the unit's other drivers
    :param incarnation: this driver's, from which the id of its session follows
    :param owns_process: whether SIGTERM may end this process
    :param py_files: files with modules that Spark's workers on other machines need
    :raises Exception: whatever Spark raises while it starts
    """
    if request.connect is not None:
        spark = _connect(request.connect, request, others, incarnation, redactor)
        if owns_process:
            end_on_sigterm(lambda: close_session(spark))
        return spark
    say("Starting Spark ...")
    parallelism = request.pipeline["pipeline"].get("parallelism", 1)
    spark = open_session({**request.spark_config, **fair_scheduling(request.spark_config, parallelism)})
    for file in () if request.local else py_files:
        spark.sparkContext.addPyFile(file)
    return spark


def _connect(
    target: ConnectTarget, request: DriverRequest, others: Sequence[Other], incarnation: str, redactor: Redactor
) -> SparkSession:
    say(f"Connecting to {ConnectString.parse(target.url).address} ...")
    dead = [
        (other.about["sparkUser"], connect.session_id(request.unit, other.incarnation), other.description)
        for other in others
        if "sparkUser" in other.about
    ]
    connect.end_sessions(target, dead)
    return connect.open_session(target, request.spark_config, connect.session_id(request.unit, incarnation), redactor)
