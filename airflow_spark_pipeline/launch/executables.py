"""Finds ``spark-submit`` and Python for a submission, if the user does not set them.

The worker's Spark is used: ``SPARK_HOME`` if it is set, otherwise the ``pyspark`` that is installed next to Airflow,
otherwise the one in ``PATH``. The Spark provider installs only ``pyspark-client``, which has no ``spark-submit`` and
the same files as ``pyspark``: two different versions of the pair overwrite each other, in the order of their
installation.
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
    """Return the path of ``spark-submit``, and variables that it needs in addition to the worker's environment.

    :raises SparkInstallationError: ``spark-submit`` was not found, or the installed packages do not fit together
    """
    home = os.environ.get("SPARK_HOME")
    if home:
        binary = Path(home, "bin", "spark-submit")
        if not os.access(binary, os.X_OK):
            raise SparkInstallationError(
                f"SPARK_HOME is {home}, but {binary} does not exist or cannot be run. Correct SPARK_HOME, or unset it."
            )
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
    """Return the Python of a driver on this machine: from Spark's settings, otherwise the worker's.

    :param environment: environment variables of spark-submit
    """
    for name in ("spark.pyspark.driver.python", "spark.pyspark.python"):
        if conf.get(name):
            return conf[name]
    return environment.get("PYSPARK_DRIVER_PYTHON") or environment.get("PYSPARK_PYTHON") or sys.executable


def existing_python(python: str) -> str:
    """Return the Python of a driver that this process starts itself.

    :raises SparkInstallationError: it does not exist on this machine
    """
    if shutil.which(python) is None:
        raise SparkInstallationError(
            f"The driver's Python, {python}, does not exist or cannot be run on this machine. Correct "
            "PYSPARK_DRIVER_PYTHON or PYSPARK_PYTHON in the worker's environment, or unset it."
        )
    return python


def python_path(environment: Mapping[str, str]) -> list[str]:
    """Return the module path entries with which ``import pyspark`` finds the version of spark-submit.

    :param environment: environment variables of spark-submit
    """
    home = environment.get("SPARK_HOME")
    if not home:
        return []
    # As Spark does: the user's Python may not have the package, and the package pyspark has no python/.
    library = Path(home, "python", "lib")
    return [str(Path(home, "python")), *map(str, [*library.glob("pyspark.zip"), *library.glob("py4j-*.zip")])]
