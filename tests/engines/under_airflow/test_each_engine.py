"""The same components on each engine: they fail, their drivers and executors are killed, and the result is right.

Four run one after another, and four at the same time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.acceptance.client import Run
from tests.acceptance.deployment import is_running, wait_for
from tests.acceptance.ledger import in_order
from tests.acceptance.nycflights import assert_try_fails_at_the_outage, assert_try_goes_on_from_there
from tests.engines.under_airflow.conftest import (
    SECONDS,
    assert_result,
    assert_that_nobody_else_was_running,
    await_end,
    await_executor,
    kill,
    on,
)

ENGINES = ("local", "standalone", "connect", "yarn_client", "yarn_cluster")

_FAILS_AND_DIES: dict[str, dict[str, str]] = {
    "b": {"1": "fail"},
    "c": {"2": "wait in python"},
    "d": {"3": "wait in python"},
}


@pytest.mark.parametrize("engine", [on(engine, "crew", **_FAILS_AND_DIES) for engine in ENGINES])
def test_a_component_fails_and_drivers_are_killed_and_each_retry_resumes(
    engine: str, run: Run, pythons: dict[str, Path]
) -> None:
    python_dies = run.wait_for_start("c", 2, seconds=SECONDS)
    kill(python_dies.pid)
    await_end(python_dies.pid, python_dies.parent)

    # The JVM, and on Spark Connect, where there is none, the task.
    parent_dies = run.wait_for_start("d", 3, seconds=SECONDS)
    kill(parent_dies.parent)
    await_end(parent_dies.pid, parent_dies.parent)

    run.wait("success", tries=4, seconds=SECONDS)
    assert run.started() == "a1 b1 b2 c2 c3 d3 d4"
    assert run.ended() == "a1 b2 c3 d4"
    assert_result(run)
    assert_that_nobody_else_was_running(run)
    assert "ConnectionError: b cannot reach its source" in run.error(1)
    assert "the driver of attempt 2 died at [3/4] c (2 of 4 done; a retry resumes there)" in run.error(2)
    if engine != "connect":
        assert "the driver of attempt 3 died at [4/4] d (3 of 4 done; a retry resumes there)" in run.error(3)
    assert run.xcom()["components_run"] == ["d"]

    # Nothing is installed where the driver ran: all of it came with the job.
    (result,) = run.entries("result")
    others = {"connect": Path(sys.executable), "yarn_cluster": pythons.get("other", pythons["own"])}
    assert result.details["prefix"] == str(others.get(engine, pythons["own"]).parents[1])
    assert result.details["loaded"] == []


_MEETS = {"1": "meet"}
_AT_ONCE = {"a": _MEETS, "b": {"1": "meet and fail"}, "c": {"1": "wait in python"}, "d": _MEETS}


@pytest.mark.parametrize(
    "engine", [on(engine, "at_once", **_AT_ONCE) for engine in ("local", "standalone", "connect", "yarn_cluster")]
)
def test_one_of_four_raises_and_one_dies_with_its_driver_and_the_retry_runs_both(engine: str, run: Run) -> None:
    entry = run.wait_for_start("c", 1, seconds=SECONDS)
    wait_for(f"the end of the others of {run}", lambda: len(run.steps(1)) == len("abd"), seconds=SECONDS, every=1.0)
    assert in_order(run.started()) == "a1 b1 c1 d1"
    pids = [entry.pid, *([entry.parent] if engine != "connect" else [])]  # on Spark Connect the parent is the task
    kill(*pids)
    await_end(*pids)

    run.wait("success", tries=2, seconds=SECONDS)
    assert in_order(run.started()) == "a1 b1 c1 d1 b2 c2 e2"
    assert in_order(run.ended()) == "a1 d1 b2 c2 e2"
    assert_result(run, of=4)  # what a and d have handed over is restored
    assert_that_nobody_else_was_running(run)
    assert "the driver of attempt 1 died at [3/5] c (2 of 5 done; a retry resumes there)" in run.error(1)
    assert "[2/5] b failed before: ConnectionError: b cannot reach its source" in run.error(1)
    result = run.xcom()
    assert (sorted(result["components_run"]), result["components_skipped"]) == ([*"bce"], [*"ad"])


@pytest.mark.parametrize(
    "engine", [on(engine, b={"1": "wait on an executor"}) for engine in ENGINES if engine != "local"]
)
def test_an_executor_is_killed_and_the_job_goes_on(engine: str, run: Run) -> None:
    entry = run.wait_for_start("b", 1, seconds=SECONDS)
    executor = await_executor(run)
    kill(executor)
    await_end(executor)
    assert is_running(entry.pid)

    run.wait("success", tries=1, seconds=SECONDS)
    assert run.started() == "a1 b1 c1 d1"
    (doubled,) = run.entries("doubled on executors")
    assert doubled.details["result"] == sum(2 * number for number in range(1_000))
    assert_result(run)


@pytest.mark.parametrize("engine", [on(engine, "nycflights") for engine in ENGINES])
def test_the_flights_resume_after_the_outage(engine: str, run: Run) -> None:
    run.wait("success", tries=2, seconds=SECONDS)
    assert_try_fails_at_the_outage(run, 1)
    assert_try_goes_on_from_there(run, 2)
