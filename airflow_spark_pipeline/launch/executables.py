"""Which ``spark-submit`` and Python a submission uses, where the user names none.

The worker's own: ``SPARK_HOME`` where it is set, else the ``pyspark`` that is installed beside Airflow, else what
``PATH`` has. The Spark provider alone brings ``pyspark-client``, which has no ``spark-submit`` and owns the same files
as ``pyspark``: two different versions of the pair overwrite each other, in the order of their installation.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkInstallationError
from airflow_spark_pipeline.spark_installation import EXTRA, compare_versions, pyspark_home

log = logging.getLogger(__name__)


def find_spark_submit() -> tuple[str, dict[str, str]]:
    """Return the path of ``spark-submit`` and the environment that it needs beside the worker's own.

    :raises SparkInstallationError: there is none, or the installed pair of packages does not fit together
    """
    home = os.environ.get("SPARK_HOME")
    if home:
        binary = Path(home, "bin", "spark-submit")
        if not os.access(binary, os.X_OK):
            raise SparkInstallationError(f"SPARK_HOME is {home}, but {binary} does not exist or cannot be run.")
        return str(binary), {}
    installed = pyspark_home()
    if installed is not None:
        compare_versions(installed)
        return str(installed / "bin" / "spark-submit"), {"SPARK_HOME": str(installed)}
    found = shutil.which("spark-submit")
    if found is None:
        raise SparkInstallationError(
            "spark-submit was not found: SPARK_HOME is not set, the package pyspark is not installed "
            "(the Spark provider installs only pyspark-client, which does not include it), and it is "
            f"not on PATH. {EXTRA}, or set SPARK_HOME."
        )
    return found, {}


def driver_python(conf: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return the Python that a driver on this machine runs on: Spark's own settings first, else the worker's.

    :param environment: of spark-submit
    """
    for name in ("spark.pyspark.driver.python", "spark.pyspark.python"):
        if conf.get(name):
            return conf[name]
    return environment.get("PYSPARK_DRIVER_PYTHON") or environment.get("PYSPARK_PYTHON") or sys.executable


def python_path(environment: Mapping[str, str]) -> list[str]:
    """Return what must be on the path of a Python for ``import pyspark`` to find what spark-submit would use.

    :param environment: of spark-submit
    """
    home = environment.get("SPARK_HOME")
    if not home:
        return []
    # As Spark itself does it: a Python of the user's need not have the package, and the package pyspark has no python/.
    library = Path(home, "python", "lib")
    return [str(Path(home, "python")), *map(str, [*library.glob("pyspark.zip"), *library.glob("py4j-*.zip")])]
