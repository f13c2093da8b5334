"""Checks whether Spark can start on this machine, and explains how to fix it if not.

Used in Airflow and outside it. Spark reports the same problems later and less clearly: ``JAVA_GATEWAY_EXITED``,
``CONNECT_URL_NOT_SET``, a ``ModuleNotFoundError``. Standard library only.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import shutil
import subprocess
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkInstallationError

EXTRA = "pip install 'airflow-spark-pipeline[spark]'"
_OLDEST_JAVA = 17
_REMOTE = ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_LOCAL_REMOTE")

log = logging.getLogger(__name__)


def require_spark(*, connect: bool) -> None:
    """Raise if this process cannot open a Spark session.

    :param connect: whether the session is on a Spark Connect server, which needs neither Java nor Spark here
    :raises SparkInstallationError: pyspark or Java is missing, too old, or of two versions
    """
    if importlib.util.find_spec("pyspark") is None:
        raise SparkInstallationError(f"The package pyspark is not installed for this Python. {EXTRA}")
    if connect or any(os.environ.get(name) for name in _REMOTE):
        warn_of_a_mixture()
        return
    home, installed = os.environ.get("SPARK_HOME"), pyspark_home()
    if home:
        if not os.access(Path(home, "bin", "spark-submit"), os.X_OK):
            raise SparkInstallationError(
                f"SPARK_HOME is {home}, but its bin/spark-submit does not exist or cannot be run. Correct "
                "SPARK_HOME, or unset it."
            )
    elif installed is None:
        raise SparkInstallationError(
            "Only pyspark-client is installed for this Python, which needs a Spark Connect server and "
            f"does not include Spark. {EXTRA}, set SPARK_HOME, or set a server with connect-string in "
            "the block spark of the file."
        )
    else:
        compare_versions(installed)
    require_java()


def require_java() -> None:
    """Raise if Java is missing or too old, before Spark fails with a less clear message.

    :raises SparkInstallationError: neither ``JAVA_HOME`` nor ``PATH`` has a ``java`` of a supported version
    """
    home = os.environ.get("JAVA_HOME")
    if home and not os.access(Path(home, "bin", "java"), os.X_OK):
        raise SparkInstallationError(
            f"JAVA_HOME is {home}, but its bin/java does not exist or cannot be run. Correct JAVA_HOME, or unset it."
        )
    found = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if found is None:
        raise SparkInstallationError(
            f"Spark needs Java {_OLDEST_JAVA} or newer, but JAVA_HOME is not set and PATH has no java. Install Java, "
            "or set JAVA_HOME."
        )
    version = _java_version(found)
    if version is not None and version < _OLDEST_JAVA:
        raise SparkInstallationError(
            f"Spark needs Java {_OLDEST_JAVA} or newer: {found} is Java {version}. Set JAVA_HOME to a newer one."
        )


def _java_version(java: str) -> int | None:
    """Return Java's major version, or ``None`` if it is not known. ``1.8.0_392`` is Java 8."""
    release = Path(os.path.realpath(java)).parent.parent / "release"
    try:
        text = release.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = _asked(java)
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def _asked(java: str) -> str:
    try:
        done = subprocess.run(
            [java, "-version"], capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stderr + done.stdout).decode(errors="replace")


def pyspark_home() -> Path | None:
    """Return the directory of the installed package with ``spark-submit``, which pyspark-client does not have."""
    spec = importlib.util.find_spec("pyspark")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        if os.access(Path(place, "bin", "spark-submit"), os.X_OK):
            return Path(place)
    return None


def compare_versions(home: Path) -> None:
    """Raise if the Python files and the jars are from different Spark versions; warn about a possible mixture.

    :raises SparkInstallationError: the versions differ
    """
    jars = _minor(
        next((p.name for p in Path(home, "jars").glob("spark-core_*.jar")), ""), r"spark-core_[\d.]+-(\d+\.\d+)"
    )
    files = _minor(Path(home, "version.py").read_text(encoding="utf-8"), r"(\d+\.\d+)")
    if jars and files and jars != files:
        raise SparkInstallationError(
            f"The Python files in {home} are of Spark {files}, the jars of Spark {jars}: pyspark and "
            "pyspark-client contain the same files, and two different versions are installed. "
            f"{_remedy(jars)}"
        )
    warn_of_a_mixture()


def warn_of_a_mixture() -> None:
    """Warn if pyspark and pyspark-client differ, even in the patch version: then their files are mixed."""
    pyspark, client = _version("pyspark"), _version("pyspark-client")
    if pyspark and client and pyspark.startswith("3."):
        log.warning("pyspark %s and pyspark-client %s own the same files. %s", pyspark, client, _remedy(pyspark))
    elif pyspark and client and pyspark != client:
        log.warning(
            "pyspark %s and pyspark-client %s contain the same files, but have different versions; "
            "which files are installed depends on the order of installation. Install both in one "
            "version: %s, or pip install --force-reinstall pyspark==%s pyspark-client==%s",
            pyspark,
            client,
            EXTRA,
            client,
            client,
        )


def _remedy(version: str) -> str:
    """Return how to fix an installation with files of two versions.

    :param version: version of Spark that should run
    """
    if not version.startswith("3."):
        return f"{EXTRA} --force-reinstall"
    return (
        "There is no pyspark-client for Spark 3: pip uninstall pyspark-client, and then pip install --force-reinstall "
        f"--no-deps 'pyspark=={_version('pyspark') or version}'"
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _minor(text: str, pattern: str) -> str | None:
    match = re.search(pattern, text)
    return match[1] if match else None
