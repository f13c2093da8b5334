"""Marks the Spark jobs of a driver, so that they can be cancelled: all of them, or those of one component.

Every job carries the tag of the driver. If components run in threads, a job also carries the tag of its component, and
belongs to a scheduler pool with the component's name, unless the user chose another scheduling. Jobs of threads that a
component starts carry them if the thread inherits them, with ``pyspark.inheritable_thread_target``; on Spark Connect
that function takes the session: ``inheritable_thread_target(spark)(target)``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_spark_pipeline.runtime.spark.session import SCHEDULER_MODE, cancel_jobs, tag_jobs
from airflow_spark_pipeline.runtime.spark.versions import activate, inheriting, is_classic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_POOLS, _POOL = "spark.scheduler.allocation.file", "spark.scheduler.pool"


class Jobs:
    """The Spark jobs of one driver.

    :param spark: session of the driver; ``None`` for a loop whose components start no jobs
    :param tag: tag of the driver; the main thread's jobs carry it already
    :param names: names of the components, in order
    """

    def __init__(self, spark: SparkSession | None, tag: str, names: Sequence[str] = ()) -> None:
        self._spark = spark
        self._tag = tag
        self._names = tuple(names)

    def cancel_all(self) -> None:
        """Cancel all jobs of the driver."""
        if self._spark is not None:
            cancel_jobs(self._spark, self._tag)

    def cancel(self, index: int) -> None:
        """Cancel the jobs of the component at this index, which runs in a thread."""
        if self._spark is not None:
            cancel_jobs(self._spark, f"{self._tag}-{index}")

    def thread_target(self, index: int, target: Callable[[], None]) -> Callable[[], None]:
        """Return the target of the component's thread; its jobs are marked, and have the main thread's properties."""
        spark = self._spark
        if spark is None:
            return target

        @functools.wraps(target)
        def marked() -> None:
            tag_jobs(spark, self._tag)
            tag_jobs(spark, f"{self._tag}-{index}")
            if is_classic(spark):
                activate(spark)  # otherwise SparkSession.getActiveSession() would be None in the component
            if _has_pools(spark):
                spark.sparkContext.setLocalProperty(_POOL, self._names[index])
            target()

        return inheriting(spark, marked)


def _has_pools(spark: SparkSession) -> bool:
    """Whether each component gets a pool: with fair scheduling, without pools that the user has described."""
    if not is_classic(spark):
        return False  # on Spark Connect, a session cannot choose a pool of the server
    context = spark.sparkContext
    conf = context.getConf()
    return conf.get(SCHEDULER_MODE) == "FAIR" and conf.get(_POOLS) is None and context.getLocalProperty(_POOL) is None


def fair_scheduling(config: Mapping[str, str], parallelism: int) -> dict[str, str]:
    """Return the setting with which jobs of several components share the executors, unless the user chose another one.

    :param config: settings of the session that is about to start; those of ``spark-submit`` are read here
    """
    if parallelism == 1 or SCHEDULER_MODE in config:
        return {}
    from pyspark import SparkConf  # above, it would be imported by every driver

    if SparkConf().get(SCHEDULER_MODE) is not None:
        return {}
    return {SCHEDULER_MODE: "FAIR"}
