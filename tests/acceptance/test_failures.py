"""A pipeline that fails, and what the next try does with what is done: counted by what the components themselves noted."""

from __future__ import annotations

import pytest

from tests.acceptance.client import Run


@pytest.mark.dag_run("retried", b={"1": "fail"}, d={"2": "fail"})
def test_nothing_is_run_again_when_two_tries_fail_at_different_components(run: Run) -> None:
    run.wait("success", tries=3)
    assert run.started() == "a1 b1 b2 c2 d2 d3"
    assert run.ended() == "a1 b2 c2 d3"
    assert run.xcom()["components_run"] == ["d"]
    assert run.xcom()["components_skipped"] == ["a", "b", "c"]


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


@pytest.mark.dag_run("retried", b={"1": "fail"})
def test_the_log_tells_what_failed_what_is_skipped_and_why(run: Run) -> None:
    run.wait("success", tries=2)
    first, second = run.steps(1), run.steps(2)
    assert [step.partition(" in ")[0] for step in first] == ["[1/4] a done", "[2/4] b failed after"]
    assert "ConnectionError: b cannot reach its source" in first[1]
    assert second[0] == "[1/4] a skipped (done in attempt 1)"
    assert [step.partition(" in ")[0] for step in second[1:]] == ["[2/4] b done", "[3/4] c done", "[4/4] d done"]
