"""The driver on a Spark Connect server: its session there, and those that dead drivers left behind.

Promises: each driver has a session of its own, whose id follows from its heartbeat's name, so that a successor can name
it; before a successor opens its own, the sessions of the dead are interrupted and closed, and nothing can be done in
them any more. A server that knows such a session no longer has nothing of it at work. Does not promise that the tasks
of an interrupted operation have ended to the millisecond: Spark says so of operations only, so it waits a little.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.pipeline.connect_string import SESSION_ID, USER_ID, ConnectString
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.driver.output import say
from airflow_spark_pipeline.runtime.driver.redaction import redaction_of_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.secrets import Redactor

_NAMESPACE = uuid.UUID("6f0f0b7e-53a5-5a53-9d0c-6c9a1d2f8f5e")  # of session ids; another one is another session
_START_SECONDS = 60.0
_ANSWER_SECONDS = 15.0
_ALIVE_SECONDS = 300.0  # a server forgets a session after an hour without a word
_END_SECONDS = 30.0
# While a call is under way; without, a client whose network went away in silence waits for ever. Servers take more than
# one ping in five minutes for an attack (gRPC's keepalive guide, grpc-java's default of permitKeepAliveTime).
_PING_SECONDS = 330.0
_PING_ANSWER_SECONDS = 30.0
# Spark looks every two seconds whether a task with a Python worker was killed, and ends the worker two seconds later
# (PythonRunner's monitor, spark.python.task.killTimeout); until then the worker goes on.
_TASKS_SECONDS = 5.0
_AT_WORK = (2, 3)  # running, terminating: spark/connect/base.proto, OperationState
_SERVERS_OWN = ("CANNOT_MODIFY_CONFIG", "CANNOT_MODIFY_STATIC_CONFIG")


def is_connect(spark: SparkSession) -> bool:
    """Whether a session is one of Spark Connect."""
    return any(kind.__module__.startswith("pyspark.sql.connect.") for kind in type(spark).__mro__)


def session_id(unit: str, incarnation: str) -> str:
    """Return the id of a driver's session.

    :param incarnation: as in the name of its heartbeat
    """
    return str(uuid.uuid5(_NAMESPACE, f"{unit}/{incarnation}"))


def user_of(target: ConnectTarget) -> str:
    """Return the user to whom sessions belong, as Spark's own client finds it: a session is known by both."""
    named = ConnectString.parse(target.url).parameters.get(USER_ID)
    return named or os.environ.get("SPARK_USER") or os.environ.get("USER") or getpass.getuser()


def open_session(
    target: ConnectTarget, config: Mapping[str, str], session: str, redactor: Redactor | None = None
) -> SparkSession:
    """Open the session, with its settings and the user's modules.

    :param session: its id
    :param redactor: knows which of the settings are secrets, which the server shall not show
    :raises SparkConnectError: the server does not answer, or keeps a setting to itself
    """
    spark = _connect(target, user_of(target), session)
    _require_answer(target, spark)
    try:
        if redactor is not None:  # set first, since Spark records what is set with each query
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
    """Interrupt what dead drivers left at work, and close their sessions.

    :param sessions: of each the user, the id, and whose it is
    :raises SparkConnectError: the server does not answer, or does neither
    """
    for user, session, owner in sessions:
        spark, why = _connect(target, user, session), None
        try:
            _require_answer(target, spark)
            operations = spark.interruptAll()
            if operations:
                say(f"Interrupted what {owner} had left at work on the server")
                _await_end(spark, operations)
        except SparkConnectError:
            raise
        except Exception as error:
            if "INVALID_HANDLE" not in str(error):  # the server knows no such session any more
                why = str(error).partition("\n")[0]
                say(f"What {owner} left at work on the server could not be interrupted: {why}")
        if not close(spark) and why is not None:
            # Its heartbeat stays, so that the next attempt tries again; going on could be two at work.
            raise SparkConnectError(f"What {owner} left at work on the server cannot be ended: {why}", retry_helps=True)


