"""A standalone cluster in client mode: workers and the master are lost, and a driver is cut off."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.client import Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import is_running, parent_of, wait_for
from tests.acceptance.standalone import StandaloneCluster
from tests.engines.under_airflow.conftest import (
    LEASE_SECONDS,
    SECONDS,
    assert_result,
    assert_that_nobody_else_was_running,
    await_end,
    await_executor,
    give_sign,
    kill,
    task_process,
)


@pytest.mark.dag_run("crew_on_standalone", c={"1": "wait for a sign"})
def test_a_driver_on_a_machine_that_is_cut_off_is_superseded_after_its_lease(run: Run) -> None:
    """As on a frozen or unreachable machine: task, JVM and Python stand still, and Airflow hears nothing of them.

    What they are when they come back is for nothing: the Python ends itself before it records or enters anything.
    """
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    task = task_process(run)
    worker = parent_of(task)
    frozen = (worker, task, entry.parent, entry.pid)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    stopped = time.time()
    give_sign(run, "c")  # in the moment in which it wakes up its component could end
    second = run.wait_for_start("c", 2, seconds=SECONDS)
    assert second.time - stopped > LEASE_SECONDS
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    wait_for("the end of the first driver", lambda: not is_running(entry.pid), seconds=120)
    run.wait("success", seconds=SECONDS)
    assert run.started() == "a1 b1 c1 c2 d2"
    assert run.ended().split().count("d2") == 1
    assert "d1" not in run.ended()
    assert_result(run)


@pytest.mark.dag_run("crew_on_standalone", b={"1": "wait on an executor"})
def test_a_killed_task_takes_driver_and_executors_with_it(run: Run) -> None:
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    executor = await_executor(run)
    kill(task_process(run))
    await_end(entry.pid, entry.parent, executor)
    run.wait("success", tries=2, seconds=SECONDS)
    assert run.started() == "a1 b1 b2 c2 d2"
    assert_result(run)
    assert_that_nobody_else_was_running(run)


@pytest.mark.dag_run("crew_on_standalone", b={"1": "wait on an executor"})
def test_if_a_worker_is_lost_the_job_continues_on_the_other_one(run: Run, standalone: StandaloneCluster) -> None:
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    executor = await_executor(run)
    (lost,) = [name for name in standalone.workers if standalone.pid(name) == parent_of(executor)]
    standalone.kill(lost)
    try:
        await_end(executor)
        assert is_running(entry.pid)
        run.wait("success", tries=1, seconds=SECONDS)
    finally:
        standalone.start_worker(lost)
    assert run.started() == "a1 b1 c1 d1"
    assert_result(run)


@pytest.mark.dag_run("crew_on_standalone", b={"1": "wait for a sign"})
def test_a_master_that_is_killed_and_started_again_loses_no_job(
    run: Run, runs: Runs, standalone: StandaloneCluster
) -> None:
    """With a recovery mode: driver and executors wait for it, and a job that starts meanwhile waits as well."""
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    standalone.kill("master")
    give_sign(run, "b")  # what follows needs the executors, and not the master
    time.sleep(2)
    standalone.start_master()
    run.wait("success", tries=1, seconds=SECONDS)
    assert {each.pid for each in run.entries("start")} == {entry.pid}
    assert run.started() == "a1 b1 c1 d1"
    assert_result(run)
    # The next job finds a cluster that works.
    after = runs.start("crew_on_standalone", "after-the-master", b={"1": "fail"})
    after.wait("success", tries=2, seconds=SECONDS)
    assert after.started() == "a1 b1 b2 c2 d2"
    assert_result(after)
