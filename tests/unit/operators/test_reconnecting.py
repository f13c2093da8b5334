"""YARN's cluster mode, where the provider finds the application of an earlier try again: what this operator adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointStoreError, ComponentFailedError, SparkInstallationError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from tests.airflows import needs_store
from tests.unit.operators.shop import ASKABLE, YARN, Queue, Shop

RUNNING, SUCCEEDED = ("RUNNING", "UNDEFINED", ""), ("FINISHED", "SUCCEEDED", "")


@pytest.fixture
def lost_try(shop: Shop, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> RunLog:
    """A try whose worker died while its driver, ``application_1_1``, was running; returns the log."""
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
    queue.states = [("FAILED", "FAILED", "")]
    with pytest.raises(RuntimeError):
        shop.run(yarn_track_via_rm_api=True)
    log, latest = RunLog(open_store(queue.requests[0].location), queue.requests[0].unit), shop.latest()
    log.append(latest, replace(latest.state, status=CheckpointStatus.RUNNING))
    log.store.write(f"{log.path}/hb-1", b"{}")
    assert shop.store.get(SparkPipelineOperator.external_id_key) == "application_1_1"
    return log


@needs_store
def test_a_try_that_is_stopped_stops_the_application_that_it_found_again(
    shop: Shop, queue: Queue, lost_try: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's own operator forgets it: YARN would run the driver on, with nobody waiting."""
    operator = shop.operator(yarn_track_via_rm_api=True)
    asked = []

    def answer(hook: SparkSubmitHook, application: str) -> tuple[str, str, str]:
        asked.append(application)
        if len(asked) == 1:
            return RUNNING
        operator.on_kill()
        return ("KILLED", "KILLED", "")

    monkeypatch.setattr(SparkSubmitHook, "_query_yarn_application_status", answer)
    context = shop.context(operator, 2)
    operator.render_template_fields(context)
    with pytest.raises(ComponentFailedError, match=r"the driver of attempt 1 died at \[1/3\] Extract"):
        operator.execute(context)
    assert asked == ["application_1_1"] * 2
    assert set(queue.killed) == {"application_1_1"}
    assert len(queue.requests) == 1


@needs_store
@pytest.mark.parametrize(("state", "killed"), [(RUNNING, ["application_1_1"]), (SUCCEEDED, [])])
def test_a_silent_drivers_application_is_ended_before_the_next_one_is_submitted(
    shop: Shop,
    queue: Queue,
    lost_try: RunLog,
    monkeypatch: pytest.MonkeyPatch,
    state: tuple[str, str, str],
    killed: list[str],
) -> None:
    """A lost machine is YARN's for ten minutes more; its other containers are held for nothing."""
    lost_try.store.delete(f"{lost_try.path}/hb-1")
    killed_before = []

    def run_at_once(hook: SparkPipelineSubmitHook, *arguments: Any, **_: Any) -> None:
        killed_before.extend(queue.killed)
        queue.submit(hook, *arguments)
        queue.let_run()

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", run_at_once)
    queue.states = [state, SUCCEEDED]
    result = shop.run(try_number=2, yarn_track_via_rm_api=True)
    assert result["components_run"] == ["Extract", "Clean", "Load"]
    assert killed_before == killed
    assert shop.store.get(SparkPipelineOperator.external_id_key) == "application_1_2"


@needs_store
def test_an_unreachable_resource_manager_does_not_stop_the_retry(
    shop: Shop, queue: Queue, lost_try: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost_try.store.delete(f"{lost_try.path}/hb-1")

    def run_at_once(hook: SparkPipelineSubmitHook, *arguments: Any, **_: Any) -> None:
        queue.submit(hook, *arguments)
        queue.let_run()
        queue.states = [SUCCEEDED]

    def answer(hook: SparkSubmitHook, application: str) -> tuple[str, str, str]:
        if not queue.states:
            raise RuntimeError("no route to host")
        return queue.states.pop(0)

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", run_at_once)
    monkeypatch.setattr(SparkSubmitHook, "_query_yarn_application_status", answer)
    assert shop.run(try_number=2, yarn_track_via_rm_api=True)["components_run"] == ["Extract", "Clean", "Load"]


@needs_store
def test_an_unreachable_driver_is_not_reported_as_dead(
    shop: Shop, queue: Queue, lost_try: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(hook: SparkSubmitHook, application: str) -> tuple[str, str, str]:
        raise RuntimeError(f"YARN RM REST API request for application {application} failed: no route to host")

    monkeypatch.setattr(SparkSubmitHook, "_query_yarn_application_status", answer)
    with pytest.raises(RuntimeError, match="no route to host"):
        shop.run(try_number=2, yarn_track_via_rm_api=True)
    assert len(queue.requests) == 1


@needs_store
def test_yarns_report_about_a_drivers_end_is_in_the_log(
    shop: Shop, queue: Queue, lost_try: RunLog, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.states = [RUNNING, ("FAILED", "FAILED", "Container killed: beyond its memory limits")]
    with pytest.raises(ComponentFailedError, match="the driver of attempt 1 died"):
        shop.run(try_number=2, yarn_track_via_rm_api=True)
    assert "Container killed: beyond its memory limits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (6, SparkInstallationError, "needs 3.10 or newer there"),
        (4, CheckpointStoreError, "could not record its progress at "),
        (1, RuntimeError, "exited with status 1"),
    ],
)
def test_a_driver_that_ended_without_recording_a_reason_is_explained_by_its_exit_code(
    shop: Shop,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % ASKABLE)
    said = f"AM Container exited. (reason: User application exited with status {status})"
    queue.states = [("FAILED", "FAILED", said)]
    with pytest.raises(error, match=words) as raised:
        shop.run(yarn_track_via_rm_api=True)
    if status != 1:
        assert str(raised.value).endswith("yarn logs -applicationId application_1_1")
        assert said in capsys.readouterr().out
