"""The task succeeds only if every component is done, whatever the exit code is."""

from __future__ import annotations

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.nightly  # the unit tests show the same without Airflow
@pytest.mark.dag_run("tried_once", b={"1": "call sys exit"})
def test_a_component_that_calls_sys_exit_with_zero_fails_the_task(run: Run) -> None:
    run.wait("failed")
    assert run.started() == "a1 b1"
    assert run.error(1) == (
        "Pipeline 'Four steps' failed at [2/4] b in attempt 1 (1 of 4 done; a retry resumes there): "
        "SystemExit: the component called sys.exit(0); a component ends by returning"
    )


@pytest.mark.dag_run("tried_once", b={"1": "end the process"})
def test_a_driver_that_vanishes_with_exit_code_zero_fails_the_task(run: Run) -> None:
    run.wait("failed")
    assert run.started() == "a1 b1"
    assert "the driver of attempt 1 died at [2/4] b (1 of 4 done; a retry resumes there)" in run.error(1)


@pytest.mark.nightly  # the unit tests show the same without Airflow
@pytest.mark.dag_run("tried_once", b={"1": "stop spark"})
def test_a_component_that_stops_spark_fails_with_that_reason(run: Run) -> None:
    run.wait("failed")
    assert run.started() == "a1 b1"
    assert "failed at [2/4] b in attempt 1" in run.error(1)
    assert "b stopped the Spark session, which belongs to the whole pipeline" in run.error(1)


@pytest.mark.nightly  # the unit tests show the same without Airflow
@pytest.mark.dag_run("tried_once", b={"1": "leave a thread"})
def test_a_thread_that_a_component_leaves_running_fails_it_and_does_not_keep_the_driver_alive(run: Run) -> None:
    run.wait("failed", tries=1)
    assert run.ended() == "a1 b1"
    assert "forgotten" in run.error(1)
    last = run.entries("end")[-1]
    wait_for("the end of the driver", lambda: not is_running(last.pid) and not is_running(last.parent), seconds=10)
