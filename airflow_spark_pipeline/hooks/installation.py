"""Which ``spark-submit`` and Python a submission uses, where the user names none.

The worker's own: ``SPARK_HOME`` where it is set, else the ``pyspark`` that is installed beside Airflow, else what
``PATH`` has. The Spark provider alone brings ``pyspark-client``, which has no ``spark-submit`` and owns the same files
as ``pyspark``: two different versions of the pair overwrite each other, in the order of their installation.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkInstallationError

_EXTRA = "pip install 'airflow-spark-pipeline[spark]'"

log = logging.getLogger(__name__)


def find_spark_submit() -> tuple[str, dict[str, str]]:
    """Return the path of ``spark-submit`` and the environment that it needs beside the worker's own.

    :raises SparkInstallationError: there is none, or the installed pair of packages does not fit together
    """
    home = os.environ.get("SPARK_HOME")
    if home:
        binary = Path(home, "bin", "spark-submit")
        if not os.access(binary, os.X_OK):
            raise SparkInstallationError(f"SPARK_HOME is {home}, but {binary} is not there or cannot be run.")
        return str(binary), {}
    installed = _pyspark_home()
    if installed is not None:
        _compare_versions(installed)
        return str(installed / "bin" / "spark-submit"), {"SPARK_HOME": str(installed)}
    found = shutil.which("spark-submit")
    if found is None:
        raise SparkInstallationError(
            f"There is no spark-submit: SPARK_HOME is not set, the package pyspark is not installed (the Spark "
            f"provider brings pyspark-client only, which has none), and PATH has none. {_EXTRA}, or set SPARK_HOME."
        )
    return found, {}


def require_java() -> None:
    """Say that Java is missing before spark-submit says it in other words.

    :raises SparkInstallationError: neither ``JAVA_HOME`` nor ``PATH`` leads to a ``java``
    """
    home = os.environ.get("JAVA_HOME")
    if home and not os.access(Path(home, "bin", "java"), os.X_OK):
        raise SparkInstallationError(f"JAVA_HOME is {home}, but there is no bin/java that can be run.")
    if not home and shutil.which("java") is None:
        raise SparkInstallationError("Spark needs Java 17 or newer: neither JAVA_HOME nor PATH leads to a java.")


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


def _pyspark_home() -> Path | None:
    spec = importlib.util.find_spec("pyspark")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if os.access(Path(place, "bin", "spark-submit"), os.X_OK):
            return Path(place)
    return None


def _compare_versions(home: Path) -> None:
    """Refuse Python files of another Spark than the jars; warn of a pair that may be mixed."""
    jars = _minor(
        next((p.name for p in Path(home, "jars").glob("spark-core_*.jar")), ""), r"spark-core_[\d.]+-(\d+\.\d+)"
    )
    files = _minor(Path(home, "version.py").read_text(encoding="utf-8"), r"(\d+\.\d+)")
    if jars and files and jars != files:
        raise SparkInstallationError(
            f"The Python files in {home} are of Spark {files}, the jars of Spark {jars}: pyspark and pyspark-client "
            f"own the same files, and two different versions are installed. {_EXTRA} --force-reinstall"
        )
    warn_of_a_mixture()


def warn_of_a_mixture() -> None:
    """Name pyspark and pyspark-client where they differ, be it by a patch: files of both are mixed then."""
    pyspark, client = _version("pyspark"), _version("pyspark-client")
    if pyspark and client and pyspark != client:
        log.warning(
            "pyspark %s and pyspark-client %s own the same files and are of different versions; which files are there "
            "depends on the order of installation. Install both in one version: %s, or "
            "pip install --force-reinstall pyspark==%s pyspark-client==%s",
            pyspark,
            client,
            _EXTRA,
            client,
            client,
        )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _minor(text: str, pattern: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None
