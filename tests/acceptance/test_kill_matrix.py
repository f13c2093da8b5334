"""Everything that can die, fail or be stopped, on a local Spark and on a standalone cluster; the next try resumes.

The processes are a chain: Airflow's worker, the task's process, Spark's JVM, the driver's Python, in which the
component notes its own pid, its parent's, and who else of the run is still alive. What ran is proven by these notes.
How long it took until work went on is shown at the end of the run.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.acceptance.client import Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import Deployment, is_running, parent_of, wait_for
from tests.acceptance.ledger import Entry

pytestmark = [pytest.mark.slow, pytest.mark.kill_matrix]

ENGINES = {"local": "retried", "standalone": "retried_standalone"}
_DRIVER_SECONDS = 40.0  # from a death to the end of all of the driver; a busy machine is slow
_TIMEOUT = 120.0  # above the execution_timeout of the DAGs


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def kill_python(entry: Entry, run: Run) -> None:
    kill(entry.pid)


def kill_jvm(entry: Entry, run: Run) -> None:
    kill(entry.parent)


def kill_task(entry: Entry, run: Run) -> None:
    kill(parent_of(entry.parent))


def kill_worker(entry: Entry, run: Run) -> None:
    """The worker first: nobody is left to tell Airflow."""
    task = parent_of(entry.parent)
    kill(parent_of(task), task)


def mark_failed(entry: Entry, run: Run) -> None:
    run.set_state("failed")


def clear(entry: Entry, run: Run) -> None:
    run.clear()


def nothing(entry: Entry, run: Run) -> None:
    """The time-out of the task does it."""


DEATHS: dict[str, tuple[Callable[[Entry, Run], None], str]] = {
    "driver's Python -9": (kill_python, ""),
    "driver's JVM -9": (kill_jvm, ""),
    "task -9": (kill_task, ""),
    "worker and task -9": (kill_worker, ""),
    "mark failed, then clear": (mark_failed, ""),
    "clear while running": (clear, ""),
    "execution_timeout": (nothing, "_with_timeout"),
}

# `make slow` has one death of a driver, one of a worker and a clear, on a local Spark; `make nightly` has the rest.
SLOW = {"driver's Python -9", "worker and task -9", "clear while running"}


@pytest.mark.parametrize(
    ("death", "engine"),
    [
        pytest.param(
            death,
            engine,
            marks=[
                pytest.mark.dag_run(ENGINES[engine] + suffix, b={"1": "wait in python"}),
                *([pytest.mark.nightly] if engine == "standalone" or death not in SLOW else []),
            ],
            id=f"{death}, {engine}",
        )
        for death, (_, suffix) in DEATHS.items()
        for engine in ENGINES
    ],
)
def test_the_next_try_resumes_at_the_component_that_was_running(
    death: str, engine: str, run: Run, kill_times: dict[tuple[str, str], float]
) -> None:
    inflict, _ = DEATHS[death]
    entry = run.wait_for_start("b", 1)
    at = time.time()
    inflict(entry, run)
    await_end(entry, seconds=_DRIVER_SECONDS + _TIMEOUT * (inflict is nothing))
    if inflict is nothing:
        at = time.time()
    if inflict is mark_failed:
        run.wait("failed")
        run.clear()
        at = time.time()
    assert_that_b_was_run_again_and_nothing_else(run)
    kill_times[death, engine] = run.wait_for_start("b", 2).time - at


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(engine, marks=[pytest.mark.nightly, pytest.mark.dag_run(dag_id, b={"1": "fail"})])
        for engine, dag_id in ENGINES.items()
    ],
)
def test_an_exception_resumes_at_the_component_that_raised_it(
    engine: str, run: Run, kill_times: dict[tuple[str, str], float]
) -> None:
    assert_that_b_was_run_again_and_nothing_else(run)
    first = run.wait_for_start("b", 1)
    kill_times["exception", engine] = run.wait_for_start("b", 2).time - first.time


@pytest.mark.nightly
def test_a_scheduler_that_is_killed_and_started_again_loses_nothing(
    runs: Runs, deployment: Deployment, kill_times: dict[tuple[str, str], float]
) -> None:
    """Last, since whatever else runs meanwhile is reset as well."""
    hit = {
        engine: runs.start(dag_id, f"scheduler_{engine}", b={"1": "wait in python"})
        for engine, dag_id in ENGINES.items()
    }
    entries = {engine: run.wait_for_start("b", 1) for engine, run in hit.items()}
    deployment.kill("scheduler")
    at = time.time()
    deployment.restart("scheduler")
    for engine, run in hit.items():
        await_end(entries[engine], seconds=240.0)
        assert_that_b_was_run_again_and_nothing_else(run)
        kill_times["scheduler -9, restarted", engine] = run.wait_for_start("b", 2).time - at


def await_end(entry: Entry, *, seconds: float) -> None:
    """Wait until neither its Python nor its JVM works on behind the back of the next try."""
    wait_for("the end of the driver", lambda: not any(map(is_running, (entry.pid, entry.parent))), seconds=seconds)


def assert_that_b_was_run_again_and_nothing_else(run: Run) -> None:
    run.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"
    assert run.ended() == "a1 b2 c2 d2"
    assert [entry.details["alive"] for entry in run.entries("start") if entry.details["alive"]] == []
    assert run.was_never_stale
