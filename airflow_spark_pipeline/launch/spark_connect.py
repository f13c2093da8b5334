"""Finds the Spark Connect server of a task, and waits until it answers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable

from airflow.providers.apache.spark.hooks.spark_connect import SparkConnectHook
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_spark_pipeline.deployment.airflow_masker import tell_airflow
from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.pipeline.spec import SparkSpec

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
_TRY_SECONDS = 5.0
_SERVER_SECONDS = 60.0


def find_server(conn_id: str, spark: SparkSpec, tell: Callable[[str], None], *, is_named: bool) -> ConnectString | None:
    """Return the server to use, or ``None`` if the job is submitted.

    A connection that the operator names takes precedence over the file, and the file's ``connect-string`` over a
    ``spark_default`` that merely exists.

    :param tell: function that is called with a message about what is ignored
    :param is_named: whether the operator names the connection
    :raises SparkConnectError: the connection does not give a valid connection string
    """
    if spark.connect_string is not None and not is_named:
        return ConnectString.parse(spark.connect_string)
    kind = _connection_type(conn_id)
    if kind is None:
        return None  # the hook that submits reports it
    if kind != SparkConnectHook.conn_type:
        if spark.connect_string is not None:
            tell(f"conn_id names the Spark connection {conn_id!r}; the file's spark.connect-string is not used.")
        return None
    given_way = "connect-string" if spark.connect_string is not None else "master" if spark.master is not None else None
    if given_way is not None:
        tell(f"The connection {conn_id!r} names a Spark Connect server; the file's spark.{given_way} is not used.")
    try:
        server = ConnectString.parse(SparkConnectHook(conn_id).get_connection_url())
    except (ValueError, AttributeError) as error:  # raised by the provider's hook if there is no host
        why = error if isinstance(error, ValueError) else "it has no host"
        raise SparkConnectError(f"The Spark Connect connection {conn_id!r} cannot be used: {why}.") from None
    tell_airflow(server.secrets)
    return server


def await_server(server: ConnectString, tell: Callable[[str], None], seconds: float = _SERVER_SECONDS) -> None:
    """Wait until the server's address accepts connections; Spark's client would silently try for ten minutes.

    :param tell: function that is called with a message if it takes a while
    :raises SparkConnectError: the address does not accept connections in time
    """
    if not server.is_on_this_machine and any(os.environ.get(name) or os.environ.get(name.upper()) for name in _PROXIES):
        return  # the connection goes through a proxy, which always answers
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            socket.create_connection((server.host, server.port), _TRY_SECONDS).close()
        except (OSError, UnicodeError) as error:  # also a name that no host can have
            if time.monotonic() > deadline:
                raise SparkConnectError(
                    f"No Spark Connect server answers at {server.address} ({error}). Start it, or correct the address.",
                    retry_helps=True,
                ) from None
            if not told:
                tell(f"Waiting for the Spark Connect server at {server.address} ({error}) …")
                told = True
            time.sleep(1.0)
        else:
            return


def _connection_type(conn_id: str) -> str | None:
    try:
        return str(BaseHook.get_connection(conn_id).conn_type)
    except AirflowNotFoundException:
        return None
