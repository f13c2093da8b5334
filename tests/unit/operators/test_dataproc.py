"""Dataproc: the contract of platforms against the provider's operators and a gRPC server."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("airflow.providers.google.cloud.operators.dataproc")

from google.cloud.dataproc_v1 import Batch, Job

from airflow_spark_pipeline.operators.dataproc_batch import SparkPipelineDataprocBatchOperator
from airflow_spark_pipeline.operators.dataproc_job import SparkPipelineDataprocJobOperator
from airflow_spark_pipeline.operators.dataproc_submission import job_name
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.dataproc import DataprocBatches, DataprocJobs, serving
from tests.platforms.staged import staged_job

JOB = staged_job("gs://lake", more_py_files=("https://x/my.zip",))
MODULES = ["gs://lake/_staged/code/2/runtime.zip", "https://x/my.zip", "gs://lake/theirs.py"]


class TestDataprocJob(JobContract):
    @pytest.fixture
    def platform(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataprocJobs]:
        with serving(DataprocJobs(), monkeypatch) as platform:
            yield platform


class TestDataprocBatch(JobContract):
    @pytest.fixture
    def platform(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataprocBatches]:
        with serving(DataprocBatches(), monkeypatch) as platform:
            yield platform


@pytest.fixture(params=[DataprocJobs, DataprocBatches])
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with serving(request.param(), monkeypatch) as platform:
        yield platform


class TaskInstance:
    def xcom_push(self, **_: Any) -> None:
        pass


def submitted(platform: Any) -> tuple[Any, Any]:
    task: Any = platform.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)
    return task, task.submit({"ti": TaskInstance(), "task": task})


def test_a_job_is_added_to_the_users_description() -> None:
    described = {
        "placement": {"cluster_name": "etl"},
        "labels": {"team": "etl"},
        "pyspark_job": {
            "jar_file_uris": ["gs://lake/a.jar"],
            "python_file_uris": ["gs://lake/theirs.py"],
            "properties": {"spark.sql.shuffle.partitions": "200", "spark.speculation": "true"},
        },
    }
    task = SparkPipelineDataprocJobOperator(task_id="etl", pipeline="e.conf", region="r", job=described)
    task.place(JOB)
    as_object = SparkPipelineDataprocJobOperator(task_id="etl", pipeline="e.conf", region="r", job=Job(described))
    as_object.place(JOB)
    assert Job(as_object._placed) == Job(task._placed)
    assert task._placed == {
        "placement": {"cluster_name": "etl"},
        "labels": {"team": "etl"},
        "reference": {"job_id": "daily-etl-1-0123456789ab"},
        "pyspark_job": {
            "main_python_file_uri": "gs://lake/_staged/code/1/spark-pipeline.py",
            "args": list(JOB.arguments),
            "python_file_uris": MODULES,
            "jar_file_uris": ["gs://lake/a.jar"],
            "properties": {"spark.sql.shuffle.partitions": "7", "spark.speculation": "true"},
        },
    }
    assert task.request_id == JOB.token


@pytest.mark.parametrize("as_object", [False, True])
def test_a_batch_is_added_to_the_users_own_arguments(*, as_object: bool) -> None:
    described: Any = {
        "environment_config": {"execution_config": {"service_account": "etl"}},
        "pyspark_batch": {"jar_file_uris": ["gs://lake/a.jar"], "python_file_uris": ["gs://lake/theirs.py"]},
        "runtime_config": {"version": "3.0", "properties": {"spark.speculation": "true"}},
    }
    given = Batch(described) if as_object else described
    task = SparkPipelineDataprocBatchOperator(task_id="etl", pipeline="e.conf", region="r", batch=given)
    task.place(JOB)
    placed = Batch(task._placed)
    assert placed.environment_config.execution_config.service_account == "etl"
    assert placed.runtime_config.version == "3.0"
    assert dict(placed.runtime_config.properties) == {"spark.sql.shuffle.partitions": "7", "spark.speculation": "true"}
    spark = placed.pyspark_batch
    assert spark.main_python_file_uri == "gs://lake/_staged/code/1/spark-pipeline.py"
    assert (list(spark.args), list(spark.python_file_uris)) == (list(JOB.arguments), MODULES)
    assert list(spark.jar_file_uris) == ["gs://lake/a.jar"]
    assert (task.batch_id, task.request_id) == ("daily-etl-1-0123456789ab", JOB.token)


@pytest.mark.parametrize(
    ("name", "length", "placed"),
    [
        ("Daily ETL", 63, "daily-etl-1-0123456789ab"),
        ("2026 orders!", 63, "spark-2026-orders-1-0123456789ab"),
        ("日次", 63, "spark-1-0123456789ab"),
        ("a" * 99, 63, "a" * 48 + "-1-0123456789ab"),
        ("a" * 99, 100, "a" * 85 + "-1-0123456789ab"),
    ],
)
def test_an_id_has_only_characters_that_the_platform_allows(name: str, length: int, placed: str) -> None:
    assert job_name(replace(JOB, name=name), length=length) == placed
    assert len(placed) <= length


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DataprocJobs, "request_id"),
        (DataprocJobs, "asynchronous"),
        (DataprocJobs, "wait_timeout"),
        (DataprocBatches, "batch_id"),
        (DataprocBatches, "batch_id_prefix"),
        (DataprocBatches, "request_id"),
        (DataprocBatches, "asynchronous"),
    ],
)
def test_arguments_that_the_operator_sets_itself_are_refused(kind: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        kind().operator(task_id="etl", pipeline="etl.conf", **{name: "mine"})


def test_it_takes_the_arguments_of_its_parent_and_the_defaults_of_the_dag(platform: Any) -> None:
    defaults = {"checkpoint_location": "gs://lake/c", "gcp_conn_id": "other"}
    task = platform.operator(
        task_id="etl", pipeline="etl.conf", default_args=defaults, deferrable=True, impersonation_chain="x@y"
    )
    assert (task.checkpoint_location, task.gcp_conn_id, task.impersonation_chain) == ("gs://lake/c", "other", "x@y")
    assert (task.deferrable, task.waits_in_triggerer, task.asynchronous) == (False, True, True)
    fields = set(task.template_fields)
    assert {"pipeline", "project_id", "region", "gcp_conn_id"} <= fields
    assert not fields & {"batch_id", "batch_id_prefix", "request_id"}
    assert all(hasattr(task, name) for name in fields)


@pytest.mark.parametrize(
    "state", ["PENDING", "SETUP_DONE", "RUNNING", "CANCEL_PENDING", "CANCEL_STARTED", "ATTEMPT_FAILURE"]
)
def test_a_job_that_may_run_or_start_again_is_active(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with serving(DataprocJobs(), monkeypatch) as platform:
        task, job = submitted(platform)
        platform.set_state(job, state)
        assert task.job_state(job).is_active


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCELLING", "STATE_UNSPECIFIED"])
def test_a_batch_that_may_run_is_active(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with serving(DataprocBatches(), monkeypatch) as platform:
        task, job = submitted(platform)
        platform.set_state(job, state)
        assert task.job_state(job).is_active


def test_the_triggerer_asks_without_the_operator(platform: Any) -> None:
    task, job = submitted(platform)
    name, arguments = task.job_client(job)
    client = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert client.state().is_active
    client.cancel()
    client.cancel()
    assert client.state().reason.startswith("CANCELLED")
