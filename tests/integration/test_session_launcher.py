"""The launcher for a given session, as a platform runs it: no standard input, and Spark's variables are set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.launch.archives import SESSION_LAUNCHER, runtime_archive
from airflow_spark_pipeline.launch.staging import Staging
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.task.attempt import TaskAttempt

pytestmark = [pytest.mark.spark, pytest.mark.slow, pytest.mark.nightly]

# What a platform does: it has a session, runs the file, and goes on with its session.
KERNEL = """
import os, runpy, sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
os.environ["PYSPARK_GATEWAY_PORT"] = "1"  # as a platform may leave it
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
    print("returned", flush=True)
except RuntimeError as error:
    print(f"raised {error}", flush=True)
print("still there:", spark.range(3).count(), flush=True)
spark.stop()
"""
STEPS = """
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql.functions import udf

from airflow_spark_pipeline import Component


def shout(text):
    return text.upper()


@dataclass
class Step(Component):
    flag: Path

    def run(self, spark):
        assert spark.conf.get("spark.sql.shuffle.partitions") == "3"
        rows = spark.range(2).selectExpr("'a' AS t").select(udf(shout)("t")).collect()
        assert [row[0] for row in rows] == ["A", "A"]  # the executors have the module
        if not self.flag.exists():
            self.flag.write_text("failed once")
            raise OSError("disk full")
"""
CONF = """
pipeline {
  pipeline-name = inside
  pipeline-components = [ { instance-type = inside_steps.Step, instance-config { flag = "%s" } } ]
}
"""


def claimed(folder: Path, try_number: int) -> tuple[RunLog, str]:
    """Claim the unit of work, and stage the request of a try."""
    spec = parse_pipeline(CONF % (folder / "flag"))
    key = UnitKey("default", "inside", "manual", "etl")
    store = open_store(str(folder / "checkpoints"))
    log = RunLog(store, unit_path(spec.pipeline_name, key))
    token = TaskAttempt(spec, log, key, Caller(3, 3, try_number), auto_resume=True, lease_seconds=30.0).claim()
    request = DriverRequest(
        spec.to_dict(),
        location=store.location,
        unit=log.path,
        token=token,
        spark_config={"spark.sql.shuffle.partitions": "3"},
        lease_seconds=30.0,
    )
    return log, Staging(store).request(log.path, request)


def run(folder: Path, url: str) -> str:
    (folder / "inside_steps.py").write_text(STEPS, encoding="utf-8")
    modules = [str(runtime_archive()), str(folder / "inside_steps.py")]
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", KERNEL, str(SESSION_LAUNCHER), "run-inside", url, *modules],
        check=False,
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": "", "PYSPARK_PYTHON": sys.executable},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.rstrip().endswith("still there: 3"), done.stdout
    return done.stdout


def newest(log: RunLog) -> CheckpointState:
    state = log.newest_state()
    assert state is not None
    return state


def test_a_failure_is_raised_a_success_returns_and_the_session_stays(tmp_path: Path) -> None:
    log, url = claimed(tmp_path, 1)
    said = run(tmp_path, url)
    assert "raised Pipeline 'inside' failed at [1/1] Step in attempt 1: OSError: disk full" in said
    assert newest(log).status is CheckpointStatus.FAILED
    assert not Path(url).exists()
    log, url = claimed(tmp_path, 2)
    assert "returned" in run(tmp_path, url)
    assert newest(log).status is CheckpointStatus.COMPLETED
    assert not Path(url).exists()
