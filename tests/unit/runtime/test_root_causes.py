"""The message of a PySpark error, with the cause in the JVM that it leaves out."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from airflow_spark_pipeline.user_errors.jvm import throwables_of, with_root_cause


class Throwable:
    """Behaves like the Py4J proxy of a JVM exception."""

    def __init__(self, name: str, message: str | None, cause: Throwable | None = None) -> None:
        self._name, self._message, self._cause = name, message, cause

    def getClass(self) -> Throwable:  # noqa: N802  # Java's names
        return self

    def getName(self) -> str:  # noqa: N802
        return self._name

    def getMessage(self) -> str | None:  # noqa: N802
        return self._message

    def getCause(self) -> Throwable | None:  # noqa: N802
        return self._cause


def captured(throwable: Any) -> Exception:
    """Return an error as PySpark makes it from an exception of the JVM."""
    error = Exception("Job aborted: Task failed while writing rows to s3://lake/orders.")
    error._origin = throwable  # type: ignore[attr-defined]
    return error


def chain(*causes: Throwable) -> Throwable:
    for outer, inner in pairwise(causes):
        outer._cause = inner
    return causes[0]


JOB = "Job aborted: Task failed while writing rows to s3://lake/orders."


def test_the_last_cause_is_added() -> None:
    error = captured(
        chain(
            Throwable("SparkException", "Job aborted"),
            Throwable("SparkException", "Task failed"),
            Throwable("java.lang.RuntimeException", "the amount is negative"),
        )
    )
    assert with_root_cause(error, str(error)) == f"{JOB}\nCaused by: java.lang.RuntimeException: the amount is negative"


@pytest.mark.parametrize(
    ("throwable", "message"),
    [
        (None, JOB),
        (Throwable("SparkException", "the only one"), JOB),
        (chain(Throwable("SparkException", JOB), Throwable("IOException", "disk full")), f"{JOB} Reason: disk full"),
        (
            chain(Throwable("SparkException", JOB), Throwable("PythonException", "Traceback\n  x\nValueError: bad\n")),
            f"{JOB}\nFrom a Python worker:\nTraceback\n  y\nValueError: bad",
        ),
        ("not a JVM exception", JOB),
    ],
)
def test_a_complete_message_is_kept(throwable: Any, message: str) -> None:
    assert with_root_cause(captured(throwable), message) == message


def test_a_cause_without_a_message_is_named_by_its_class() -> None:
    throwable = chain(Throwable("SparkException", JOB), Throwable("java.lang.NullPointerException", None))
    told = with_root_cause(captured(throwable), JOB)
    assert told == f"{JOB}\nCaused by: java.lang.NullPointerException"
    assert with_root_cause(captured(throwable), told) == told


def test_a_cause_in_the_middle_of_a_long_stack_trace_is_repeated_at_the_end() -> None:
    throwable = chain(Throwable("SparkException", JOB), Throwable("java.io.IOException", "disk full"))
    frames = "\tat org.apache.spark.Some.method(Some.scala:1)\n" * 100
    message = f"{JOB}\n{frames}Caused by: java.io.IOException: disk full\n{frames}"
    assert with_root_cause(captured(throwable), message).endswith("\nCaused by: java.io.IOException: disk full")


def test_a_jvm_that_no_longer_answers_leaves_the_message() -> None:
    class Gone(Throwable):
        def getCause(self) -> Throwable | None:  # noqa: N802
            raise ConnectionRefusedError

    assert with_root_cause(captured(Gone("SparkException", JOB)), JOB) == JOB


def test_circular_causes_end() -> None:
    one = Throwable("SparkException", "one")
    one._cause = Throwable("SparkException", "two", cause=one)
    assert len(list(throwables_of(captured(one)))) == 100
    assert with_root_cause(captured(one), JOB).startswith(JOB)
