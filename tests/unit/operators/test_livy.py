"""Livy: the contract of platforms against the provider's operator and a stand-in for the server."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("airflow.providers.apache.livy.operators.livy")

from airflow_spark_pipeline.operators.livy import SparkPipelineLivyOperator
from airflow_spark_pipeline.testing.job_contract import JobContract
from tests.platforms.livy import Livy, livy
from tests.platforms.staged import staged_job

JOB = staged_job("hdfs:///c")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Livy]:
    with livy(monkeypatch) as server:
        yield server


class TestLivy(JobContract):
    @pytest.fixture
    def platform(self, server: Livy) -> Livy:
        return server


def test_a_job_is_added_to_the_users_arguments() -> None:
    task = SparkPipelineLivyOperator(
        task_id="etl", pipeline="etl.conf", executor_memory="4g", jars=["hdfs:///a.jar"], conf={"spark.a": "1"}
    )
    task.place(JOB)
    params = task.spark_params
    assert (params["file"], params["args"], params["py_files"]) == (JOB.main, list(JOB.arguments), list(JOB.py_files))
    assert (params["executor_memory"], params["jars"]) == ("4g", ["hdfs:///a.jar"])
    assert params["conf"] == {"spark.sql.shuffle.partitions": "7"}  # the job's settings hold those of conf
    assert params["name"] == "Daily ETL 1-0123456789ab"


@pytest.mark.parametrize(
    ("name", "value"), [("file", "a.py"), ("args", ["x"]), ("class_name", "a.B"), ("polling_interval", 5)]
)
def test_arguments_that_the_operator_sets_itself_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"sets {name} itself"):
        SparkPipelineLivyOperator(task_id="etl", pipeline="etl.conf", **{name: value})


def submitted(server: Livy) -> tuple[Any, Any]:
    task: Any = server.operator(task_id="etl", pipeline="etl.conf")
    task.place(JOB)

    class TaskInstance:
        def xcom_push(self, **_: Any) -> None:
            pass

    return task, task.submit({"ti": TaskInstance()})


def test_a_batch_with_the_same_number_after_a_restart_is_another_one(server: Livy) -> None:
    """It must be neither waited for nor deleted."""
    task, job = submitted(server)
    server.forget(job)
    server.answer("POST", ["batches"], {"name": "of somebody else", "args": []})
    assert not task.job_state(job).is_active
    task.cancel(job)
    assert server.deleted == []


@pytest.mark.parametrize("state", ["not_started", "starting", "running", "busy", "recovering", "idle", "shutting_down"])
def test_a_batch_that_is_queued_or_found_again_is_active(server: Livy, state: str) -> None:
    task, job = submitted(server)
    server.find(0)["state"] = state
    assert task.job_state(job).is_active


def test_the_reason_for_a_death_is_the_drivers_last_output(server: Livy) -> None:
    task, job = submitted(server)
    log = ["stdout: ", "Starting Spark ...", "OutOfMemoryError: Java heap space", "\nstderr: ", "\nYARN Diagnostics: "]
    server.find(0).update(state="dead", log=log)
    assert task.job_state(job).reason == "dead; Starting Spark ...; OutOfMemoryError: Java heap space"


def test_the_triggerer_asks_without_the_operator(server: Livy) -> None:
    task, job = submitted(server)
    name, arguments = task.job_client(job)
    batch = pkgutil.resolve_name(name)(**json.loads(json.dumps(arguments)))
    assert batch.state().is_active
    batch.cancel()
    batch.cancel()
    assert batch.state().reason == "killed"
    assert len(server.deleted) == 1


def test_a_batch_that_livy_accepted_is_not_lost_if_the_next_answer_fails(
    server: Livy, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = Livy.find
    monkeypatch.setattr(Livy, "find", lambda *_: next(iter(())))
    _, job = submitted(server)
    monkeypatch.setattr(Livy, "find", find)
    assert job == {"id": 0, "name": "Daily ETL 1-0123456789ab"}
