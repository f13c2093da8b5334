from __future__ import annotations

import pytest

from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.runtime.loop.retry import decide_retry, delay_seconds

POLICY = RetryPolicy(max_retries=3, initial_delay_ms=1000, max_delay_ms=5000, backoff_multiplier=2, jitter_factor=0.5)


class OutageError(ConnectionError):
    pass


class JavaClass:
    def __init__(self, *names: str) -> None:
        self._names = names

    def getName(self) -> str:  # noqa: N802  # Java's name
        return self._names[0]

    def getSuperclass(self) -> JavaClass | None:  # noqa: N802
        return JavaClass(*self._names[1:]) if self._names[1:] else None


class Throwable:
    def __init__(self, *classes: str, cause: Throwable | None = None) -> None:
        self._classes, self._cause = classes, cause

    def getClass(self) -> JavaClass:  # noqa: N802
        return JavaClass(*self._classes)

    def getCause(self) -> Throwable | None:  # noqa: N802
        return self._cause


class Py4JLikeError(Exception):
    java_exception = Throwable(
        "org.apache.spark.SparkException", cause=Throwable("java.net.SocketException", "java.io.IOException")
    )


def test_the_pauses_grow_by_the_multiplier_up_to_the_maximum() -> None:
    assert [delay_seconds(POLICY, retries, 0.5) for retries in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_jitter_makes_a_pause_shorter_or_longer_and_never_longer_than_the_maximum() -> None:
    assert [delay_seconds(POLICY, 1, chance) for chance in (0.0, 0.25, 1.0)] == [1.0, 1.5, 3.0]
    assert delay_seconds(POLICY, 9, 1.0) == 5.0


def test_a_pause_after_very_many_retries_is_the_maximum() -> None:
    assert delay_seconds(RetryPolicy(max_retries=10**6, jitter_factor=0), 10**6, 0.5) == 30.0


def test_it_is_retried_as_often_as_the_policy_allows() -> None:
    decisions = [decide_retry(POLICY, retries, ValueError(), 0.5) for retries in range(4)]
    assert [decision.retry for decision in decisions] == [True, True, True, False]
    assert decisions[0].reason == "retry 1 of 3"
    assert decisions[3].reason == "max-retries is 3"


def test_without_a_policy_nothing_is_retried() -> None:
    assert not decide_retry(None, 0, ValueError(), 0.5).retry


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), SparkInstallationError("no Java")])
def test_errors_that_would_repeat_are_not_retried(error: BaseException) -> None:
    assert not decide_retry(POLICY, 0, error, 0.5).retry


@pytest.mark.parametrize(
    ("name", "error", "retried"),
    [
        ("ConnectionError", ConnectionError(), True),
        ("ConnectionError", OutageError(), True),  # a subclass
        ("OutageError", OutageError(), True),
        (f"{__name__}.OutageError", OutageError(), True),
        ("elsewhere.OutageError", OutageError(), False),
        ("ConnectionError", ValueError(), False),
        ("java.net.SocketException", Py4JLikeError(), True),  # a cause in the JVM
        ("IOException", Py4JLikeError(), True),  # its superclass
        ("java.lang.OutOfMemoryError", Py4JLikeError(), False),
    ],
)
def test_an_exception_is_retried_if_it_or_a_superclass_is_named(name: str, error: Exception, retried: bool) -> None:
    policy = RetryPolicy(retryable_exceptions=("Unheard", name))
    assert decide_retry(policy, 0, error, 0.5).retry is retried


def test_causes_of_an_exception_count_too() -> None:
    try:
        try:
            raise TimeoutError
        except TimeoutError as error:
            raise ValueError from error
    except ValueError as error:
        wrapped = error
    assert decide_retry(RetryPolicy(retryable_exceptions=("TimeoutError",)), 0, wrapped, 0.5).retry
