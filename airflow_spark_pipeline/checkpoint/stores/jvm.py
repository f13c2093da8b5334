"""The JVM of this process, if it is a Spark driver: its Hadoop client can access what the cluster's jobs can.

A process that ``spark-submit`` started has a JVM before any session is opened; a process that opened a classic session
has one, too. Airflow, a Spark Connect client and a plain Python process have none, and none is started for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

_GATEWAY = "PYSPARK_GATEWAY_PORT"


def driver_jvm() -> Any | None:
    """Return Py4J's view of the driver's JVM, or ``None`` if this process has none."""
    if _GATEWAY not in os.environ and "pyspark" not in sys.modules:
        return None  # avoids the import in Airflow
    try:
        from pyspark import SparkContext
    except ImportError:  # only the Connect client is installed
        return None
    if _GATEWAY in os.environ:
        SparkContext._ensure_initialized()  # noqa: SLF001  # the gateway that the session will use, and no second one
    return getattr(SparkContext, "_jvm", None)


def hadoop_configuration(jvm: Any, settings: Mapping[str, str]) -> Any:
    """Return the job's Hadoop configuration: the cluster's files, and the job's ``spark.hadoop.*`` settings.

    :param settings: Spark settings that the session will get in addition to those of ``spark-submit``
    """
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context  # noqa: SLF001  # None while no session is open
    if context is not None and context._jsc is not None:  # noqa: SLF001
        return jvm.org.apache.hadoop.conf.Configuration(context._jsc.hadoopConfiguration())  # noqa: SLF001
    spark_conf = jvm.org.apache.spark.SparkConf()  # includes spark-submit's settings, which are JVM properties
    for name, value in settings.items():
        spark_conf.set(name, value)
    return jvm.org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(spark_conf)
