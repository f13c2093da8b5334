"""``kill -9`` of everything that can die on the worker, at moments that the test chooses; the retry goes on from there.

The processes are a chain: Airflow's worker, the task's process, Spark's JVM, the driver's Python, in which the
component notes its own pid and its parent's.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, parent_of, wait_for
from tests.acceptance.ledger import Entry

_DRIVER_SECONDS = 20.0  # from a death to the end of all of the driver; a busy machine is slow


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def await_end_of_driver(entry: Entry) -> None:
    """Its Python and its JVM are both gone: neither works on behind the back of the next try."""
    wait_for(
        "the end of the driver", lambda: not any(map(is_running, (entry.pid, entry.parent))), seconds=_DRIVER_SECONDS
    )


def assert_that_b_was_run_again_and_nothing_else(run: Run) -> None:
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"


@pytest.mark.dag_run("dies_unheard", dies="before it cleans up")
def test_a_success_that_airflow_never_heard_of_is_reported_and_not_run_again(run: Run) -> None:
    """The worker is lost when the driver is done and the operator has not cleaned up yet."""
    assert_that_the_unheard_success_is_reported(run)


@pytest.mark.dag_run("dies_unheard", dies="before it reports")
def test_a_success_is_not_run_again_when_the_worker_dies_between_clean_up_and_report(run: Run) -> None:
    """Only the last commit is left then, and it is enough."""
    assert_that_the_unheard_success_is_reported(run)


def assert_that_the_unheard_success_is_reported(run: Run) -> None:
    task = run.wait_for_marker()
    worker = parent_of(task)
    assert run.ended() == "a1 b1 c1 d1"
    kill(worker, task)  # the worker first: nobody is left to tell Airflow

    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 d1"
    assert any(line.endswith("attempt 1 completed the pipeline; nothing runs") for line in run.log(2))
    assert run.xcom()["components_run"] == ["a", "b", "c", "d"]
    assert run.xcom()["attempt"] == 1


@pytest.mark.dag_run("retried", b={"1": "wait in python"})
def test_the_death_of_the_drivers_python_resumes_at_the_component_that_was_running(run: Run) -> None:
    entry = run.wait_for_start("b", 1)
    kill(entry.pid)
    await_end_of_driver(entry)
    assert_that_b_was_run_again_and_nothing_else(run)
    assert "the driver of attempt 1 died at [2/4] b (1 of 4 done; a retry resumes there)" in run.error(1)


@pytest.mark.dag_run("retried", b={"1": "wait in python"})
def test_the_death_of_the_jvm_ends_a_component_that_does_not_use_spark(run: Run) -> None:
    """Without the lifeline, Python would work on alone, at the same time as the next try."""
    entry = run.wait_for_start("b", 1)
    kill(entry.parent)
    await_end_of_driver(entry)
    assert_that_b_was_run_again_and_nothing_else(run)
    assert "the driver of attempt 1 died at [2/4] b (1 of 4 done; a retry resumes there)" in run.error(1)


@pytest.mark.dag_run("retried", b={"1": "wait in spark"})
def test_the_death_of_the_jvm_under_a_spark_call_is_no_failure_of_the_component(run: Run) -> None:
    entry = run.wait_for_start("b", 1)
    kill(entry.parent)
    await_end_of_driver(entry)
    assert_that_b_was_run_again_and_nothing_else(run)
    assert "the driver of attempt 1 died at [2/4] b (1 of 4 done; a retry resumes there)" in run.error(1)


@pytest.mark.dag_run("retried", b={"1": "wait in python"})
def test_the_death_of_the_task_ends_its_driver_and_the_retry_resumes(run: Run) -> None:
    entry = run.wait_for_start("b", 1)
    kill(parent_of(entry.parent))
    await_end_of_driver(entry)
    assert_that_b_was_run_again_and_nothing_else(run)


@pytest.mark.dag_run("retried", b={"1": "wait in python"})
def test_clearing_a_running_task_ends_its_driver_and_the_next_try_resumes(run: Run) -> None:
    entry = run.wait_for_start("b", 1)
    run.clear()
    await_end_of_driver(entry)
    assert_that_b_was_run_again_and_nothing_else(run)