def application_id(spark: SparkSession) -> str | None:
    """Return the id of the server's Spark application."""
    return spark.conf.get("spark.app.id", None)


def is_gone(spark: SparkSession) -> bool:
    """Whether the session, or its server, is not there any more; a server that does not answer is not."""
    try:
        return not _within(_ANSWER_SECONDS, lambda: application_id(spark))
    except Exception:
        return True


def close(spark: SparkSession) -> bool:
    """Close a session, and whatever is at work in it. Returns whether nothing of it can be left."""
    session: Any = spark
    released = bool(session.is_stopped)
    if not released:
        with contextlib.suppress(Exception):  # out of reach
            released = _within(_ANSWER_SECONDS, session.client.release_session)
    _let_go(spark)
    return released


def _let_go(spark: SparkSession) -> None:
    """Close the channel without a word to the server, now or when the process ends: it could take minutes."""
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
    # As builder.remote() does, which takes no channel: pyspark.sql.functions would look for a JVM else.
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    channel = DefaultChannelBuilder(url, list(options.items()))
    return cast("SparkSession", RemoteSession.builder.channelBuilder(channel).create())


def _require_answer(target: ConnectTarget, spark: SparkSession) -> None:
    if not _within(_START_SECONDS, lambda: application_id(spark)):
        _let_go(spark)
        raise SparkConnectError(
            f"The server at {ConnectString.parse(target.url).address} did not answer within {_START_SECONDS:g} s. Is "
            f"it one of Spark Connect? Do both sides agree on TLS (use_ssl)? A token asks for TLS, too, except to a "
            f"server on localhost.",
            retry_helps=True,
        )


def _within(seconds: float, call: Callable[[], object]) -> bool:
    """Whether a call of the server returns in time; Spark's client itself would go on asking for ten minutes.

    :raises Exception: what the server answers is an error
    """
    answers: list[Exception | None] = []

    def ask() -> None:
        try:
            call()
            answers.append(None)
        except Exception as error:
            answers.append(error)

    asking = threading.Thread(target=ask, name="ask", daemon=True)
    asking.start()
    asking.join(seconds)
    if answers and answers[0] is not None:
        raise answers[0]
    return bool(answers)


def _configure(spark: SparkSession, config: Mapping[str, str]) -> None:
    from pyspark.errors import PySparkException

    refused: list[str] = []
    for name, value in config.items():
        # These two the server takes, and heeds neither.
        if name == "spark.master" or name.startswith("spark.hadoop."):
            refused.append(name)
            continue
        try:
            spark.conf.set(name, value)
        except PySparkException as error:
            if error.getCondition() not in _SERVERS_OWN:
                raise
            refused.append(name)
    if refused:
        hadoop = any(name.startswith("spark.hadoop.") for name in refused)
        hint = " A session may set what Hadoop reads by its own name, without spark.hadoop." if hadoop else ""
        raise SparkConnectError(
            f"On Spark Connect these settings are the server's, not a session's: {', '.join(refused)}. Remove them "
            f"here, and set them where the server is started.{hint}"
        )


def _await_end(spark: SparkSession, operations: list[str]) -> None:
    client: Any = spark.client
    statuses = getattr(client, "_get_operation_statuses", None)  # since Spark 4.2
    deadline = time.monotonic() + _END_SECONDS
    while statuses is not None and time.monotonic() < deadline:
        if all(status.state not in _AT_WORK for status in statuses(operations).operation_statuses):
            break
        time.sleep(0.2)
    time.sleep(_TASKS_SECONDS)


def _keep_alive(spark: Any) -> None:
    while not spark.is_stopped:
        with contextlib.suppress(Exception):  # whoever works in the session gets to know
            application_id(spark)
        threading.Event().wait(_ALIVE_SECONDS)
