"""``docs/in-code.md``: each block is run on a real Spark."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.pipeline.parser import load_pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(directory: Path) -> list[str]:
    """The page's Python, with its places moved below a test's own directory."""
    page = (DOCS / "in-code.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return [block.replace("/tmp/", f"{directory}/") for block in found]


def test_every_example_does_what_the_docs_describe(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(DOCS / "daily_etl.conf", tmp_path)
    monkeypatch.chdir(tmp_path)
    switch, target = tmp_path / "switch", tmp_path / "warehouse"
    monkeypatch.setenv("DAILY_ETL_SWITCH", str(switch))
    monkeypatch.setenv("DAILY_ETL_TARGET", str(target))
    names: dict[str, Any] = {"spark": spark}

    def run(block: str) -> str:
        exec(compile(block, "in-code.md", "exec"), names)  # noqa: S102  # the page is what is tested
        return capsys.readouterr().out

    run_it, give_values, list_it, plan_it, resume_it, auto_resume, compose, validate = blocks(tmp_path)

    output = run(run_it)
    assert "[2/3] Transform(clean) failed" in output
    assert "Resume it with the run id daily-etl-pipeline-" in output
    run(give_values)
    assert "Failed at: component 2/3" in run(list_it)
    assert "Extract(orders) skip done in attempt 1" in run(plan_it)

    switch.touch()
    output = run(resume_it)
    assert "['Extract(orders)'] ['Transform(clean)', 'Load(warehouse)']" in output
    assert names["report"].seconds_saved > 0
    assert spark.read.parquet(str(target)).count() == 7

    # Nothing is unfinished now: auto-resume starts a new run; then, with the switch off, one is there again.
    assert "3 of 3 components ran" in run(auto_resume)
    switch.unlink()
    with pytest.raises(Exception, match="the shop's service is down"):
        run(auto_resume)
    switch.touch()
    assert "2 of 3 components ran, 1 skipped" in run(auto_resume)

    output = run(compose)
    events = [json.loads(line)["event"] for line in output.splitlines() if line.startswith("{")]
    audit = [json.loads(line)["event"] for line in (tmp_path / "audit" / "daily_etl.jsonl").read_text().splitlines()]
    assert events == audit
    assert audit == ["before_pipeline", *["before_component", "after_component"] * 3, "after_pipeline"]

    run(validate)
    assert spark.range(1).count() == 1  # the session was used, and is not stopped


def test_the_full_example_loads_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_ETL_TARGET", "/warehouse")
    spec = load_pipeline(DOCS / "daily_etl.conf")
    assert spec.pipeline_name == "Daily ETL Pipeline"
    assert (spec.checkpoint.location, spec.checkpoint.auto_resume) == ("s3a://data-lake/checkpoints", True)
    assert [c.instance_name for c in spec.components] == ["Extract(orders)", "Transform(clean)", "Load(warehouse)"]
    assert spec.spark.config == {"spark.sql.shuffle.partitions": "200"}


def test_without_auto_resume_an_older_failure_is_ignored(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_ETL_TARGET", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAILY_ETL_SWITCH", str(tmp_path / "switch"))
    runner = PipelineRunner(spark, location=tmp_path / "checkpoints")
    with pytest.raises(Exception, match="down"):
        runner.run_with_checkpointing(DOCS / "daily_etl.conf")
    (tmp_path / "switch").touch()
    assert os.environ["DAILY_ETL_SWITCH"]
    assert runner.run_with_checkpointing(DOCS / "daily_etl.conf", auto_resume=False).skipped == []
