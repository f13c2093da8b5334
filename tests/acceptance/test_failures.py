"""A pipeline that fails, and what the next try skips, according to the ledger of the components."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.client import Run


@pytest.mark.dag_run("retried", b={"1": "fail"}, d={"2": "fail"})
class TestTwoTriesThatFailAtDifferentComponents:
    def test_nothing_is_run_again(self, run: Run) -> None:
        run.wait("success", tries=3)
        assert run.started() == "a1 b1 b2 c2 d2 d3"
        assert run.ended() == "a1 b2 c2 d3"

    def test_the_task_returns_what_the_last_try_did(self, run: Run) -> None:
        run.wait("success")
        summary = run.xcom()
        assert summary["attempt"] == 3
        assert summary["components_run"] == ["d"]
        assert summary["components_skipped"] == ["a", "b", "c"]

    def test_the_task_logs_show_what_failed_what_is_skipped_and_why(self, run: Run) -> None:
        run.wait("success")
        first, second, third = (run.steps(try_number) for try_number in (1, 2, 3))
        assert shapes(first) == ["[1/4] a done", "[2/4] b failed"]
        assert first[-1].endswith("ConnectionError: b cannot reach its source")
        assert shapes(second) == [
            "[1/4] a skipped (done in attempt 1)",
            "[2/4] b done",
            "[3/4] c done",
            "[4/4] d failed",
        ]
        assert shapes(third) == [
            "[1/4] a skipped (done in attempt 1)",
            "[2/4] b skipped (done in attempt 2)",
            "[3/4] c skipped (done in attempt 2)",
            "[4/4] d done",
        ]


def shapes(steps: list[str]) -> list[str]:
    """The lines of a log without times and errors."""
    return [re.sub(r" (done in|failed after) .*", lambda match: f" {match[1].split()[0]}", step) for step in steps]


@pytest.mark.dag_run("retried", c={"1": "fail", "2": "fail"})
def test_nothing_is_run_again_when_two_tries_fail_at_the_same_component(run: Run) -> None:
    run.wait("success", tries=3)
    assert run.started() == "a1 b1 c1 c2 c3 d3"
    assert run.ended() == "a1 b1 c3 d3"


@pytest.mark.dag_run("tried_once", c={"1": "fail"})
def test_clearing_a_failed_task_resumes(run: Run) -> None:
    run.wait("failed", tries=1)
    assert run.started() == "a1 b1 c1"

    run.clear(only_failed=True)
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 c2 d2"
    assert run.ended() == "a1 b1 c2 d2"


@pytest.mark.dag_run("tried_once", c={"1": "fail"})
def test_a_dag_run_that_is_deleted_and_created_again_under_its_id_starts_afresh(run: Run) -> None:
    run.wait("failed", tries=1)
    assert run.ended() == "a1 b1"

    run.delete()
    run.trigger()
    run.wait("failed", tries=1)
    assert run.started() == "a1 b1 c1 a1 b1 c1"
