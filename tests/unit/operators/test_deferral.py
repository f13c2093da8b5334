"""The deferred operator, on a YARN whose jobs wait in a queue until the test starts their drivers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    ComponentFailedError,
    NotDeferrableError,
    SupersededError,
)
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.operators import spark_pipeline
from tests.airflows import TaskDeferralTimeout, needs_store
from tests.triggering import event, fire, restore
from tests.unit.operators.shop import ASKABLE, YARN, Queue, Shop


class Try:
    """One try that is deferred.

    :param arguments: of the operator
    """

    def __init__(self, shop: Shop, try_number: int = 1, **arguments: Any) -> None:
        self.operator = shop.operator(deferrable=True, status_poll_interval=0, **arguments)
        self.context = shop.context(self.operator, try_number)
        self.operator.render_template_fields(self.context)
        with pytest.raises(TaskDeferred) as deferred:
            self.operator.execute(self.context)
        self.deferred = deferred.value

    def complete(self, fired: dict[str, Any] | None = None) -> dict[str, Any]:
        """Go on in another process, as Airflow does: nothing of the first one is left."""
        self.operator._way = self.operator._hook = None
        fired = fire(self.deferred) if fired is None else fired
        result: dict[str, Any] = self.operator.resume_execution("execute_complete", {"event": fired}, self.context)
        return result


def test_a_run_that_completes_while_the_task_is_deferred_is_its_result(shop: Shop, queue: Queue) -> None:
    one = Try(shop)
    command = " ".join(queue.commands[0])
    assert "spark.yarn.submit.waitAppCompletion=false" in command
    queue.let_run()
    result = one.complete()
    assert result["components_run"] == ["Extract", "Clean", "Load"]
    assert shop.latest().state.status is CheckpointStatus.COMPLETED
    assert [each.name for each in (shop.folder / "checkpoints" / "_open").iterdir()] == []  # cleaned up


def test_a_component_that_fails_fails_the_task_and_the_retry_resumes(shop: Shop, queue: Queue) -> None:
    queue.fails_at = "Clean"
    one = Try(shop)
    queue.let_run()
    with pytest.raises(ComponentFailedError, match=r"failed at \[2/3\] Clean in attempt 1 .*disk full"):
        one.complete()
    queue.fails_at = None
    two = Try(shop, try_number=2)
    queue.let_run()
    assert two.complete()["components_run"] == ["Clean", "Load"]


def test_the_trigger_logs_the_progress(shop: Shop, queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    one = Try(shop)
    queue.let_run()
    capsys.readouterr()
    fire(one.deferred)
    told = capsys.readouterr().out
    assert "The driver of attempt 1 is running" in told
    assert "[2/3] Clean done in 1.0 s" in told


def test_a_driver_whose_lease_ran_out_has_died(shop: Shop, queue: Queue) -> None:
    one = Try(shop)
    commit = shop.latest()
    log = RunLog(open_store(queue.requests[0].location), queue.requests[0].unit)
    log.append(commit, replace(commit.state, status=CheckpointStatus.RUNNING))
    with pytest.raises(ComponentFailedError, match=r"the driver of attempt 1 died at \[1/3\] Extract"):
        one.complete()


def test_a_job_that_yarn_ends_before_its_driver_started_fails_with_yarns_message(
    shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
    one = Try(shop)
    queue.states = [("ACCEPTED", "UNDEFINED", ""), ("FAILED", "FAILED", "AM container exited with 13")]
    with pytest.raises(ComponentFailedError, match=r"never started: YARN application application_1_1 is FAILED.*13"):
        one.complete()
    assert shop.latest().state.status is CheckpointStatus.FAILED


def test_a_job_that_waits_in_a_queue_is_waited_for_where_yarn_can_be_asked(
    shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
    one = Try(shop)
    assert one.deferred.trigger.serialize()[1]["start_by"] is None
    queue.states = [("ACCEPTED", "UNDEFINED", "")] * 1000
    asked = threading.Thread(target=_run_once_asked, args=(queue,))
    asked.start()
    assert one.complete()["components_run"] == ["Extract", "Clean", "Load"]
    asked.join()


def _run_once_asked(queue: Queue) -> None:
    while len(queue.states) > 997:
        threading.Event().wait(0.01)
    queue.let_run()


def test_a_driver_that_does_not_start_in_time_fails_the_task_and_may_not_start_later(shop: Shop, queue: Queue) -> None:
    one = Try(shop, start_timeout=timedelta(0))
    with pytest.raises(ComponentFailedError, match="did not start in time"):
        one.complete()
    with pytest.raises(SupersededError):
        queue.let_run()


class TestAKilledTask:
    def kill(self, one: Try, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the triggerer does with the trigger of a task that somebody marked or cleared."""
        trigger = restore(one.deferred)
        trigger.task_instance = one.context["ti"]
        states = {one.context["ti"].run_id: {"etl": state}}
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **_: states)
        asyncio.run(trigger.on_kill())

    def test_its_driver_is_stopped_and_the_run_stays_resumable(
        self, shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
        one = Try(shop)
        self.kill(one, "failed", monkeypatch)
        assert queue.killed == ["application_1_1"]
        state = shop.latest().state
        assert state.status is CheckpointStatus.FAILED
        assert state.failure is not None
        assert "marked or cleared" in state.failure.message
        with pytest.raises(SupersededError):
            queue.let_run()
        two = Try(shop, try_number=2)
        queue.let_run()
        assert two.complete()["components_run"] == ["Extract", "Clean", "Load"]

    def test_a_trigger_that_only_moves_to_another_triggerer_stops_nothing(
        self, shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = Try(shop)
        self.kill(one, "deferred", monkeypatch)
        assert queue.killed == []
        queue.let_run()
        assert one.complete()["components_run"] == ["Extract", "Clean", "Load"]

    def test_a_triggerer_that_ends_stops_nothing_and_the_next_one_goes_on(self, shop: Shop, queue: Queue) -> None:
        one = Try(shop)

        async def end() -> None:
            trigger = restore(one.deferred)
            waiting = asyncio.create_task(event(trigger))
            await asyncio.sleep(0.1)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            await trigger.cleanup()

        asyncio.run(end())
        queue.let_run()
        assert one.complete()["components_run"] == ["Extract", "Clean", "Load"]


def test_a_task_that_takes_longer_than_its_execution_timeout_stops_its_driver(shop: Shop, queue: Queue) -> None:
    one = Try(shop, execution_timeout=timedelta(minutes=5))
    assert one.deferred.timeout == timedelta(minutes=5)
    with pytest.raises(TaskDeferralTimeout):
        one.operator.resume_execution("__fail__", {"error": "Trigger timeout"}, one.context)
    with pytest.raises(SupersededError):
        queue.let_run()


def test_an_unreachable_store_fails_the_task_and_leaves_the_driver_alone(shop: Shop, queue: Queue) -> None:
    one = Try(shop)
    unit = queue.requests[0].unit
    with pytest.raises(CheckpointError, match="did not answer"):
        one.complete({"unit": unit, "attempt_id": "x", "error": "it did not answer", "retry_helps": True})
    queue.let_run()


def test_the_users_commands_run_once_the_job_has_ended(shop: Shop, queue: Queue, tmp_path: Path) -> None:
    done = tmp_path / "done"
    one = Try(shop, post_submit_commands=[f"touch {done}"])
    assert queue.hooks[0]._post_submit_commands_done
    queue.let_run()
    assert not done.exists()
    one.complete()
    assert done.exists()


@pytest.mark.parametrize("fails_at", [None, "Clean"])
def test_the_users_commands_run_once_if_the_driver_ends_before_the_task_defers(
    shop: Shop, queue: Queue, tmp_path: Path, fails_at: str | None
) -> None:
    queue.starts_at_once, queue.fails_at = True, fails_at
    with contextlib.suppress(ComponentFailedError):
        shop.run(deferrable=True, post_submit_commands=[f"sh -c 'echo once >> {tmp_path}/done'"])
    assert shop.latest().state.status is (CheckpointStatus.FAILED if fails_at else CheckpointStatus.COMPLETED)
    assert (tmp_path / "done").read_text(encoding="utf-8") == "once\n"


def test_the_users_commands_run_once_if_the_job_is_not_accepted(shop: Shop, queue: Queue, tmp_path: Path) -> None:
    queue.refuses = True
    with pytest.raises(AirflowException):
        shop.run(deferrable=True, post_submit_commands=[f"sh -c 'echo once >> {tmp_path}/done'"])
    assert (tmp_path / "done").read_text(encoding="utf-8") == "once\n"


@needs_store
def test_a_job_that_the_resource_manager_still_runs_is_found_again_by_the_retry(
    shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker died between the submission and the deferral; with RM tracking the provider knows the job's id."""
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
    Try(shop, yarn_track_via_rm_api=True)
    queue.states = [("RUNNING", "UNDEFINED", "")] * 3
    two = Try(shop, try_number=2, yarn_track_via_rm_api=True)
    assert len(queue.requests) == 1
    queue.let_run()
    assert two.complete()["components_run"] == ["Extract", "Clean", "Load"]


class TestWhereItCannot:
    def test_in_client_mode_deferring_is_an_error_if_requested(self, shop: Shop) -> None:
        with pytest.raises(NotDeferrableError, match="in client mode the driver runs on the worker"):
            shop.run(deferrable=True)
        assert shop.driver.requests == []

    def test_in_client_mode_airflows_default_for_deferring_is_ignored(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spark_pipeline, "_DEFAULT_DEFERRABLE", True)
        assert shop.run()["components_run"] == ["Extract", "Clean", "Load"]

    def test_on_a_standalone_cluster(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(
            "AIRFLOW_CONN_SPARK_DEFAULT", '{"conn_type":"spark","host":"spark://h:7","extra":{"deploy-mode":"cluster"}}'
        )
        with pytest.raises(NotDeferrableError, match="neither YARN nor Kubernetes"):
            shop.run(deferrable=True)

    def test_deferring_is_refused_if_spark_submit_is_configured_to_wait(self, shop: Shop, queue: Queue) -> None:
        with pytest.raises(NotDeferrableError, match="waitAppCompletion=true"):
            shop.run(deferrable=True, conf={"spark.yarn.submit.waitAppCompletion": "true"})


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    yield
    assert [each.name for each in threading.enumerate() if each.name == "progress"] == []


def test_without_deferral_the_task_logs_the_progress_of_a_driver_elsewhere(
    shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_at_once(hook: SparkPipelineSubmitHook, *arguments: Any, **_: Any) -> None:
        queue.submit(hook, *arguments)
        queue.let_run()

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", run_at_once)
    result = shop.run(durable=False)
    assert cast("list[str]", result["components_run"]) == ["Extract", "Clean", "Load"]
    assert "[3/3] Load done in 1.0 s" in capsys.readouterr().out
