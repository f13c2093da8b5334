"""EMR steps: the contract of platforms against the provider's operator and moto's API."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("airflow.providers.amazon.aws.operators.emr")

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.operators.emr_steps import SparkPipelineEmrStepsOperator
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.aws import REGION
from tests.platforms.emr_steps import EmrCluster, emr_cluster
from tests.platforms.staged import staged_job

JOB = staged_job(
    "s3a://lake",
    more_py_files=("s3n://lake/my.zip",),
    more_settings={"spark.executor.extraJavaOptions": "-Da=1 -Db='2 3'"},
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrCluster]:
    with emr_cluster(monkeypatch) as cluster:
        yield cluster


class TestEmrSteps(JobContract):
    @pytest.fixture
    def platform(self, cluster: EmrCluster) -> EmrCluster:
        return cluster


def operator(**arguments: Any) -> SparkPipelineEmrStepsOperator:
    return SparkPipelineEmrStepsOperator(task_id="etl", pipeline="etl.conf", **{"job_flow_id": "j-1", **arguments})


def submitted(cluster: EmrCluster, **arguments: Any) -> tuple[Any, Any]:
    task: Any = cluster.operator(task_id="etl", pipeline="etl.conf", do_xcom_push=False, **arguments)
    task.place(JOB)

    class TaskInstance:
        def xcom_push(self, **_: Any) -> None:
            pass

    return task, task.submit({"ti": TaskInstance()})


def test_a_job_is_placed_as_one_step_that_never_ends_the_cluster() -> None:
    task = operator(spark_submit_parameters="--jars 's3://lake/a b.jar' --deploy-mode client")
    task.place(JOB)
    assert task.steps == [
        {
            "Name": "Daily ETL",
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {
                "Jar": "command-runner.jar",
                "Args": [
                    *("spark-submit", "--deploy-mode", "cluster"),
                    *("--py-files", "s3://lake/_staged/code/2/runtime.zip,s3://lake/my.zip"),
                    *("--conf", "spark.sql.shuffle.partitions=7"),
                    *("--conf", "spark.executor.extraJavaOptions=-Da=1 -Db='2 3'"),
                    *("--jars", "s3://lake/a b.jar", "--deploy-mode", "client"),
                    "s3://lake/_staged/code/1/spark-pipeline.py",
                    *JOB.arguments,
                ],
            },
        }
    ]


@pytest.mark.parametrize("name", ["steps", "wait_for_completion"])
def test_arguments_that_the_operator_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        operator(**{name: ["mine"]})


def test_it_takes_the_arguments_of_its_parent_and_the_defaults_of_the_dag() -> None:
    task = operator(
        execution_role_arn="arn:role",
        default_args={"checkpoint_location": "s3://lake/c", "region_name": REGION},
        deferrable=True,
    )
    assert (task.execution_role_arn, task.checkpoint_location, task.region_name) == ("arn:role", "s3://lake/c", REGION)
    assert (task.deferrable, task.waits_in_triggerer, task.wait_for_completion) == (False, True, False)
    fields = set(task.template_fields)
    assert {"pipeline", "job_flow_id", "job_flow_name", "execution_role_arn", "spark_submit_parameters"} <= fields
    assert "steps" not in fields
    assert all(hasattr(task, name) for name in fields)


def test_a_cluster_given_by_name_is_looked_up_once_and_remembered_with_the_step(cluster: EmrCluster) -> None:
    """A later cluster may have the same name; the step is of the first one."""
    task, job = submitted(cluster, job_flow_name="etl", cluster_states=["WAITING", "RUNNING", "STARTING"])
    assert job == {"cluster": cluster.cluster.id, "step": cluster.cluster.steps[0].id}
    cluster.cluster.name = "of-yesterday"
    assert task.job_state(job).is_active


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "CANCEL_PENDING"])
def test_a_step_whose_driver_may_run_is_active(cluster: EmrCluster, state: str) -> None:
    task, job = submitted(cluster)
    cluster.step(job).state = state
    assert task.job_state(job).is_active


@pytest.mark.parametrize("state", ["COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"])
def test_a_step_that_has_ended_reports_its_reason(cluster: EmrCluster, state: str) -> None:
    task, job = submitted(cluster)
    cluster.step(job).state = state
    assert task.job_state(job).reason.split()[0] == state


def test_the_triggerer_asks_without_the_operator(cluster: EmrCluster) -> None:
    task, job = submitted(cluster)
    name, arguments = task.job_client(job)
    step = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert step.state().is_active
    step.cancel()
    step.cancel()
    assert step.state().reason.startswith("CANCELLED")


def test_a_staging_location_with_a_comma_is_refused_before_anything_is_claimed() -> None:
    task = operator(staging_location="s3://lake/a,b")
    with pytest.raises(CheckpointLocationError, match="s3://lake/a,b contains a comma"):
        task.choose_way(Mock(), Mock())
