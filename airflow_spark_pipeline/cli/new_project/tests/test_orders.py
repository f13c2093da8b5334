"""The components alone, and the pipeline as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from orders_etl import ExtractOrders

from airflow_spark_pipeline.testing import PipelineTester

PIPELINE = Path(__file__).parents[1] / "dags" / "orders.conf"


def test_as_many_orders_are_extracted_as_the_config_says(spark_pipeline: PipelineTester) -> None:
    views = spark_pipeline.run_component(ExtractOrders(rows=10))
    assert views["orders"].count() == 10


def test_a_retry_loads_the_orders_and_extracts_none(
    spark_pipeline: PipelineTester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORDERS_DATA", str(tmp_path))
    (tmp_path / "warehouse").mkdir()
    spark_pipeline.run(PIPELINE, fail_at="LoadOrders")
    report = spark_pipeline.resume()
    assert report.ran == ["LoadOrders"]
    assert spark_pipeline.spark.read.parquet(str(tmp_path / "warehouse" / "orders")).count() == 5000
