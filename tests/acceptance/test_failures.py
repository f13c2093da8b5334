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
