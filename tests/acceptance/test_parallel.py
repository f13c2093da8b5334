"""Four components at the same time: two fail, and then the driver is killed while four others run."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.acceptance.conftest import Runs
from tests.acceptance.deployment import is_running, wait_for
from tests.acceptance.ledger import in_order

pytestmark = pytest.mark.slow

_FAILS = {"1": "meet and fail"}
_MEETS = {"1": "meet"}
_WAITS = {"2": "wait in python"}


def test_each_retry_runs_exactly_the_components_that_failed_or_were_running(runs: Runs) -> None:
    # Not by the marker: the run would be on its way while another test kills the scheduler.
    steps = {"a": _MEETS, "b": _FAILS, "c": _FAILS, "d": _MEETS, "f": _WAITS, "g": _WAITS, "h": _WAITS, "i": _WAITS}
    run = runs.start("in_parallel", "four_at_once", **steps)
    entries = [run.wait_for_start(name, 2) for name in "fghi"]  # i has the place of e, so e is recorded
    (driver,) = {(entry.pid, entry.parent) for entry in entries}
    os.kill(driver[0], signal.SIGKILL)
    wait_for("the end of the driver", lambda: not any(map(is_running, driver)), seconds=60)

    run.wait("success", tries=3)
    assert in_order(run.started()) == "a1 b1 c1 d1 b2 c2 e2 f2 g2 h2 i2 f3 g3 h3 i3"
    assert in_order(run.ended()) == "a1 d1 b2 c2 e2 f3 g3 h3 i3"
    assert [entry.details["alive"] for entry in run.entries("start") if entry.details["alive"]] == []
    result = run.xcom()
    assert (sorted(result["components_run"]), sorted(result["components_skipped"])) == ([*"fghi"], [*"abcde"])

    for name in "bc":
        assert f"ConnectionError: {name} cannot reach its source" in run.error(1)
    assert "died at [6/9] f, [7/9] g, [8/9] h and [9/9] i (5 of 9 done; a retry resumes there)" in run.error(2)
    told = "\n".join(run.log(1))  # by the retry callback
    assert re.search(
        r"failed at \[./9\] (b and \[3/9\] c|c and \[2/9\] b): .*; \[./9\] [bc]: .* The next try skips a, d", told
    )
