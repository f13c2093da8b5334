"""Components that disturb their driver, under a real Airflow and a real ``spark-submit``: nothing is lost.

One DAG run whose task has no retries: the first components end well, the last one fails by an error that is not UTF-8.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.catalog import unfinished_runs
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from tests.acceptance.deployment import SHORT_LIVED_JVM

COMPONENTS = """
import logging, os, sys
from dataclasses import dataclass
from airflow_spark_pipeline import Component

log = logging.getLogger(__name__)


class Talks(Component):
    def run(self, spark):
        self.context.logger.warning("few orders")
        log.info("from a module")
        logging.getLogger("botocore.session").info("noise")
        os.write(1, b"caf\\xe9\\n")
        os.write(1, b"x" * 1_000_000 + b"\\n")
        os.close(1)
        sys.stdout = None


class Forks(Component):
    def run(self, spark):
        print("still heard")
        if child := os.fork():
            os.waitpid(child, 0)
        else:
            sys.exit(0)


@dataclass
class Streams(Component):
    folder: str

    def run(self, spark):
        spark.range(5).write.parquet(f"{self.folder}/in")
        rows = spark.readStream.schema("id LONG").parquet(f"{self.folder}/in")
        rows.writeStream.trigger(availableNow=True).format("parquet").option(
            "checkpointLocation", f"{self.folder}/checkpoint"
        ).start(f"{self.folder}/out")


class Fails(Component):
    def run(self, spark):
        raise ValueError(f"cannot parse {os.fsdecode(bytes([0xE9]))}.csv")
"""
CONF = """
pipeline {
  pipeline-name = Odd
  pipeline-components = [
    { instance-type = odd_etl.Talks }
    { instance-type = odd_etl.Forks }
    { instance-type = odd_etl.Streams, instance-config { folder = "FOLDER" } }
    { instance-type = odd_etl.Fails }
  ]
}
"""
DAG = """
import datetime as dt
from airflow.sdk import DAG
from airflow_spark_pipeline import SparkPipelineOperator

with DAG("odd", schedule=None, start_date=dt.datetime(2026, 1, 1)) as dag:
    SparkPipelineOperator(task_id="etl", pipeline="odd.conf", py_files=["odd_etl.py"])

if __name__ == "__main__":
    dag.test()
"""


@pytest.mark.slow
@pytest.mark.nightly
def test_a_pipeline_survives_everything_that_components_do_to_their_driver(airflow_db: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "odd_etl.py").write_text(COMPONENTS, encoding="utf-8")
    (folder / "odd.conf").write_text(CONF.replace("FOLDER", str(tmp_path / "lake")), encoding="utf-8")
    (folder / "odd.py").write_text(DAG, encoding="utf-8")
    checkpoints = tmp_path / "checkpoints"
    result = subprocess.run(
        [sys.executable, str(folder / "odd.py")],
        env={
            **os.environ,
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
            "AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION": str(checkpoints),
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[1]"}),
            "SPARK_LOCAL_DIRS": str(tmp_path),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            "TMPDIR": str(tmp_path),
        },
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=600,
        check=False,
    )
    output = result.stdout + result.stderr
    assert "ValueError: cannot parse \\xe9.csv" in output
    for line in ("INFO [Talks] odd_etl: from a module", "caf\\xe9", "still heard", "[3/4] Streams done"):
        assert line in output, output
    assert re.search(r"warning.*WARNING \[Talks\] few orders", output), output
    assert "noise" not in output
    assert max(map(len, output.splitlines())) < 100_000
    assert list((tmp_path / "lake" / "out").glob("*.parquet"))
    (run,) = unfinished_runs(open_store(str(checkpoints)))
    assert run.commit is not None
    assert run.commit.state.completed_components == ("Talks", "Forks", "Streams")
    failure = run.commit.state.failure
    assert failure is not None
    assert (failure.component, failure.message) == ("Fails", "cannot parse \\xe9.csv")
