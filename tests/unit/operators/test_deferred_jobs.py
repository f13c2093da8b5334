"""A job of a platform that the triggerer waits for: what it asks the platform, and what it decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from invented_platform import ClusterPipelineOperator, ClusterUnderTest

from airflow_spark_pipeline.checkpoint.stores.base import ObjectNotFoundError
from airflow_spark_pipeline.exceptions import ComponentFailedError, SupersededError
from airflow_spark_pipeline.launch.progress import follow_progress
from airflow_spark_pipeline.operators.job import ACTIVE, JobState
from airflow_spark_pipeline.task import one_try
from airflow_spark_pipeline.task.staged_files import StagedFiles
from airflow_spark_pipeline.testing.platform_trial import Trial
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineAttemptTrigger
from tests.airflows import TaskDeferralTimeout, needs_store


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
    with pytest.raises(ObjectNotFoundError):
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


def cancelled(trial: Trial) -> list[Any]:
    return list(trial.platform.cancelled())


@needs_store
def test_a_job_that_did_not_start_in_time_is_cancelled_and_its_request_removed(trial: Trial) -> None:
    trigger = deferred(trial)
    assert len(trial.staged_requests()) == 1
    trigger.start_by = 1.0
    fired = event(trigger)
    with pytest.raises(ComponentFailedError, match="did not start in time"):
        complete(trial, fired)
    assert cancelled(trial) == [trial.platform.jobs()[0].id]
    assert trial.staged_requests() == []
    with pytest.raises(ObjectNotFoundError):
        trial.driver()


@needs_store
def test_a_job_whose_driver_died_is_cancelled_if_the_platform_has_not_noticed(trial: Trial) -> None:
    trigger = deferred(trial)
    driver = trial.driver()
    driver.run_one()
    driver.vanish()
    fired = event(trigger)
    with pytest.raises(ComponentFailedError, match="died"):
        complete(trial, fired)
    assert cancelled(trial) == [trial.platform.jobs()[0].id]
    assert trial.staged_requests() == []


def test_a_job_that_has_ended_by_its_log_is_not_cancelled(trial: Trial) -> None:
    trigger = deferred(trial)
    trial.driver().run()
    complete(trial, event(trigger))
    assert cancelled(trial) == []


@needs_store
@pytest.mark.parametrize("readable", [True, False])
def test_a_job_that_takes_too_long_is_cancelled_whatever_its_file_has_become(trial: Trial, readable: bool) -> None:
    deferred(trial)
    operator, context = trial.made(deferrable=True)
    if not readable:
        (trial.folder / "contract.conf").unlink()
        operator._description = None  # it is read again
    with pytest.raises(TaskDeferralTimeout):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert cancelled(trial) == [trial.platform.jobs()[0].id]
    if readable:
        assert trial.staged_requests() == []


def test_a_job_whose_id_cannot_be_kept_is_waited_for(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def set_nothing(key: str, value: Any, **_: Any) -> None:
        if key == "spark_pipeline.job":
            raise ConnectionError("503")

    monkeypatch.setattr(trial.store, "set", set_nothing)
    monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", lambda _: trial.completes())
    assert trial.run()["components_run"] == ["Extract", "Clean", "Load"]


def test_a_comma_in_the_name_of_a_module_does_not_split_it_on_the_platform(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trial.folder / "my,etl").mkdir()
    (trial.folder / "my,etl" / "steps.py").write_text("", encoding="utf-8")
    monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", lambda _: trial.completes())
    trial.run(py_files=["my,etl"])
    staged = [path.name for path in (trial.folder / "checkpoints" / "_staged" / "code").rglob("*") if path.is_file()]
    assert any("my_etl" in name for name in staged)
    assert not any("," in name for name in staged)


def test_a_retry_on_a_platform_shows_no_line_of_the_attempt_before_it(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Uploading the files may take longer than the time between two looks at the log."""
    monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", lambda _: trial.fails_at_clean())
    with pytest.raises(ComponentFailedError):
        trial.run()
    capsys.readouterr()
    looked = threading.Event()
    follow = follow_progress

    def often(look: Callable[[], Any], tell: Callable[[str], None]) -> Any:
        def noted() -> Any:
            found = look()
            looked.set()
            return found

        return follow(noted, tell, every=0.01)

    upload = StagedFiles.upload

    def slow(files: StagedFiles) -> None:
        assert looked.wait(10)
        upload(files)

    monkeypatch.setattr(one_try, "follow_progress", often)
    monkeypatch.setattr(StagedFiles, "upload", slow)
    monkeypatch.setattr("airflow_spark_pipeline.task.job_way.pause", lambda _: trial.completes())
    trial.run(try_number=2)
    for thread in threading.enumerate():
        if thread.name == "progress":
            thread.join(10)
    out = capsys.readouterr().out
    assert "The driver of attempt 1 is running" not in out
    assert "[3/3] Load done" in out
