"""The JVM behind this process, where it is a Spark driver: its Hadoop client reaches what the cluster's jobs reach.

A process that ``spark-submit`` started has one before any session is opened; one that opened a session of its own has
one, too. Airflow, a Spark Connect client and a plain Python have none, and none is started for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

_GATEWAY = "PYSPARK_GATEWAY_PORT"


def driver_jvm() -> Any | None:
    """Return the driver's JVM as Py4J shows it, ``None`` where this process has none."""
    if _GATEWAY not in os.environ and "pyspark" not in sys.modules:
        return None  # Airflow must not pay for the import
    try:
        from pyspark import SparkContext
    except ImportError:  # the Connect client alone
        return None
    if _GATEWAY in os.environ:
        SparkContext._ensure_initialized()  # noqa: SLF001  # the gateway that the session will use, and no second one
    return getattr(SparkContext, "_jvm", None)


def hadoop_configuration(jvm: Any, settings: Mapping[str, str]) -> Any:
    """Return a Hadoop configuration as the job has it: the cluster's files, and ``spark.hadoop.*`` of the job.

    :param settings: of Spark, which the session will get beside those of ``spark-submit``
    """
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context  # noqa: SLF001  # None while no session is open
    if context is not None and context._jsc is not None:  # noqa: SLF001
        return jvm.org.apache.hadoop.conf.Configuration(context._jsc.hadoopConfiguration())  # noqa: SLF001
    spark_conf = jvm.org.apache.spark.SparkConf()  # spark-submit's settings are properties of its JVM
    for name, value in settings.items():
        spark_conf.set(name, value)
    return jvm.org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(spark_conf)
