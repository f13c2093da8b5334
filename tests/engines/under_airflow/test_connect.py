"""Spark Connect under a real Airflow: after any death, the next try resumes once the dead driver's work has ended.

The processes are a chain: Airflow's worker, the task's process, the driver. What the driver's operation does on the
server is seen by the marks that it leaves in a file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.client import Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import Deployment, is_running, parent_of, wait_for
from tests.acceptance.ledger import Entry
from tests.connect_server import TOKEN, ConnectServer
from tests.engines.under_airflow.conftest import SECONDS, assert_result, kill


def _await_marks(run: Run) -> Path:
    marks = run.ledger.with_name(f"{run.ledger.name}.marks")
    wait_for("the operation's marks", marks.exists, seconds=SECONDS)
    return marks


def _kill_driver(entry: Entry, run: Run) -> None:
    kill(entry.pid)


def _kill_task(entry: Entry, run: Run) -> None:
    kill(entry.parent)


def _kill_worker(entry: Entry, run: Run) -> None:
    """The worker first: nobody is left to tell Airflow."""
    kill(parent_of(entry.parent), entry.parent)


def _mark_failed(entry: Entry, run: Run) -> None:
    run.set_state("failed")


@pytest.mark.parametrize("death", [_kill_driver, _kill_task, _kill_worker, _mark_failed])
@pytest.mark.dag_run("crew_on_connect", b={"1": "wait on a server"})
def test_an_operation_has_ended_on_the_server_before_the_next_try_starts_a_component(
    death: Callable[[Entry, Run], None], run: Run
) -> None:
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    marks = _await_marks(run)

    death(entry, run)
    wait_for("the end of the driver", lambda: not is_running(entry.pid), seconds=120)
    if death is _mark_failed:
        run.wait("failed", seconds=SECONDS)
        run.clear()
    run.wait("success", seconds=SECONDS)

    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    again = run.wait_for_start("b", 2)
    assert float(marks.read_text(encoding="utf-8").splitlines()[-1]) < again.time
    log = "\n".join(run.log(run.tries))
    assert "[1/4] a skipped (done in attempt 1; restored numbers)" in log
    assert ("Interrupted what attempt 1" in log) == (death is not _mark_failed)
    assert_result(run)


@pytest.mark.dag_run("crew_on_connect", b={"1": "fail"})
def test_a_component_that_fails_is_tried_again_alone_and_the_token_shows_nowhere(
    run: Run, deployment: Deployment
) -> None:
    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert TOKEN not in run.all_logs()
    kept = [path for path in deployment.checkpoints.rglob("*") if path.is_file()]
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []


def test_a_server_with_another_python_is_named_and_a_clear_resumes_once_it_has_the_right_one(
    runs: Runs, dying_server: ConnectServer, other_python: Path, pythons: dict[str, Path]
) -> None:
    dying_server.python = other_python
    dying_server.start()
    run = runs.start("crew_on_restarted_server", "other-python")
    run.wait("failed", tries=4, seconds=SECONDS)
    assert run.started() == "a1 b1 b2 b3 b4"
    assert "PYTHON_VERSION_MISMATCH" in run.error(1)

    dying_server.stop()
    dying_server.python = pythons["own"]
    dying_server.start()
    run.clear()
    run.wait("success", seconds=SECONDS)
    assert run.started() == "a1 b1 b2 b3 b4 b5 c5 d5"
    assert_result(run)


def test_a_server_that_is_killed_and_started_again_fails_the_attempt_with_a_clear_error_and_the_retry_resumes(
    runs: Runs, dying_server: ConnectServer
) -> None:
    dying_server.python = None
    dying_server.start()
    run = runs.start("crew_on_restarted_server", "server", b={"1": "wait on a server"})
    run.wait_for_start("b", 1, seconds=SECONDS)
    _await_marks(run)

    dying_server.kill()
    dying_server.start()
    run.wait("success", seconds=SECONDS)

    assert run.started() == "a1 b1 b2 c2 d2"
    assert "failed at [2/4] b in attempt 1" in run.error(1)
    assert "INVALID_HANDLE" in run.error(1)
    assert_result(run)
