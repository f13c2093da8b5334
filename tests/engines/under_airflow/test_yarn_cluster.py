"""YARN's cluster mode: a retry reconnects to a live driver, and resumes after a dead one.

For each kill the resource manager's list shows exactly the applications, and their attempts, that there have to be: the
application has the name of the DAG run.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, parent_of, wait_for
from tests.engines.clusters import Yarn
from tests.engines.under_airflow.conftest import (
    LEASE_SECONDS,
    SECONDS,
    assert_result,
    assert_that_nobody_else_was_running,
    await_end,
    give_sign,
    kill,
    task_process,
)

SUCCEEDED = ("FINISHED", "SUCCEEDED", 1)
DIED = ("FAILED", "FAILED", 1)
FAILED = ("FINISHED", "FAILED", 1)  # its last attempt said so itself
KILLED = ("KILLED", "KILLED", 1)


@pytest.mark.parametrize("victim", ["task", "worker and task"])
@pytest.mark.dag_run("crew_on_yarn_cluster", b={"1": "wait for a sign"})
def test_a_killed_task_leaves_its_driver_alive_and_the_retry_reconnects(victim: str, run: Run, yarn: Yarn) -> None:
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    task = task_process(run)
    kill(*([parent_of(task)] if victim != "task" else []), task)
    await_log(run, 2, "Reconnecting to existing job")
    assert is_running(entry.pid)

    give_sign(run, "b")
    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == run.ended() == "a1 b1 c1 d1"
    assert yarn.states(run.run_id) == [SUCCEEDED]
    assert_result(run)
    # The second try tells what became of the driver that the first one had started.
    steps = run.steps(2)
    assert [step.rpartition(" done in ")[0] for step in steps] == ["[1/4] a", "[2/4] b", "[3/4] c", "[4/4] d"]


@pytest.mark.parametrize("victim", ["Python", "container"])
@pytest.mark.dag_run("crew_on_yarn_cluster", c={"1": "wait in python"})
def test_a_killed_driver_is_followed_by_a_second_application_that_resumes(victim: str, run: Run, yarn: Yarn) -> None:
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    kill(*([entry.parent] if victim == "container" else []), entry.pid)
    await_end(entry.pid, entry.parent)

    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == "a1 b1 c1 c2 d2"
    assert yarn.states(run.run_id) == [DIED if victim == "container" else FAILED, SUCCEEDED]
    assert "the driver of attempt 1 died at [3/4] c (2 of 4 done; a retry resumes there)" in run.error(1)
    assert_result(run)
    assert_that_nobody_else_was_running(run)


@pytest.mark.dag_run("crew_on_yarn_cluster_twice", c={"1": "wait for a sign"})
def test_a_driver_that_yarn_runs_again_resumes_in_the_same_application(run: Run, yarn: Yarn) -> None:
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    kill(entry.pid, entry.parent)
    await_end(entry.pid, entry.parent)
    give_sign(run, "c")

    run.wait("success", tries=1, seconds=SECONDS)
    assert run.started() == "a1 b1 c1 c1 d1"
    assert run.ended() == "a1 b1 c1 d1"
    assert yarn.states(run.run_id) == [("FINISHED", "SUCCEEDED", 2)]
    assert_result(run)
    assert_that_nobody_else_was_running(run)


@pytest.mark.dag_run("crew_on_yarn_cluster_twice", b={"1": "fail"})
def test_a_failure_that_yarn_repeats_is_resumed_by_the_retry(run: Run, yarn: Yarn) -> None:
    """YARN takes a failed component for a driver that died: it runs the driver again, which resumes there, once."""
    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == "a1 b1 b1 b2 c2 d2"
    assert yarn.states(run.run_id) == [("FINISHED", "FAILED", 2), SUCCEEDED]
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert_result(run)


@pytest.mark.parametrize("how", ["mark failed", "clear"])
@pytest.mark.dag_run("crew_on_yarn_cluster", c={"1": "wait in python"})
def test_a_task_that_is_stopped_by_hand_ends_its_application(how: str, run: Run, yarn: Yarn) -> None:
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    if how == "clear":
        run.clear()
    else:
        run.set_state("failed")
    await_end(entry.pid, entry.parent)
    wait_for("YARN to say so", lambda: yarn.states(run.run_id)[0] == KILLED, seconds=120)
    if how != "clear":
        run.wait("failed")
        run.clear()

    run.wait("success", seconds=SECONDS)
    assert run.started() == "a1 b1 c1 c2 d2"
    assert yarn.states(run.run_id) == [KILLED, SUCCEEDED]
    assert_result(run)
    assert_that_nobody_else_was_running(run)


@pytest.mark.dag_run("crew_on_yarn_cluster", c={"1": "wait in python"})
def test_a_task_that_had_reconnected_ends_the_application_as_well(run: Run, yarn: Yarn) -> None:
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    kill(task_process(run))
    await_log(run, 2, "Tracking YARN application")
    run.set_state("failed")
    await_end(entry.pid, entry.parent)
    wait_for("YARN to say so", lambda: yarn.states(run.run_id) == [KILLED], seconds=120)

    run.clear()
    run.wait("success", seconds=SECONDS)
    assert run.started() == "a1 b1 c1 c2 d2"
    assert yarn.states(run.run_id) == [KILLED, SUCCEEDED]


@pytest.mark.dag_run("crew_on_yarn_cluster", c={"1": "wait in python"})
def test_a_driver_that_is_frozen_is_not_reconnected_to_but_ended(run: Run, yarn: Yarn) -> None:
    """YARN takes it for alive. Its lease says otherwise, and its containers would be held for nothing."""
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    os.kill(entry.pid, signal.SIGSTOP)
    time.sleep(2 * LEASE_SECONDS)  # until nobody can take its last heartbeat for a sign of life
    kill(task_process(run))

    run.wait("success", tries=None, seconds=SECONDS)
    assert run.started().startswith("a1 b1 c1 c")
    assert run.started().count("a") == run.started().count("b") == 1
    assert yarn.states(run.run_id) == [KILLED, SUCCEEDED]
    assert not is_running(entry.pid)
    assert_result(run)
    assert_that_nobody_else_was_running(run)


def await_log(run: Run, try_number: int, text: str) -> None:
    """Wait until the log of a try says something."""

    def says() -> bool:
        return run.tries >= try_number and any(text in line for line in run.log(try_number))

    wait_for(f"{text!r} in the log of try {try_number} of {run}", says, seconds=SECONDS, every=2.0)
