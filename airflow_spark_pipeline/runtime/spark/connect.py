"""Spark Connect: the driver's session on a server, and the closing of sessions that dead drivers left there.

Guarantees: each driver has its own session, whose id is derived from the name of its heartbeat, so that a successor can
find it. Before a successor opens its session, the sessions of dead drivers are interrupted and closed, so nothing more
can run in them. A server that no longer knows such a session runs nothing for it. Not guaranteed: that the tasks of an
interrupted operation have ended at that very moment. Spark reports the end of operations only, so the driver waits a
little.
"""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.pipeline.connect_string import SESSION_ID, USER_ID, ConnectString
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.process.redaction import redaction_of_session
from airflow_spark_pipeline.runtime.spark.versions import condition_of
from airflow_spark_pipeline.time_limit import within

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.secrets import Redactor

_NAMESPACE = uuid.UUID("6f0f0b7e-53a5-5a53-9d0c-6c9a1d2f8f5e")  # namespace of session ids; changing it changes every id
_START_SECONDS = 60.0
_ANSWER_SECONDS = 15.0
_ALIVE_SECONDS = 300.0  # a server drops a session after an hour of inactivity
_END_SECONDS = 30.0
# Only during a call; without it, a client waits forever if the network silently disappears. Servers treat more than one
# ping in five minutes as an attack (gRPC's keepalive guide, grpc-java's default of permitKeepAliveTime).
_PING_SECONDS = 330.0
_PING_ANSWER_SECONDS = 30.0
# Spark checks every two seconds whether a task with a Python worker was killed, and ends the worker two seconds later
# (PythonRunner's monitor, spark.python.task.killTimeout); until then the worker keeps running.
_TASKS_SECONDS = 5.0
_RELEASED = "_spark_pipeline_released"  # whether the server has released a session that this process has closed
_UNFINISHED = (2, 3)  # running, terminating: spark/connect/base.proto, OperationState
_SERVERS_OWN = ("CANNOT_MODIFY_CONFIG", "CANNOT_MODIFY_STATIC_CONFIG")


def is_connect(spark: SparkSession) -> bool:
    """Whether a session is one of Spark Connect."""
    session: Any = type(spark)
    return _is_of_connect(session)


@functools.cache  # asked several times for each component
def _is_of_connect(session: type) -> bool:
    return any(kind.__module__.startswith("pyspark.sql.connect.") for kind in session.__mro__)


def session_id(unit: str, incarnation: str) -> str:
    """Return the id of a driver's session.

    :param incarnation: incarnation of the driver, from the name of its heartbeat
    """
    return str(uuid.uuid5(_NAMESPACE, f"{unit}/{incarnation}"))


def user_of(target: ConnectTarget) -> str:
    """Return the user that owns the sessions, chosen like Spark's client does: a session's key is user and id."""
    named = ConnectString.parse(target.url).parameters.get(USER_ID)
    return named or os.environ.get("SPARK_USER") or os.environ.get("USER") or getpass.getuser()


def open_session(
    target: ConnectTarget, config: Mapping[str, str], session: str, redactor: Redactor | None = None
) -> SparkSession:
    """Open the session, with its settings and the user's modules.

    :param session: id of the session
    :param redactor: redactor that recognizes secret settings, which the server must not show
    :raises SparkConnectError: the server does not answer, or does not accept a setting
    """
    spark = _connect(target, user_of(target), session)
    _require_answer(target, spark)
    try:
        if redactor is not None:  # set first, since Spark records the settings with each query
            hiding = redaction_of_session(spark, config, redactor)
            config = {**hiding, **config, **hiding}
        _configure(spark, config)
        if target.py_files:
            spark.addArtifacts(*target.py_files, pyfile=True)
    except BaseException:
        close(spark)
        raise
    threading.Thread(target=_keep_alive, args=(spark,), name="keep-alive", daemon=True).start()
    return spark


def end_sessions(target: ConnectTarget, sessions: Iterable[tuple[str, str, str]]) -> None:
    """Interrupt the work that dead drivers left running, and close their sessions.

    :param sessions: user, session id and description of the driver, for each session
    :raises SparkConnectError: the server does not answer, or cannot interrupt or close a session
    """
    for user, session, owner in sessions:
        spark, why = _connect(target, user, session), None
        try:
            _require_answer(target, spark)
            operations = spark.interruptAll()
            if operations:
                say(f"Interrupted what {owner} had left running on the server")
                _await_end(spark, operations)
        except SparkConnectError:
            raise
        except Exception as error:
            if "INVALID_HANDLE" not in str(error):  # the server no longer knows the session
                why = str(error).partition("\n")[0]
                say(f"What {owner} left running on the server could not be interrupted: {why}")
        if not close(spark) and why is not None:
            # Its heartbeat stays, so that the next attempt tries again; continuing could let two drivers run at once.
            raise SparkConnectError(f"What {owner} left running on the server cannot be ended: {why}", retry_helps=True)


