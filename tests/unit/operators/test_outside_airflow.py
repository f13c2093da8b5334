"""A run that a task began, continued outside Airflow."""

from __future__ import annotations

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import SparkPipelineError
from tests.sparkless import FakeSpark
from tests.steps import describe, names
from tests.unit.operators.shop import Shop


def test_the_tasks_next_try_reports_what_was_completed_for_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = shop.folder / "ledger"
    monkeypatch.setenv("LEDGER", str(ledger))
    pipeline = shop.folder / "steps.conf"
    pipeline.write_text(describe("a", "b", "c", name="Shop"), encoding="utf-8")
    shop.driver.fails_at = "b"
    with pytest.raises(SparkPipelineError, match="disk full"):
        shop.run(pipeline=str(pipeline))
    failed = shop.latest().state

    runner = PipelineRunner(FakeSpark(), location=shop.folder / "checkpoints")  # type: ignore[arg-type]
    report = runner.resume(pipeline, failed.run_id)
    assert (report.skipped, report.ran, names(ledger)) == (["a"], ["b", "c"], "bc")

    shop.driver.requests.clear()
    result = shop.run(try_number=2, pipeline=str(pipeline))
    assert result["run_id"] == report.run_id
    assert shop.driver.requests == []  # nothing was submitted

    # Cleared after that success, the task starts over, as after its own success.
    shop.driver.fails_at = None
    assert shop.run(try_number=3, max_tries=6, pipeline=str(pipeline))["components_skipped"] == []
