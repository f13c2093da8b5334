"""Databricks: the contract of platforms against the provider's operator and a stand-in for the Jobs API."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow.providers.databricks.operators.databricks")

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.operators.databricks import SparkPipelineDatabricksOperator, refuse_directories
from airflow_spark_pipeline.testing.job_contract import JobContract
from airflow_spark_pipeline.testing.platform_trial import Trial
from tests.platforms.databricks import Databricks, databricks
from tests.platforms.staged import staged_job

# The provider's hook asks Airflow for it.
pytestmark = pytest.mark.filterwarnings("ignore:ProvidersManager.hooks is deprecated")

JOB = staged_job("s3a://lake", command="run-inside", more_arguments=("s3a://lake/_staged/code/2/runtime.zip",))


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Databricks]:
    with databricks(monkeypatch) as workspace:
        yield workspace


class TestDatabricks(JobContract):
    @pytest.fixture
    def platform(self, workspace: Databricks) -> Databricks:
        return workspace


def test_a_job_is_placed_in_databricks_own_format() -> None:
    task = SparkPipelineDatabricksOperator(
        task_id="etl", pipeline="etl.conf", existing_cluster_id="c1", libraries=[{"pypi": {"package": "s3fs"}}]
    )
    task.place(JOB)
    assert task._get_merged_json() == {
        "existing_cluster_id": "c1",
        "libraries": [{"pypi": {"package": "s3fs"}}],
        "idempotency_token": "1-0123456789ab",
        "run_name": "Daily ETL",
        "spark_python_task": {
            "python_file": "s3://lake/_staged/code/1/spark-pipeline.py",
            "parameters": [
                "run-inside",
                "s3://lake/_staged/requests/u/1-0.json",
                "s3://lake/_staged/code/2/runtime.zip",
            ],
        },
    }


@pytest.mark.parametrize("name", ["json", "tasks", "notebook_task", "spark_python_task", "idempotency_token"])
def test_arguments_that_the_operator_sets_itself_are_refused(name: str) -> None:
    given: dict[str, Any] = {name: "mine"}
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        SparkPipelineDatabricksOperator(task_id="etl", pipeline="etl.conf", **given)


@pytest.mark.parametrize("state", ["PENDING", "QUEUED", "BLOCKED", "RUNNING", "TERMINATING", "WAITING_FOR_RETRY"])
def test_a_run_that_waits_or_is_retried_is_active(workspace: Databricks, state: str) -> None:
    task: Any = workspace.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)
    job = task.submit({})
    workspace.runs[job]["state"]["life_cycle_state"] = state
    assert task.job_state(job).is_active


def test_the_triggerer_asks_without_the_operator(workspace: Databricks) -> None:
    task: Any = workspace.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)
    name, arguments = task.job_client(task.submit({}))
    run = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert run.state().is_active
    run.cancel()
    run.cancel()
    assert run.state().reason == "TERMINATED CANCELED by user"


@pytest.mark.parametrize(
    ("argument", "location"),
    [
        ("checkpoint_location", "/Volumes/main/etl/checkpoints"),
        ("checkpoint_location", "/dbfs/checkpoints"),
        ("checkpoint_location", "/Workspace/Users/etl"),
        ("checkpoint_location", "file:///Volumes/main/etl"),
        ("checkpoint_location", "/Volumes"),
        ("staging_location", "/Volumes/main/etl/staging"),
        ("staging_location", "dbfs:/staging"),
    ],
)
def test_a_directory_of_databricks_is_refused_before_anything_is_submitted(
    workspace: Databricks, tmp_path: Path, argument: str, location: str
) -> None:
    trial = Trial(workspace, tmp_path)
    given: dict[str, Any] = {argument: location}
    with pytest.raises(CheckpointLocationError, match=rf"{argument.replace('_', ' ')} .*cloud storage: s3://"):
        trial.run(**given)
    assert workspace.runs == {}


def test_a_directory_whose_name_only_looks_similar_is_not_refused() -> None:
    refuse_directories("/Volumes2/checkpoints", "s3://lake/Volumes/staging")
    refuse_directories("gs://lake/dbfs/checkpoints", None)