def application_id(spark: SparkSession) -> str | None:
    """Return the id of the server's Spark application."""
    return spark.conf.get("spark.app.id", None)


def is_gone(spark: SparkSession) -> bool:
    """Whether the session or its server is gone; a server that does not answer counts as gone."""
    try:
        within(_ANSWER_SECONDS, lambda: application_id(spark))
    except Exception:  # Spark's client itself would try for ten minutes
        return True
    return False


def close(spark: SparkSession) -> bool:
    """Close a session and stop its work. Returns whether none of its work can still be running."""
    session: Any = spark
    released = getattr(session, _RELEASED, False)  # of a session that a component has stopped nobody knows it
    if not released and not session.is_stopped:
        with contextlib.suppress(Exception):  # unreachable
            within(_ANSWER_SECONDS, session.client.release_session)
            released = True
        setattr(session, _RELEASED, released)
    _let_go(spark)
    return bool(released)


def _let_go(spark: SparkSession) -> None:
    """Close the channel without calling the server, now or at the end of the process: a call could take minutes."""
    session: Any = spark
    session.release_session_on_close = False
    session.stop()


def _connect(target: ConnectTarget, user: str, session: str) -> SparkSession:
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession as RemoteSession

    url = ConnectString.parse(target.url).having(**{USER_ID: user, SESSION_ID: session}).url
    options = {
        "grpc.keepalive_time_ms": int(_PING_SECONDS * 1_000),
        "grpc.keepalive_timeout_ms": int(_PING_ANSWER_SECONDS * 1_000),
        "grpc.http2.max_pings_without_data": 0,
    }
    # As builder.remote() does, which takes no channel: otherwise pyspark.sql.functions would look for a JVM.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    channel = DefaultChannelBuilder(url, list(options.items()))
    return cast("SparkSession", RemoteSession.builder.channelBuilder(channel).create())


def _require_answer(target: ConnectTarget, spark: SparkSession) -> None:
    try:
        within(_START_SECONDS, lambda: application_id(spark))
    except BaseException as error:  # in a notebook, the next run would take a session that is left for a given one
        _let_go(spark)
        if not isinstance(error, TimeoutError):
            raise
        raise SparkConnectError(
            f"The server at {ConnectString.parse(target.url).address} did not answer within "
            f"{_START_SECONDS:g} s. Is it a Spark Connect server? Do both sides agree on TLS "
            "(use_ssl)? A token needs TLS, too, except for a server on localhost.",
            retry_helps=True,
        ) from None


def _configure(spark: SparkSession, config: Mapping[str, str]) -> None:
    from pyspark.errors import PySparkException

    refused: list[str] = []
    for name, value in config.items():
        # The server accepts these two and ignores them.
        if name == "spark.master" or name.startswith("spark.hadoop."):
            refused.append(name)
            continue
        try:
            spark.conf.set(name, value)
        except PySparkException as error:
            if condition_of(error) not in _SERVERS_OWN:
                raise
            refused.append(name)
    if refused:
        hadoop = any(name.startswith("spark.hadoop.") for name in refused)
        hint = " A session can set Hadoop's settings by their own names, without spark.hadoop." if hadoop else ""
        raise SparkConnectError(
            "On Spark Connect these settings belong to the server, not to a session: "
            f"{', '.join(refused)}. Remove them here, and set them where the server is started.{hint}"
        )


def _await_end(spark: SparkSession, operations: list[str]) -> None:
    client: Any = spark.client
    statuses = getattr(client, "_get_operation_statuses", None)  # since Spark 4.2
    deadline = time.monotonic() + _END_SECONDS
    while statuses is not None and time.monotonic() < deadline:
        if all(status.state not in _UNFINISHED for status in statuses(operations).operation_statuses):
            break
        time.sleep(0.2)
    time.sleep(_TASKS_SECONDS)


def _keep_alive(spark: Any) -> None:
    while not spark.is_stopped:
        with contextlib.suppress(Exception):  # the session's next call reports it
            application_id(spark)
        threading.Event().wait(_ALIVE_SECONDS)
