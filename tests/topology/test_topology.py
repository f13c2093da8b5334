"""The stack of ``docker-compose.yaml`` running, and one of its machines lost.

What the loss shows: all that ran on a Celery worker's machine (the worker, the task, ``spark-submit``, the JVM, the
driver) ends at one moment by SIGKILL of the first process in its PID namespace, as containers end. The process ids
mean nothing on the other machine, so its retry rests on the lease, not on looking for processes. What it does not show:
a machine that goes on without a network. Both share this host's network, disk and clock.
"""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import wait_for
from tests.acceptance.nycflights import assert_try_fails_at_the_outage, assert_try_goes_on_from_there
from tests.topology.stack import Stack

WORKERS = ("airflow-worker-1", "airflow-worker-2")


def start(client: Client, dag_id: str, task_id: str) -> Run:
    run = Run(client, dag_id, f"{dag_id}-1", {}, task_id)
    run.trigger()
    return run


def test_every_service_passes_its_health_check(stack: Stack) -> None:
    assert [name for name in stack.checked if not stack.is_healthy(name)] == []


def test_the_password_of_the_first_user_is_the_one_that_was_set(stack: Stack) -> None:
    answer = httpx.post(f"{stack.url}/auth/token", json={"username": "ada", "password": "airflow"}, timeout=60.0)
    assert answer.status_code == httpx.codes.UNAUTHORIZED


def test_the_example_runs_on_the_cluster_and_resumes_after_its_outage(client: Client) -> None:
    run = start(client, "nycflights", "delays")
    run.wait("success", tries=2)
    assert_try_fails_at_the_outage(run, 1)
    assert_try_goes_on_from_there(run, 2)


def test_the_example_of_ready_made_components_leaves_its_result_where_the_executors_wrote_it(
    stack: Stack, client: Client
) -> None:
    import pandas as pd

    start(client, "ready_made", "revenue").wait("success", tries=1)
    written = pd.read_parquet(stack.data / "examples" / "revenue_by_country")
    assert written["orders"].sum() == 8


@pytest.fixture(scope="module")
def loss(stack: Stack, client: Client, token: str) -> dict[str, Any]:
    """The machine under a running component is lost; what can be seen of it, and what comes after."""
    run = start(client, "machines", "pipeline")
    run.wait_for_start("c", 1)
    lost = run.details()["hostname"]
    stack.kill(lost)
    killed = time.monotonic()
    page = wait_for(
        "the page to show the run as dead",
        lambda: _dead(stack, token),
        seconds=300,
        every=1.0,
        alive=stack.check,
    )
    again = run.wait_for_start("c", 2)
    seconds = time.monotonic() - killed
    run.wait("success")
    print(f"\nlost {lost}; c started again after {seconds:.0f} s")  # noqa: T201  # measured, not asserted
    return {"run": run, "lost": lost, "page": page, "again": again}


def test_the_page_lists_the_run_while_nobody_works_on_it(loss: dict[str, Any]) -> None:
    listed = loss["page"]
    assert (listed["dag_id"], listed["current_components"]) == ("machines", ["c"])
    assert [piece["state"] for piece in listed["pieces"]] == ["done", "done", "interrupted", "pending"]


def test_the_next_try_runs_on_the_other_machine(loss: dict[str, Any]) -> None:
    (other,) = set(WORKERS) - {loss["lost"]}
    assert loss["run"].details()["hostname"] == other
    hosts = {entry.attempt: entry.details["host"] for entry in loss["run"].entries("start")}
    assert hosts == {1: loss["lost"], 2: other}


def test_each_machine_had_its_own_process_ids(loss: dict[str, Any]) -> None:
    namespaces = {entry.attempt: entry.details["namespace"] for entry in loss["run"].entries("start")}
    assert len(set(namespaces.values())) == 2


def test_completed_components_do_not_run_again(loss: dict[str, Any]) -> None:
    run: Run = loss["run"]
    assert run.started() == "a1 b1 c1 c2 d2"
    assert run.try_states() == ["failed", "success"]
    assert run.steps(2)[:2] == [
        "[1/4] a skipped (done in attempt 1; restored numbers)",
        "[2/4] b skipped (done in attempt 1; restored squares)",
    ]


def test_the_result_uses_the_output_saved_by_the_lost_machine(stack: Stack, loss: dict[str, Any]) -> None:
    result = stack.data / "examples" / "results" / f"{loss['run'].run_id}.json"
    assert json.loads(result.read_text()) == {"rows": 1000, "sum": sum(n * n for n in range(1000))}


def _dead(stack: Stack, token: str) -> dict[str, Any] | None:
    answer = httpx.get(
        f"{stack.url}/spark-pipeline/api/runs",
        params={"dag_id": "machines"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60.0,
    )
    runs: list[dict[str, Any]] = answer.raise_for_status().json()["runs"]
    return next((run for run in runs if run["state"] == "dead"), None)
