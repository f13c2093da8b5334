"""Calls in other threads, whose Spark jobs belong to the component that makes them.

Guarantees: the jobs of a call carry the tags and the scheduler pool of the thread that made it, so that a timeout
cancels them; what a call returns or raises is returned or raised where its future is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from airflow_spark_pipeline.runtime.spark.versions import inheriting

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")
Target = Callable[[], None]


def carried(call: Callable[[], Result], thread_target: Callable[[Target], Target]) -> Callable[[], Result]:
    """Return a call for another thread.

    :param thread_target: function that wraps the target of a thread, called here, in the thread whose jobs they are
    """
    returned: list[Result] = []
    raised: list[BaseException] = []

    def target() -> None:
        try:
            returned.append(call())
        except BaseException as error:  # Spark's wrapper would drop it
            raised.append(error)

    inherits = thread_target(target)

    def run() -> Result:
        inherits()
        if raised:
            raise raised[0]
        return returned[0]

    return run


def at_once(spark: SparkSession, calls: Sequence[Callable[[], Result]], most: int) -> list[Result]:
    """Make calls, several at a time, and return what they return, in order.

    After an error, calls that still wait are cancelled; what is running is finished, then the first error, in order, is
    raised.

    :param most: how many run at the same time
    """
    if len(calls) < 2:  # noqa: PLR2004
        return [call() for call in calls]
    with ThreadPoolExecutor(min(most, len(calls)), thread_name_prefix="spark") as pool:
        futures = [pool.submit(carried(call, lambda target: inheriting(spark, target))) for call in calls]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            for future in futures:
                future.cancel()
        return [
            future.result() for future in futures
        ]  # calls start in order, so an error comes before what is cancelled
