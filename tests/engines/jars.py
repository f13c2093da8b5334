"""The jars that tests need in addition to Spark's, fetched by Maven once and pinned in pom.xml.

They stay in Maven's local repository; nothing of them lies in this tree.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"


def spark_jars() -> Path:
    import pyspark

    return Path(next(iter(pyspark.__path__))) / "jars"


def hadoop_version() -> str:
    """The version of Spark's Hadoop client, which pom.xml has to name as well."""
    client = next(spark_jars().glob("hadoop-client-api-*.jar"))
    version = client.stem.removeprefix("hadoop-client-api-")
    pinned = re.search(r"<hadoop.version>(.+)</hadoop.version>", _POM.read_text())
    if pinned is None or pinned.group(1) != version:
        raise RuntimeError(f"Spark's Hadoop client is {version}: pin that in {_POM.name}, and measure again")
    return version


def class_path(profile: str) -> str:
    """The jars of one of pom.xml's profiles for Hadoop, ``hdfs``, ``yarn`` or ``s3a`` (700 MB, AWS's SDK)."""
    return fetched(profile, hadoop_version())


def fetched(profile: str, version: str) -> str:
    """The jars of any profile.

    :param version: what pom.xml says of the profile; with another one, Maven is asked again
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airflow-spark-pipeline"
    known = cache / f"{profile}-{version}.classpath"
    if known.exists() and all(os.path.exists(jar) for jar in known.read_text().split(os.pathsep)):
        return known.read_text()
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("these tests need Maven (the command mvn) to fetch jars")
    cache.mkdir(parents=True, exist_ok=True)
    command = [maven, "-B", "-q", "-f", str(_POM), "-P", profile, _PLUGIN, f"-Dmdep.outputFile={known}"]
    subprocess.run(command, check=True, timeout=900)
    return known.read_text()
