"""Everything that can die, fail or be stopped on each platform, under a real Airflow; the next try resumes.

What ran is proven by the components' ledger, in how many jobs by what the platform has started.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import Deployment, is_running
from tests.engines.under_airflow.conftest import assert_that_nobody_else_was_running, await_end, kill, task_process
from tests.platforms.under_airflow.conftest import PLANTED, on_each_platform
from tests.platforms.under_airflow.expected import (
    assert_that_b_was_run_again_in_a_new_job,
    assert_that_one_job_runs_everything_once,
    await_log,
    await_state,
    kill_worker,
)
from tests.platforms.under_airflow.platforms import Platform


@on_each_platform("", "_deferred", b={"1": "fail"}, c={"2": "wait in python"})
def test_a_component_fails_and_a_driver_is_killed_and_each_retry_resumes(run: Run, platform: Platform) -> None:
    waiting = run.wait_for_start("c", 2)
    kill(*platform.processes(waiting))
    run.wait("success", tries=3)
    assert run.started() == "a1 b1 b2 c2 c3 d3"
    assert run.ended() == "a1 b2 c3 d3"
    assert len(platform.jobs_of(run)) == 3
    assert "failed at [2/4] b in attempt 1 (1 of 4 done" in run.error(1)
    assert "ConnectionError: jdbc:postgresql://etl:***@db/orders does not answer" in run.error(1)
    assert "the driver of attempt 2 died at [3/4] c (2 of 4 done" in run.error(2)
    assert "the platform says: " in run.error(2)
    assert "[1/4] a skipped (done in attempt 1)" in "\n".join(run.log(3))
    assert_that_nobody_else_was_running(run)


@on_each_platform(b={"1": "wait for a file"})
def test_after_the_death_of_a_worker_the_retry_waits_for_the_same_job(run: Run, platform: Platform) -> None:
    waiting = run.wait_for_start("b", 1)
    kill_worker(task_process(run))
    await_log(run, 2, "of an earlier try is still running; waiting for it")
    assert is_running(waiting.pid)
    staged = [data for name, data in platform.kept() if "/requests/" in name and run.run_id.encode() in data]
    assert all(secret.encode() in data for data in staged for secret in PLANTED.values())  # the last test would find it
    assert len(staged) == 1
    assert_that_one_job_runs_everything_once(run, platform, tries=2)


@on_each_platform("_dying", dies="before it submits")
def test_if_a_worker_dies_between_claim_and_submission_one_job_runs(run: Run, platform: Platform) -> None:
    kill_worker(run.wait_for_marker())
    run.wait("success", tries=2)
    assert run.started() == ("a1 b1 c1 d1" if platform.deduplicates else "a2 b2 c2 d2")
    assert len(platform.jobs_of(run)) == 1


@on_each_platform("_dying", dies="before the id is stored", b={"1": "wait for a file"})
def test_if_a_worker_dies_before_it_stores_the_job_id_no_two_jobs_run(run: Run, platform: Platform) -> None:
    waiting = run.wait_for_start("b", 1)
    kill_worker(run.wait_for_marker())
    if platform.deduplicates:
        await_log(run, 2, "its request is sent again")
        assert is_running(waiting.pid)
        assert_that_one_job_runs_everything_once(run, platform, tries=2)
    else:
        assert_that_b_was_run_again_in_a_new_job(run, platform)


@on_each_platform("_deferred", b={"1": "wait for a file"})
def test_a_killed_triggerer_stops_nothing(run: Run, platform: Platform, deployment: Deployment) -> None:
    waiting = run.wait_for_start("b", 1)
    await_state(run, "deferred")
    deployment.kill_triggerer()
    deployment.start_triggerer()
    assert is_running(waiting.pid)
    assert_that_one_job_runs_everything_once(run, platform, tries=1)


def mark_failed(run: Run) -> None:
    run.set_state("failed")


@pytest.mark.parametrize("stop", [mark_failed, Run.clear], ids=["mark failed, then clear", "clear while running"])
@on_each_platform("", "_deferred", b={"1": "wait in python"})
def test_a_stopped_task_cancels_its_job_and_the_next_try_resumes(
    stop: Callable[[Run], None], run: Run, platform: Platform
) -> None:
    waiting = run.wait_for_start("b", 1)
    if run.dag_id.endswith("_deferred"):
        await_state(run, "deferred")
    stop(run)
    await_end(*platform.processes(waiting))
    if stop is mark_failed:
        run.wait("failed")
        run.clear(only_failed=True)
    assert_that_b_was_run_again_in_a_new_job(run, platform)
    assert platform.cancelled(run) == 1


@on_each_platform()
def test_a_clear_of_a_success_runs_everything_again_in_a_new_job(run: Run, platform: Platform) -> None:
    run.wait("success", tries=1)
    assert len(platform.jobs_of(run)) == 1
    run.clear()
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 d1 a1 b1 c1 d1"
    assert len(platform.jobs_of(run)) == 2
