"""The pytest plugin for users, with a fake session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError, NothingToResumeError
from airflow_spark_pipeline.testing import PipelineTester
from tests.sparkless import FakeSpark
from tests.steps import Step, describe, names, read


@pytest.fixture
def tester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineTester:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return PipelineTester(FakeSpark(), tmp_path)  # type: ignore[arg-type]


def test_a_pipeline_fails_at_the_chosen_component_and_resumes_there(tester: PipelineTester, tmp_path: Path) -> None:
    assert tester.run(describe("a", "b", "c"), fail_at="b") is None
    assert names(tmp_path / "ledger") == "a"
    report = tester.resume()
    assert (report.skipped, report.ran) == (["a"], ["b", "c"])


def test_a_components_own_failure_is_raised_and_can_be_resumed(tester: PipelineTester) -> None:
    with pytest.raises(ComponentFailedError, match="down"):
        tester.run(describe("a", "b:Step:fails = 1"))
    assert tester.resume().ran == ["b"]


def test_a_component_that_does_not_exist_cannot_fail(tester: PipelineTester) -> None:
    with pytest.raises(AssertionError, match="no component 'd' was run"):
        tester.run(describe("a"), fail_at="d")


def test_nothing_is_resumed_if_nothing_failed(tester: PipelineTester) -> None:
    tester.run(describe("a"))
    with pytest.raises(NothingToResumeError):
        tester.resume()


def test_one_component_is_run_alone(tester: PipelineTester, tmp_path: Path) -> None:
    class View:
        name = ""

        def createOrReplaceTempView(self, name: str) -> None:  # noqa: N802  # Spark's name
            self.name = name

    orders: Any = View()
    assert tester.run_component(Step(str(tmp_path / "ledger")), orders=orders) == {}
    assert orders.name == "orders"
    assert read(tmp_path / "ledger")[0]["name"] == "Step"
