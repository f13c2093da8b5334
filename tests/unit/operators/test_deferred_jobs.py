"""A job of a platform that the triggerer waits for: what it asks the platform, and what it decides."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from invented_platform import ClusterPipelineOperator, ClusterUnderTest

from airflow_spark_pipeline.exceptions import ComponentFailedError, SupersededError
from airflow_spark_pipeline.operators.job import ACTIVE, JobState
from airflow_spark_pipeline.testing.platform_trial import Trial
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineAttemptTrigger


class Client:
    """Asks the platform of the test; in the triggerer there is no operator."""

    states: list[JobState | Exception]
    cancelled: list[str]

    def __init__(self, *, job: str) -> None:
        self.job = job

    def state(self) -> JobState:
        found = Client.states.pop(0) if len(Client.states) > 1 else Client.states[0]
        if isinstance(found, Exception):
            raise found
        return found

    def cancel(self) -> None:
        Client.cancelled.append(self.job)


def client_of(**arguments: Any) -> Client:
    return Client(**arguments)


class Operator(ClusterPipelineOperator):
    def job_client(self, job: Any) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.client_of", {"job": job}


class Platform(ClusterUnderTest):
    def operator(self, **arguments: Any) -> Operator:
        return Operator(cluster=self.cluster, **arguments)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    monkeypatch.setattr("pkgutil.resolve_name", lambda name: {f"{__name__}.client_of": client_of}[name])
    Client.states, Client.cancelled = [ACTIVE], []
    yield Trial(Platform(), tmp_path)
    assert Client.states


def deferred(trial: Trial) -> SparkPipelineAttemptTrigger:
    with pytest.raises(TaskDeferred) as raised:
        trial.run(deferrable=True)
    _, arguments = raised.value.trigger.serialize()
    assert arguments["start_by"] is None  # the platform can be asked, so that a queue may be long
    return SparkPipelineAttemptTrigger(**{**arguments, "poll_interval": 0.02})


def event(trigger: SparkPipelineAttemptTrigger) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for found in trigger.run():
            payload: dict[str, Any] = found.payload
            return payload
        raise AssertionError("no event")

    return asyncio.run(asyncio.wait_for(first(), 60))


def complete(trial: Trial, fired: dict[str, Any]) -> Any:
    operator, context = trial.made(deferrable=True)
    return operator.execute_complete(context, fired)


def test_a_job_that_ends_before_its_driver_starts_fails_with_the_platforms_reason(trial: Trial) -> None:
    trigger = deferred(trial)
    Client.states[:] = [ACTIVE, ConnectionError("no answer"), JobState.ended("image not found")]
    fired = event(trigger)
    assert "image not found" in fired["because"]
    with pytest.raises(ComponentFailedError, match="image not found"):
        complete(trial, fired)
    with pytest.raises(SupersededError):
        trial.driver()  # a job that starts late must not work


def test_a_driver_that_dies_is_reported_with_the_platforms_reason(trial: Trial) -> None:
    trigger = deferred(trial)
    driver = trial.driver()
    driver.run_one()
    driver.vanish()
    Client.states[:] = [JobState.ended("memory limit exceeded")]
    fired = event(trigger)
    assert fired["reason"] == "memory limit exceeded"
    with pytest.raises(ComponentFailedError, match=r"died.*the platform says: memory limit exceeded"):
        complete(trial, fired)


@pytest.mark.parametrize("said", [JobState.ended("SUCCEEDED"), ConnectionError("no answer")])
def test_while_a_driver_sends_heartbeats_the_platforms_state_is_ignored(
    trial: Trial, said: JobState | Exception
) -> None:
    trigger = deferred(trial)
    driver = trial.driver()
    Client.states[:] = [said]
    driver.run()
    fired = event(trigger)
    assert fired["because"] == "the run is completed"
    assert complete(trial, fired)["components_run"] == ["Extract", "Clean", "Load"]


def test_a_task_that_is_killed_while_it_is_deferred_cancels_its_job(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = deferred(trial)
    driver = trial.driver()
    monkeypatch.setattr(trigger, "_is_still_deferred", lambda: asyncio.sleep(0, result=False))
    asyncio.run(trigger.on_kill())
    assert Client.cancelled == ["job-1"]
    with pytest.raises(SupersededError):
        driver.run()


def test_a_task_that_is_stopped_while_it_waits_logs_that(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: float) -> None:
        assert trial.operator is not None
        trial.operator.on_kill()

    monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", stop)
    with pytest.raises(SupersededError, match=r"^This attempt was stopped: its task was stopped\.$"):
        trial.run()
