"""Four components at the same time: two fail, then the driver is killed while four run, then two of those fail."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.acceptance.client import Run
from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import is_running, wait_for
from tests.acceptance.ledger import in_order

pytestmark = pytest.mark.slow

_MEETS, _FAILS = {"1": "meet"}, {"1": "meet and fail"}
_WAITS_AND_FAILS, _WAITS_AND_MEETS = ({"2": "wait in python", "3": then} for then in ("meet and fail", "meet"))
_STEPS = {
    "a": _MEETS,
    "b": _FAILS,
    "c": _FAILS,
    "d": _MEETS,
    "f": _WAITS_AND_FAILS,
    "g": _WAITS_AND_FAILS,
    "h": _WAITS_AND_MEETS,
    "i": _WAITS_AND_MEETS,
}


def test_each_retry_runs_exactly_the_components_that_failed_or_were_running(runs: Runs) -> None:
    # Not by the marker: the run would be on its way while another test kills the scheduler.
    run = runs.start("in_parallel", "four_at_once", **_STEPS)
    entries = [run.wait_for_start(name, 2) for name in "fghi"]  # i has the place of e, so e is recorded
    (driver,) = {(entry.pid, entry.parent) for entry in entries}
    os.kill(driver[0], signal.SIGKILL)
    wait_for("the end of the driver", lambda: not any(map(is_running, driver)), seconds=60)

    run.wait("failed", tries=3)
    _assert_that_everybody_names_both(run, runs)
    run.clear()
    run.wait("success")
    assert in_order(run.started()) == "a1 b1 c1 d1 b2 c2 e2 f2 g2 h2 i2 f3 g3 h3 i3 f4 g4"
    assert in_order(run.ended()) == "a1 d1 b2 c2 e2 h3 i3 f4 g4"
    assert [entry.details["alive"] for entry in run.entries("start") if entry.details["alive"]] == []
    result = run.xcom()
    assert (sorted(result["components_run"]), sorted(result["components_skipped"])) == ([*"fg"], [*"abcdehi"])

    for name in "bc":
        assert f"ConnectionError: {name} cannot reach its source" in run.error(1)
    assert "died at [6/9] f, [7/9] g, [8/9] h and [9/9] i (5 of 9 done; a retry resumes there)" in run.error(2)
    told = "\n".join(run.log(1))  # by the retry callback
    assert re.search(
        r"failed at \[./9\] (b and \[3/9\] c|c and \[2/9\] b): .*; \[./9\] [bc]: .* The next try skips a, d", told
    )


def _assert_that_everybody_names_both(run: Run, runs: Runs) -> None:
    """The task's error, the sensor and what it returns, the command line and the page."""
    errors = [f"ConnectionError: {name} cannot reach its source" for name in "fg"]
    assert [error for error in errors if error not in run.error(3)] == []

    watching = runs.start("watching", "watching_four_at_once", watched=run.run_id)
    watching.wait("success")
    found = watching.xcom()
    assert (found["status"], sorted(found["failed_components"])) == ("failed", ["f", "g"])
    assert re.search(r"is failed at \[./9\] (f, g|g, f)", "\n".join(watching.log(1)))

    command = [sys.executable, "-m", "airflow_spark_pipeline.cli.main", "show", found["run_id"]]
    environment = run.client.deployment.environment
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert [error for error in errors if shown.count(error) != 2] == []  # in the table, and below it

    (row,) = run.page()["runs"]
    assert sorted(failure["component"] for failure in [row["failure"], *row["more_failures"]]) == ["f", "g"]
