"""EMR on EKS: the contract of platforms against the provider's operator and moto's API."""

from __future__ import annotations

import json
import pkgutil
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("airflow.providers.amazon.aws.operators.emr")

from airflow_spark_pipeline.operators.emr_container import SparkPipelineEmrContainerOperator
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.aws import REGION, ROLE
from tests.platforms.emr_container import EmrOnEks, emr_on_eks
from tests.platforms.staged import staged_job

JOB = staged_job("s3a://lake", more_settings={"spark.executor.extraJavaOptions": "-Da=1 -Db='2 3'"})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrOnEks]:
    with emr_on_eks(monkeypatch) as cluster:
        yield cluster


class TestEmrContainer(JobContract):
    @pytest.fixture
    def platform(self, cluster: EmrOnEks) -> EmrOnEks:
        return cluster


def operator(**arguments: Any) -> SparkPipelineEmrContainerOperator:
    given = {"virtual_cluster_id": "0b0q", "execution_role_arn": ROLE, "release_label": "emr-7.13.0-latest"}
    return SparkPipelineEmrContainerOperator(task_id="etl", pipeline="etl.conf", **{**given, **arguments})


def submitted(cluster: EmrOnEks) -> tuple[Any, Any]:
    task: Any = cluster.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)
    return task, task.submit({"ti": None, "task": task})


def test_a_job_is_placed_in_spark_submits_own_format() -> None:
    task = operator(spark_submit_parameters="--jars s3://lake/a.jar")
    task.place(JOB)
    spark = task.job_driver["sparkSubmitJobDriver"]
    assert spark["entryPoint"] == "s3://lake/_staged/code/1/spark-pipeline.py"
    assert spark["entryPointArguments"] == list(JOB.arguments)
    assert shlex.split(spark["sparkSubmitParameters"]) == [
        *("--py-files", "s3://lake/_staged/code/2/runtime.zip"),
        *("--conf", "spark.sql.shuffle.partitions=7"),
        *("--conf", "spark.executor.extraJavaOptions=-Da=1 -Db='2 3'"),
        *("--jars", "s3://lake/a.jar"),
    ]
    assert task.client_request_token == JOB.token


@pytest.mark.parametrize(
    ("name", "placed"),
    [
        ("Daily ETL", "Daily-ETL"),
        ("münchen: orders", "m-nchen--orders"),
        ("a_b.c#d/e-f", "a_b.c#d/e-f"),
        ("x" * 99, "x" * 64),
    ],
)
def test_the_name_of_a_job_has_only_characters_that_the_platform_allows(name: str, placed: str) -> None:
    task = operator()
    task.place(replace(JOB, name=name))
    assert task.name == placed


@pytest.mark.parametrize(
    "name", ["job_driver", "client_request_token", "wait_for_completion", "poll_interval", "max_polling_attempts"]
)
def test_arguments_that_the_operator_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        operator(**{name: "mine"})


def test_it_takes_the_arguments_of_its_parent_and_the_defaults_of_the_dag() -> None:
    task = operator(
        tags={"team": "etl"},
        job_retry_max_attempts=2,
        configuration_overrides={"monitoringConfiguration": {}},
        default_args={"checkpoint_location": "s3://lake/c", "region_name": REGION},
        deferrable=True,
    )
    assert (task.tags, task.job_retry_max_attempts) == ({"team": "etl"}, 2)
    assert (task.checkpoint_location, task.region_name) == ("s3://lake/c", REGION)
    assert (task.deferrable, task.waits_in_triggerer, task.wait_for_completion) == (False, True, False)
    fields = set(task.template_fields)
    assert {"pipeline", "virtual_cluster_id", "execution_role_arn", "release_label"} <= fields
    assert "job_driver" not in fields
    assert all(hasattr(task, name) for name in fields)


@pytest.mark.parametrize("state", ["PENDING", "SUBMITTED", "RUNNING", "CANCEL_PENDING"])
def test_a_job_whose_driver_may_run_is_active(cluster: EmrOnEks, state: str) -> None:
    task, job = submitted(cluster)
    cluster.backend.job_runs[job].state = state
    assert task.job_state(job).is_active


def test_the_triggerer_asks_without_the_operator(cluster: EmrOnEks) -> None:
    task, job = submitted(cluster)
    name, arguments = task.job_client(job)
    client = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert client.state().is_active
    client.cancel()
    client.cancel()
    assert client.state().reason.startswith("CANCELLED")
