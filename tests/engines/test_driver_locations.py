"""Which client opens a location in a process of ``spark-submit``, before there is a Spark session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.launch.archives import runtime_archive
from tests.engines.clusters import Hdfs
from tests.engines.jars import class_path

pytestmark = pytest.mark.timeout(900)

_FAILOVER = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"
_SCRIPT = """
import json, os, sys
import airflow_spark_pipeline
shipped = os.path.dirname(os.path.dirname(os.path.abspath(airflow_spark_pipeline.__file__)))
sys.path.append(os.path.join(shipped, "_vendor"))  # as the launcher does
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointLocationError

location, settings = sys.argv[1], json.loads(sys.argv[2])
try:
    store = open_store(location, None, settings)
    store.create("p/u/driver", b"from the driver")
    answer = {"way": store.way, "read": store.read("p/u/airflow").decode(), "slack": store.clock_slack}
    answer["listed"] = sorted(found.name for found in store.list_objects("p/u"))
except CheckpointLocationError as error:
    answer = {"error": str(error)}
import pyspark
answer["session"] = pyspark.SparkContext._active_spark_context is not None
answer["s3fs"] = "s3fs" in sys.modules
print("ANSWER " + json.dumps(answer), flush=True)
"""


def _submit(python: Path, directory: Path, location: str, *, conf: dict[str, str], settings: dict[str, str]) -> Any:
    script = directory / "script.py"
    script.write_text(_SCRIPT)
    options = [part for name, value in conf.items() for part in ("--conf", f"{name}={value}")]
    environment = {**os.environ, "PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": str(python)}
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("spark-submit")),
            *("--master", "local[1]", "--driver-memory", "512m", "--py-files", str(runtime_archive())),
            *options,
            str(script),
            location,
            json.dumps(settings),
        ],
        env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert answers, f"{done.stdout}\n{done.stderr}"
    return json.loads(answers[0].removeprefix("ANSWER "))


def test_hdfs_is_served_by_the_drivers_jvm_and_shared_with_webhdfs(
    hdfs_cluster: Hdfs, bare_python: Path, tmp_path: Path
) -> None:
    location = f"{hdfs_cluster.uri}/{uuid.uuid4().hex[:12]}"
    airflows = open_store(location, {"host": hdfs_cluster.web})
    airflows.create("p/u/airflow", b"from Airflow")
    answer = _submit(bare_python, tmp_path, location, conf={}, settings={})
    assert answer == {
        "way": "the driver's own Hadoop client (hdfs, Hadoop 3.5.0)",
        "read": "from Airflow",
        "slack": 0.0,
        "listed": ["airflow", "driver"],
        "session": False,
        "s3fs": False,
    }
    assert airflows.read("p/u/driver") == b"from the driver"


def test_a_name_service_that_only_the_jobs_settings_know_is_found(
    hdfs_cluster: Hdfs, bare_python: Path, tmp_path: Path
) -> None:
    place = uuid.uuid4().hex[:12]
    open_store(f"{hdfs_cluster.uri}/{place}", {"host": hdfs_cluster.web}).create("p/u/airflow", b"1")
    service = {
        "dfs.nameservices": "ns",
        "dfs.ha.namenodes.ns": "a",
        "dfs.namenode.rpc-address.ns.a": hdfs_cluster.uri.removeprefix("hdfs://"),
        "dfs.client.failover.proxy.provider.ns": _FAILOVER,
    }
    conf = {f"spark.hadoop.{name}": value for name, value in service.items()}
    answer = _submit(bare_python, tmp_path, f"hdfs://ns/{place}", conf=conf, settings={})
    assert answer["listed"] == ["airflow", "driver"]


def test_s3a_without_s3fs_is_served_by_the_drivers_jvm_with_keys_that_no_command_line_showed(
    s3a_uri: str, s3a_settings: dict[str, str], s3_options: dict[str, Any], bare_python: Path, tmp_path: Path
) -> None:
    location = f"{s3a_uri}/{uuid.uuid4().hex[:12]}"
    airflows = open_store(location, s3_options)
    airflows.create("p/u/airflow", b"from Airflow")
    secret = {f"spark.hadoop.{name}": value for name, value in s3a_settings.items() if name.endswith("key")}
    shown = {f"spark.hadoop.{name}": value for name, value in s3a_settings.items() if not name.endswith("key")}
    shown["spark.driver.extraClassPath"] = class_path("s3a")
    answer = _submit(bare_python, tmp_path, location, conf=shown, settings=secret)
    assert answer == {
        "way": "the driver's own Hadoop client (s3a, Hadoop 3.5.0)",
        "read": "from Airflow",
        "slack": 2.0,
        "listed": ["airflow", "driver"],
        "session": False,
        "s3fs": False,
    }
    assert airflows.read("p/u/driver") == b"from the driver"


def test_s3a_without_s3fs_and_hadoop_aws_is_an_error_that_names_what_to_add(bare_python: Path, tmp_path: Path) -> None:
    answer = _submit(bare_python, tmp_path, "s3://bucket/x", conf={}, settings={})
    assert "ClassNotFoundException" in answer["error"]
    assert 'packages="org.apache.hadoop:hadoop-aws:3.5.0"' in answer["error"]
    assert "s3fs" in answer["error"]
