"""Apache Livy is killed or stopped while a batch runs, and started again, with and without recovery."""

from __future__ import annotations

import json

import pytest

from tests.acceptance.client import Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import is_running, wait_for
from tests.engines.under_airflow.conftest import assert_that_nobody_else_was_running, await_end, task_process
from tests.platforms.under_airflow.expected import (
    assert_that_b_was_run_again_in_a_new_job,
    assert_that_one_job_runs_everything_once,
    await_log,
    kill_worker,
)
from tests.platforms.under_airflow.platforms import Livy

_DAG = "steps_on_livy_that_dies"  # no run of it may be on its way while another test restarts Livy
without_recovery = pytest.mark.parametrize("platform", ["livy_that_dies"], indirect=True)
with_recovery = pytest.mark.parametrize("platform", ["livy_that_recovers"], indirect=True)


@without_recovery
def test_a_batch_that_livy_forgot_after_a_kill_runs_to_its_end(platform: Livy, runs: Runs) -> None:
    run = runs.start(_DAG, "forgotten", b={"1": "wait for a file"})
    waiting = run.wait_for_start("b", 1)
    platform.server.kill()
    platform.server.start()
    assert platform.server.batches() == []
    assert is_running(waiting.pid)
    assert_that_one_job_runs_everything_once(run, platform, tries=1)


@without_recovery
def test_a_batch_that_has_the_id_of_a_forgotten_one_is_left_alone(platform: Livy, runs: Runs) -> None:
    platform.server.kill()
    platform.server.start()
    one = runs.start(_DAG, "one", b={"1": "wait in python"})
    forgotten = one.wait_for_start("b", 1)
    platform.server.kill()
    platform.server.start()
    other = runs.start(_DAG, "other", b={"1": "wait for a file"})
    other.wait_for_start("b", 1)
    assert batch_of(one) == batch_of(other) == 0

    one.set_state("failed")
    await_end(*platform.processes(forgotten))
    one.clear()
    assert_that_b_was_run_again_in_a_new_job(one, platform)
    assert_that_one_job_runs_everything_once(other, platform, tries=1)


@without_recovery
def test_a_livy_that_is_stopped_ends_its_batches_and_the_retry_resumes(platform: Livy, runs: Runs) -> None:
    run = runs.start(_DAG, "ended", b={"1": "wait in python"})
    waiting = run.wait_for_start("b", 1)
    platform.server.stop()
    await_end(*platform.processes(waiting))
    platform.server.start()
    run.wait("success")
    attempt = run.xcom()["attempt"]  # a try that Livy did not answer has claimed one, too
    assert run.started() == "a1 b1 " + " ".join(f"{name}{attempt}" for name in "bcd")
    assert_that_nobody_else_was_running(run)


@with_recovery
def test_a_batch_that_livy_recovers_is_found_again_after_the_death_of_a_worker(platform: Livy, runs: Runs) -> None:
    run = runs.start("steps_on_livy_that_recovers", "found", b={"1": "wait for a file"})
    waiting = run.wait_for_start("b", 1)
    platform.server.kill()
    platform.server.start()
    kill_worker(task_process(run))
    await_log(run, 2, "of an earlier try is still running; waiting for it")
    assert is_running(waiting.pid)
    assert_that_one_job_runs_everything_once(run, platform, tries=2)


@with_recovery
def test_a_batch_that_livy_recovers_is_cancelled_with_its_task(platform: Livy, runs: Runs) -> None:
    run = runs.start("steps_on_livy_that_recovers", "cancelled", b={"1": "wait in python"})
    waiting = run.wait_for_start("b", 1)
    platform.server.kill()
    platform.server.start()
    run.set_state("failed")
    await_end(*platform.processes(waiting))
    assert platform.cancelled(run) == 1
    run.clear()
    assert_that_b_was_run_again_in_a_new_job(run, platform)


def batch_of(run: Run) -> int:
    remembered = wait_for(f"the batch of {run}", lambda: run.state_store("spark_pipeline.job"), seconds=60)
    number: int = json.loads(remembered)["job"]["id"]
    return number
