"""Spark Connect under a real Airflow: whatever dies, the next try resumes, and nothing of the dead is at work by then.

The processes are a chain: Airflow's worker, the task's process, the driver. What the driver's operation does on the
server is seen by the marks that it leaves in a file.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, is_running, parent_of, wait_for
from tests.acceptance.ledger import Entry
from tests.connect_server import TOKEN, ConnectServer

pytestmark = [pytest.mark.airflow, pytest.mark.spark, pytest.mark.timeout(1800)]

_DAGS = Path(__file__).with_name("dags")
_SECONDS = 900.0


@pytest.fixture(scope="module")
def deployment(
    connect_server: ConnectServer, airflow_db: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    airflow = Deployment(
        tmp_path_factory.mktemp("airflow"),
        airflow_db / "airflow.db",
        {"engines": _DAGS},
        connections={"connect": connect_server.connection},
    )
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def client(deployment: Deployment) -> Iterator[Client]:
    client = Client(deployment)
    yield client
    client.close()


def _kill_driver(entry: Entry, run: Run) -> None:
    os.kill(entry.pid, signal.SIGKILL)


def _kill_task(entry: Entry, run: Run) -> None:
    os.kill(entry.parent, signal.SIGKILL)


def _kill_worker(entry: Entry, run: Run) -> None:
    """The worker first: nobody is left to tell Airflow."""
    worker = parent_of(entry.parent)
    os.kill(worker, signal.SIGKILL)
    os.kill(entry.parent, signal.SIGKILL)


def _mark_failed(entry: Entry, run: Run) -> None:
    run.set_state("failed")


@pytest.mark.parametrize("death", [_kill_driver, _kill_task, _kill_worker, _mark_failed])
def test_an_operation_has_ended_on_the_server_before_the_next_try_starts_a_component(
    death: Callable[[Entry, Run], None], client: Client
) -> None:
    run = Run(client, "on_connect", death.__name__.strip("_"), {"b": {"1": "wait on a server"}}, "pipeline")
    run.trigger()
    entry = run.wait_for_start("b", 1, seconds=_SECONDS)
    marks = run.ledger.with_name(f"{run.ledger.name}.marks")
    wait_for("the operation's marks", marks.exists, seconds=_SECONDS)

    death(entry, run)
    wait_for("the end of the driver", lambda: not is_running(entry.pid), seconds=120)
    if death is _mark_failed:
        run.wait("failed", seconds=_SECONDS)
        run.clear()
    run.wait("success", seconds=_SECONDS)

    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    again = run.wait_for_start("b", 2)
    assert float(marks.read_text(encoding="utf-8").splitlines()[-1]) < again.time
    log = "\n".join(run.log(run.tries))
    assert "[2/6] made skipped (done in attempt 1; restored made)" in log
    assert ("Interrupted what attempt 1" in log) == (death is not _mark_failed)


def test_a_component_that_fails_is_tried_again_alone_and_the_token_shows_nowhere(
    client: Client, deployment: Deployment
) -> None:
    run = Run(client, "on_connect", "fails", {"b": {"1": "fail"}}, "pipeline")
    run.trigger()
    run.wait("success", tries=2, seconds=_SECONDS)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert TOKEN not in run.all_logs()
    kept = [path for path in deployment.checkpoints.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []


def test_a_server_that_is_killed_and_started_again_fails_the_attempt_in_words_and_the_retry_resumes(
    client: Client, connect_server: ConnectServer
) -> None:
    """Last: the sessions of whatever else runs meanwhile are lost as well."""
    run = Run(client, "on_connect", "server", {"b": {"1": "wait on a server"}}, "pipeline")
    run.trigger()
    run.wait_for_start("b", 1, seconds=_SECONDS)
    marks = run.ledger.with_name(f"{run.ledger.name}.marks")
    wait_for("the operation's marks", marks.exists, seconds=_SECONDS)

    connect_server.kill()
    connect_server.start()
    run.wait("success", seconds=_SECONDS)

    assert run.started() == "a1 b1 b2 c2 d2"
    assert "failed at [3/6] b in attempt 1" in run.error(1)
    assert "INVALID_HANDLE" in run.error(1)
