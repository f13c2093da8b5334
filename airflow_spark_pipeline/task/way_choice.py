"""Chooses how a try of :class:`SparkPipelineOperator` gets its driver: Spark Connect, or ``spark-submit``."""

from __future__ import annotations

from collections.abc import Callable

from airflow_spark_pipeline.launch.spark_connect import find_server
from airflow_spark_pipeline.task.connect_way import ConnectWay
from airflow_spark_pipeline.task.submit_way import SubmitWay
from airflow_spark_pipeline.task.try_arguments import SparkArguments
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.way import Way


def choose_way(unit: Unit, spark: SparkArguments, *, submit: Callable[[], None], kill: Callable[[], None]) -> Way:
    """Return the way for the description and the connection.

    :param submit: the provider's ``execute``
    :param kill: the provider's ``on_kill``
    :raises SparkConnectError: the connection does not give a valid connection string, or an argument has no meaning on
        such a server
    :raises NotDeferrableError: the user wants the try to be deferred, and it is not possible
    """
    server = find_server(spark.conn_id, unit.spec.spark, unit.log.info, is_named=spark.conn_is_named)
    if server is None:
        return SubmitWay(unit, spark, submit, kill)
    return ConnectWay.to(server, unit, spark)
