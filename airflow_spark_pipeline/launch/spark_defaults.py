"""The user's ``spark-defaults.conf``, which ``spark-submit`` must read although it is given another properties file.

Spark 4 has an option for that, ``--load-spark-defaults``. Spark 3.5 refuses the option and reads one file: its settings
are put in front of ours there.

Example: ``/opt/spark/bin/spark-submit`` of Spark 3.5 with ``SPARK_CONF_DIR=/etc/spark`` gets a file that begins with
the content of ``/etc/spark/spark-defaults.conf``; without the variable, of ``/opt/spark/conf/spark-defaults.conf``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

OPTION = "--load-spark-defaults"
_FIRST_WITH_OPTION = 4  # Spark 4.0
_NAME = "spark-defaults.conf"
_SECONDS = 60.0  # of a JVM that says its version


def knows_option(binary: str, environment: Mapping[str, str]) -> bool:
    """Whether a ``spark-submit`` takes :data:`OPTION`; taken for so if its version cannot be found out."""
    version = _version_of_home(_home(binary, environment)) or _version_it_says(binary, environment)
    return version is None or version >= _FIRST_WITH_OPTION


def defaults_file(binary: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of the defaults that a ``spark-submit`` reads, ``None`` if there are none."""
    given, home = environment.get("SPARK_CONF_DIR"), _home(binary, environment)
    directory = Path(given) if given else None if home is None else home / "conf"
    file = None if directory is None else directory / _NAME
    return None if file is None or not file.is_file() else str(file)


def _home(binary: str, environment: Mapping[str, str]) -> Path | None:
    """Return the directory of Spark: ``SPARK_HOME`` wins, as in Spark's own scripts."""
    if environment.get("SPARK_HOME"):
        return Path(environment["SPARK_HOME"])
    found = shutil.which(binary, path=environment.get("PATH"))
    return None if found is None else Path(os.path.realpath(found)).parent.parent


def _version_of_home(home: Path | None) -> int | None:
    jars = [] if home is None else home.glob("jars/spark-core_*.jar")
    found = [match[1] for jar in jars if (match := re.search(r"spark-core_[\d.]+-(\d+)\.", jar.name))]
    return int(found[0]) if found else None


def _version_it_says(binary: str, environment: Mapping[str, str]) -> int | None:
    """Return the major version that ``spark-submit --version`` prints: a distribution's own script has no jars near."""
    try:
        done = subprocess.run(
            [binary, "--version"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+)\.\d", (done.stderr + done.stdout).decode(errors="replace"))
    return int(found[1]) if found else None
