"""The deferred operator on a real YARN in cluster mode: the triggerer waits for the driver, not a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, is_running, wait_for
from tests.engines.clusters import Yarn
from tests.engines.under_airflow.conftest import SECONDS, assert_result, await_end, kill

_POOL = "deferred"


@pytest.fixture(scope="module", autouse=True)
def triggerer(deployment: Deployment, client: Client) -> Iterator[None]:
    """A triggerer, and a pool for the tasks that are deferred: other tasks run beside them."""
    client.post("/pools", {"name": _POOL, "slots": 6})
    deployment.start_triggerer()
    yield
    deployment.stop_triggerer()


@pytest.mark.dag_run("crew_on_yarn_cluster_deferred", b={"1": "fail"}, c={"2": "wait in python"})
def test_a_component_fails_and_a_driver_is_killed_and_each_retry_resumes(run: Run, client: Client) -> None:
    waiting = run.wait_for_start("c", 2, seconds=SECONDS)

    # No worker slot is taken while the driver is running.
    _await_state(run, "deferred")
    assert client.get(f"/pools/{_POOL}")["occupied_slots"] == 0

    kill(waiting.pid, waiting.parent)
    run.wait("success", tries=3, seconds=SECONDS)
    assert run.started() == "a1 b1 b2 c2 c3 d3"
    assert run.ended() == "a1 b2 c3 d3"
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert "the driver of attempt 2 died at [3/4] c" in run.error(2)
    assert run.xcom()["components_run"] == ["c", "d"]
    assert_result(run)
    # The task's log tells what a driver elsewhere did.
    log = "\n".join(run.log(3))
    assert "[1/4] a skipped (done in attempt 1)" in log
    assert "[4/4] d done in" in log
    _assert_that_nothing_stays_behind(run)


@pytest.mark.dag_run("crew_on_yarn_cluster_deferred", b={"1": "wait in python"})
def test_a_killed_triggerer_stops_nothing_and_a_killed_task_stops_its_driver(
    run: Run, deployment: Deployment, yarn: Yarn
) -> None:
    waiting = run.wait_for_start("b", 1, seconds=SECONDS)
    _await_state(run, "deferred")

    deployment.kill_triggerer()
    deployment.start_triggerer()
    trigger = wait_for("the next triggerer to take over", lambda: _triggerer(run), seconds=120)
    assert trigger["hostname"]
    assert is_running(waiting.pid)
    assert run.details()["state"] == "deferred"

    run.set_state("failed")
    await_end(waiting.pid)
    wait_for("YARN to say so", lambda: [each[0] for each in yarn.states(run.run_id)] == ["KILLED"], seconds=60)

    run.clear(only_failed=True)
    run.wait("success", seconds=SECONDS)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    assert_result(run)
    _assert_that_nothing_stays_behind(run)


def _await_state(run: Run, state: str) -> None:
    wait_for(f"{run} to be {state}", lambda: run.details()["state"] == state or None, seconds=SECONDS)


def _triggerer(run: Run) -> dict[str, str] | None:
    """Who runs the trigger of a deferred task now, once that is a living triggerer."""
    job = run.details().get("triggerer_job")
    return job if job and job["state"] == "running" else None


def _assert_that_nothing_stays_behind(run: Run) -> None:
    """Requests, which hold secrets, are gone from the worker."""
    files = run.client.deployment.temporary.glob("spark-pipeline-*/**/*.json")
    assert [file for file in files if run.run_id in file.read_text(encoding="utf-8")] == []
