"""Deaths at moments that a kill from outside rarely hits; see also the kill matrix."""

from __future__ import annotations

import os
import signal

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, parent_of, wait_for
from tests.airflows import survives_lost_workers

pytestmark = pytest.mark.slow

_DRIVER_SECONDS = 40.0  # from a death to the end of all of the driver; a busy machine is slow


@survives_lost_workers
@pytest.mark.dag_run("dies_unheard", dies="before it cleans up")
def test_an_unreported_success_is_reported_and_not_run_again(run: Run) -> None:
    """The worker is lost when the driver is done and the operator has not cleaned up yet."""
    assert_that_the_unheard_success_is_reported(run)


@pytest.mark.nightly
@survives_lost_workers
@pytest.mark.dag_run("dies_unheard", dies="before it reports")
def test_a_success_is_not_run_again_when_the_worker_dies_between_clean_up_and_report(run: Run) -> None:
    """Only the last commit is left then, and it is enough."""
    assert_that_the_unheard_success_is_reported(run)


def assert_that_the_unheard_success_is_reported(run: Run) -> None:
    task = run.wait_for_marker()
    worker = parent_of(task)
    assert run.ended() == "a1 b1 c1 d1"
    for pid in (worker, task):  # the worker first: nobody is left to tell Airflow
        os.kill(pid, signal.SIGKILL)

    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 d1"
    assert any(line.endswith("attempt 1 completed the pipeline; nothing runs") for line in run.log(2))
    assert run.xcom()["components_run"] == ["a", "b", "c", "d"]
    assert run.xcom()["attempt"] == 1


@pytest.mark.nightly
@pytest.mark.dag_run("retried", b={"1": "wait in spark"})
def test_the_death_of_the_jvm_under_a_spark_call_is_no_failure_of_the_component(run: Run) -> None:
    entry = run.wait_for_start("b", 1)
    os.kill(entry.parent, signal.SIGKILL)
    wait_for(
        "the end of the driver", lambda: not any(map(is_running, (entry.pid, entry.parent))), seconds=_DRIVER_SECONDS
    )
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    assert "the driver of attempt 1 died at [2/4] b (1 of 4 done; a retry resumes there)" in run.error(1)
