"""The same location, opened by Airflow and by a driver that has only pyspark.

The pipeline saves outputs and fails in its first attempt; ``dag.test()`` runs it, with a real ``spark-submit``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.catalog import unfinished_runs
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.cli.main import main
from airflow_spark_pipeline.deployment.locations import open_location
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineRunTrigger
from tests.acceptance.deployment import SHORT_LIVED_JVM
from tests.engines.clusters import Hdfs
from tests.engines.jars import class_path

pytestmark = [pytest.mark.airflow, pytest.mark.spark, pytest.mark.timeout(1_800)]

_DAGS = Path(__file__).with_name("dags")


class Story:
    """A location, and what is needed to run the DAG there.

    :param connection: by which Airflow opens the location
    """

    def __init__(self, location: str, connection: dict[str, Any], python: Path, database: Path, home: Path) -> None:
        self.location = location
        self.ledger = home / "ledger.jsonl"
        # A separate database: what is parsed here would be paused in the Airflows of other tests.
        own = shutil.copy(database, home / "airflow.db")
        self.environment = {
            **os.environ,
            "AIRFLOW__CORE__DAGS_FOLDER": str(_DAGS),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{own}",
            "AIRFLOW_CONN_LAKE": json.dumps(connection),
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[1]"}),
            "LEDGER": str(self.ledger),
            "LOCATION": location,
            "PYSPARK_DRIVER_PYTHON": str(python),
            "PYSPARK_PYTHON": str(python),
            "S3_SECRET": "planted-secret",
            "SPARK_LOCAL_DIRS": str(home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            "TMPDIR": str(home),
        }

    def run(self, **environment: str) -> tuple[int, str]:
        """Run the DAG. Returns the exit code and everything that was printed."""
        done = subprocess.run(
            [sys.executable, str(_DAGS / "saving_dag.py")],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        return done.returncode, done.stdout

    def noted(self) -> str:
        return " ".join(json.loads(line)["what"] for line in self.ledger.read_text().splitlines())

    def clients(self) -> set[str]:
        """The store clients that were imported in a driver."""
        return {name for line in self.ledger.read_text().splitlines() for name in json.loads(line)["clients"]}


def _files(store: CheckpointStore, directory: str = "") -> list[str]:
    """Every object below a directory."""
    below = f"{directory}/" if directory else ""
    found = [f"{below}{name}" for name in store.list_names(directory)]
    return found + [file for name in store.list_directories(directory) for file in _files(store, below + name)]


def test_a_pipeline_on_hdfs_resumes_and_every_reader_of_airflow_sees_it(
    hdfs_cluster: Hdfs,
    bare_python: Path,
    airflow_db: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    location = f"{hdfs_cluster.uri}/{uuid.uuid4().hex[:12]}"
    host, _, port = hdfs_cluster.web.rpartition(":")
    connection = {"conn_type": "webhdfs", "host": host, "port": int(port)}
    story = Story(location, connection, bare_python, airflow_db / "airflow.db", tmp_path)

    code, output = story.run(RETRIES="0")
    assert code != 0
    assert story.noted() == "numbers1 total1", output
    assert f"Checkpoints at {location}, through WebHDFS at {hdfs_cluster.web}" in output
    assert f"Checkpoints at {location}, through the driver's own Hadoop client (hdfs, Hadoop 3.5.0)" in output

    # What else Airflow has reads the same location: command line, page, sensor.
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    assert main(["runs", "--location", location, "--conn-id", "lake", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert main(["show", listed["run_id"], "--location", location, "--conn-id", "lake"]) == 0
    assert "total cannot reach its source" in capsys.readouterr().out
    (entry,) = unfinished_runs(open_location(StoreLocation(location, "lake")))
    assert entry.commit is not None
    assert entry.commit.state.run_id == listed["run_id"]
    saved = [file for file in _files(open_location(StoreLocation(location, "lake"))) if file.startswith("_outputs/")]
    assert any(file.endswith(".parquet") for file in saved), saved
    assert _sensors_find(location) == [listed["run_id"]] * 2

    code, output = story.run(RETRIES="0")
    assert code == 0, output
    assert story.noted() == "numbers1 total1 total2 =4950", output
    assert story.clients() == set()

    # Airflow cleaned up after the driver, saved outputs included: what is left is one commit, and the hint of its end.
    left = _files(open_location(StoreLocation(location, "lake")))
    assert sorted(file.split("/")[1:2] == ["_ended"] for file in left) == [False, True], left
    assert main(["prune", "--location", location, "--conn-id", "lake", "--older-than", "0m"]) == 0
    assert "0 unreadable" in capsys.readouterr().err


def _sensors_find(location: str) -> list[str]:
    """The id of the run that a sensor finds, and a deferred one's trigger."""
    sensor = SparkPipelineRunSensor(
        task_id="wait",
        pipeline_name="Saving",
        include_retrying=True,
        checkpoint_location=location,
        checkpoint_conn_id="lake",
    )
    context: Any = {}
    place, query = sensor._what(context)
    trigger = SparkPipelineRunTrigger(place=place.to_dict(), query=query.to_dict(), poll_interval=1.0)

    async def first() -> Any:
        return await anext(trigger.run())

    answer = sensor.poke(context)
    assert answer.is_done
    found: Any = answer.xcom_value
    return [found["run_id"], asyncio.run(first()).payload["run"]["run_id"]]


def test_a_pipeline_on_s3a_resumes_where_the_driver_has_no_s3fs_and_no_secret_in_its_command_line(
    s3a_uri: str, s3_endpoint: str, bare_python: Path, airflow_db: Path, tmp_path: Path
) -> None:
    location = f"{s3a_uri}/{uuid.uuid4().hex[:12]}"
    extra = {"endpoint_url": s3_endpoint, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "planted-key", "password": "planted-secret", "extra": extra}
    story = Story(location, connection, bare_python, airflow_db / "airflow.db", tmp_path)
    jars = ",".join(f"local:{jar}" for jar in class_path("s3a").split(os.pathsep))

    code, output = story.run(RETRIES="1", JARS=jars, S3_ENDPOINT=s3_endpoint)
    assert code == 0, output
    assert story.noted() == "numbers1 total1 total2 =4950", output
    assert story.clients() == set()
    assert f"Checkpoints at {location}, through s3fs" in output
    assert f"Checkpoints at {location}, through the driver's own Hadoop client (s3a, Hadoop 3.5.0)" in output
    assert "planted-secret" not in output
