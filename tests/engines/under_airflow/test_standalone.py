"""A standalone cluster around a driver in client mode that is cut off."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, parent_of, wait_for
from tests.engines.under_airflow.conftest import (
    LEASE_SECONDS,
    SECONDS,
    assert_result,
    give_sign,
    task_process,
)


@pytest.mark.dag_run("crew_on_standalone", c={"1": "wait for a sign"})
def test_a_machine_that_is_cut_off_with_its_driver_is_superseded_by_the_lease(run: Run) -> None:
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
