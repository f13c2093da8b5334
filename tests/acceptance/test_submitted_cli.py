"""A cluster without Airflow, as documented: ``spark-submit … $(spark-pipeline script)``, killed and repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.deployment import SHORT_LIVED_JVM, wait_for
from tests.acceptance.standalone import StandaloneCluster

_MODULE = """
import os
import time
from dataclasses import dataclass
from airflow_spark_pipeline import Component
from my_etl.names import shout

@dataclass
class Step(Component):
    name: str
    hangs: bool = False

    def run(self, spark):
        from pyspark.sql.functions import udf
        frame = spark.createDataFrame([(self.name,)], "name string").repartition(2)
        (row,) = frame.select(udf(shout)("name").alias("name")).collect()
        with open(os.environ["LEDGER"], "a") as ledger:
            ledger.write(row["name"] + "\\n")
        while self.hangs and not os.path.exists(os.environ["LEDGER"] + ".go"):
            time.sleep(0.2)
"""
_CONF = """
pipeline {
  pipeline-name = p
  checkpoint.location = ${LOCATION}
  pipeline-components = [
    { instance-type = my_etl.steps.Step, instance-name = a, instance-config { name = a } }
    { instance-type = my_etl.steps.Step, instance-name = b, instance-config { name = b, hangs = true } }
    { instance-type = my_etl.steps.Step, instance-name = c, instance-config { name = c } }
  ]
}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    package = tmp_path / "dags" / "my_etl"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "names.py").write_text("def shout(name):\n    return name.upper()\n", encoding="utf-8")
    (package / "steps.py").write_text(_MODULE, encoding="utf-8")
    (tmp_path / "etl.conf").write_text(_CONF, encoding="utf-8")
    binaries = Path(sys.executable).parent
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AIRFLOW"))},
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
        "LEDGER": str(tmp_path / "ledger"),
        "LOCATION": str(tmp_path / "checkpoints"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
    }


@pytest.fixture
def cluster(tmp_path: Path, environment: dict[str, str]) -> Iterator[StandaloneCluster]:
    cluster = StandaloneCluster(tmp_path / "cluster", environment)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.nightly
@pytest.mark.parametrize("victim", ["driver"])
def test_the_documented_command_is_killed_and_the_same_command_resumes(
    tmp_path: Path, environment: dict[str, str], cluster: StandaloneCluster, victim: str
) -> None:
    command = (
        f"exec spark-submit --master {cluster.url} --conf spark.executor.memory=512m --conf spark.cores.max=2 "
        "$(spark-pipeline script) run etl.conf --auto-resume --py-files dags/my_etl"
    )

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    ledger = tmp_path / "ledger"
    first = start()
    try:
        wait_for("b to run", lambda: ledger.exists() and ledger.read_text() == "A\nB\n", seconds=120)
    finally:
        os.killpg(first.pid, signal.SIGKILL)  # the JVM and its Python
    first.communicate(timeout=60)
    time.sleep(2)
    (tmp_path / "ledger.go").touch()

    second = start()
    output, _ = second.communicate(timeout=240)

    assert second.returncode == 0, output
    assert "Waiting up to " in output
    assert "Resuming p-" in output
    assert ledger.read_text() == "A\nB\nB\nC\n", output  # a is done, and was not run again
    assert "1 skipped" in output
