"""``docs/migration``: six tasks with SparkSubmitOperator and one task with a pipeline give the same result."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from migration import shop_job

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.rendering.without_airflow import read_config
from tests.airflows import DagBag

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MIGRATION = Path(__file__).parents[2] / "docs" / "migration"
ORDERS = ["1,UK,10.5", "1,UK,10.5", "2,UK,20", "3,FI,", "4,FI,7.25", "5,NL,3"]
REVENUE = {"UK": 30.5, "FI": 7.25, "NL": 3.0}


def write_orders(directory: Path, *orders: str) -> str:
    directory.mkdir(exist_ok=True)
    (directory / "orders.csv").write_text("\n".join(["order_id,country,amount", *orders]) + "\n", encoding="utf-8")
    return str(directory)


def exported(directory: Path) -> dict[str, float]:
    lines = [line for file in (directory / "export").glob("*.json") for line in file.read_text().splitlines()]
    return {row["country"]: row["revenue"] for row in map(json.loads, lines)}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(MIGRATION), *sys.path])


def test_both_dags_are_what_airflow_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATA", "/somewhere")
    bag = DagBag(str(MIGRATION), bundle_path=MIGRATION, bundle_name="migration")
    assert bag.import_errors == {}
    assert set(bag.dags) == {"shop_six_tasks", "shop_one_task"}
    six: Any = bag.dags["shop_six_tasks"]
    one: Any = bag.dags["shop_one_task"]
    steps = [task.task_id for task in six.topological_sort()]
    assert [six.task_dict[step].application_args for step in steps] == [[step, "/somewhere"] for step in steps]
    spec = read_config(MIGRATION / one.task_dict["shop"].pipeline, {}).checked()
    assert [component.instance_name for component in spec.components] == steps


@pytest.mark.spark
def test_six_tasks_and_one_pipeline_give_the_same_result(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: None
) -> None:
    before, after = write_orders(tmp_path / "before", *ORDERS), write_orders(tmp_path / "after", *ORDERS)
    for step in ("extract", "clean", "convert", "check", "revenue", "export"):
        shop_job.main(step, before)
    monkeypatch.setenv("SHOP_DATA", after)
    PipelineRunner(spark).run_with_checkpointing(MIGRATION / "shop.conf")
    assert exported(tmp_path / "before") == exported(tmp_path / "after") == REVENUE


@pytest.mark.slow
@pytest.mark.spark
def test_the_same_bad_data_stops_both_and_the_pipeline_resumes_at_its_check(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: None
) -> None:
    data = write_orders(tmp_path / "data", *ORDERS, "6,UK,-1")
    for step in ("extract", "clean", "convert"):
        shop_job.main(step, data)
    with pytest.raises(ValueError, match="negative"):
        shop_job.main("check", data)
    monkeypatch.setenv("SHOP_DATA", data)
    runner = PipelineRunner(spark)
    with pytest.raises(ComponentFailedError, match="the amount is negative"):
        runner.run_with_checkpointing(MIGRATION / "shop.conf")
    assert runner.run_id is not None
    with pytest.raises(ComponentFailedError, match="the amount is negative") as error:
        runner.resume(MIGRATION / "shop.conf", runner.run_id)
    assert "check" in str(error.value)
    assert not (tmp_path / "data" / "export").exists()
