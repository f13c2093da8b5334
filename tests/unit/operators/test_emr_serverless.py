"""EMR Serverless: the contract of platforms against the provider's operator and moto's API."""

from __future__ import annotations

import json
import pkgutil
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("airflow.providers.amazon.aws.operators.emr")

from airflow_spark_pipeline.operators.emr_serverless import SparkPipelineEmrServerlessOperator
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.aws import REGION, ROLE
from tests.platforms.emr_serverless import EmrServerless, emr_serverless
from tests.platforms.staged import staged_job

JOB = staged_job(
    "s3a://lake",
    more_py_files=("https://x/my.zip",),
    more_settings={"spark.executor.extraJavaOptions": "-Da=1 -Db='2 3'"},
)


class TestEmrServerless(JobContract):
    @pytest.fixture
    def platform(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmrServerless]:
        with emr_serverless(monkeypatch) as platform:
            yield platform


def operator(**arguments: Any) -> SparkPipelineEmrServerlessOperator:
    return SparkPipelineEmrServerlessOperator(
        task_id="etl", pipeline="etl.conf", application_id="00f1", execution_role_arn=ROLE, **arguments
    )


def test_a_job_is_placed_in_spark_submits_own_format() -> None:
    task = operator(spark_submit_parameters="--jars s3://lake/a.jar")
    task.place(JOB)
    spark = task.job_driver["sparkSubmit"]
    assert spark["entryPoint"] == "s3://lake/_staged/code/1/spark-pipeline.py"
    assert spark["entryPointArguments"] == list(JOB.arguments)
    assert shlex.split(spark["sparkSubmitParameters"]) == [
        *("--py-files", "s3://lake/_staged/code/2/runtime.zip,https://x/my.zip"),
        *("--conf", "spark.sql.shuffle.partitions=7"),
        *("--conf", "spark.executor.extraJavaOptions=-Da=1 -Db='2 3'"),
        *("--jars", "s3://lake/a.jar"),
    ]
    assert (task.name, task.client_request_token) == ("Daily ETL", JOB.token)


@pytest.mark.parametrize("name", ["job_driver", "client_request_token", "wait_for_completion"])
def test_arguments_that_the_operator_sets_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        operator(**{name: "mine"})


def test_it_takes_the_arguments_of_its_parent_and_the_defaults_of_the_dag() -> None:
    task = operator(
        waiter_delay=5, default_args={"checkpoint_location": "s3://lake/c", "region_name": REGION}, deferrable=True
    )
    assert (task.waiter_delay, task.checkpoint_location, task.region_name) == (5, "s3://lake/c", REGION)
    assert (task.deferrable, task.waits_in_triggerer, task.wait_for_completion) == (False, True, False)
    fields = set(task.template_fields)
    assert {"pipeline", "checkpoint_location", "application_id", "execution_role_arn", "config"} <= fields
    assert "job_driver" not in fields
    assert all(hasattr(task, name) for name in fields)


def test_the_triggerer_asks_without_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    with emr_serverless(monkeypatch) as platform:
        task = platform.operator(task_id="etl", pipeline="etl.conf")
        task.place(JOB)
        job = task.submit({"ti": None, "task": task})  # type: ignore[typeddict-item]
        name, arguments = task.job_client(job)  # type: ignore[misc]
        client = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
        assert client.state().is_active
        client.cancel()
        client.cancel()
        assert client.state().reason.startswith("CANCELLED")


@pytest.mark.parametrize("state", ["PENDING", "SCHEDULED", "SUBMITTED", "RUNNING", "QUEUED"])
def test_a_job_that_waits_for_capacity_is_active(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with emr_serverless(monkeypatch) as platform:
        task = platform.operator(task_id="etl", pipeline="etl.conf")
        task.place(JOB)
        job = task.submit({"ti": None, "task": task})  # type: ignore[typeddict-item]
        platform.runs()[0].state = state
        assert task.job_state(job).is_active
