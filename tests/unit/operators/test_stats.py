"""The statistics that Airflow gets about tries."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import Stats

from airflow_spark_pipeline.exceptions import SparkPipelineError
from tests.unit.operators.shop import Shop

TAGS = {"dag_id": "shop", "task_id": "etl", "pipeline": "Shop"}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, Any]]:
    """What was counted, of ours."""
    counted: list[tuple[str, int, Any]] = []

    def incr(stat: str, count: int = 1, rate: Any = None, *, tags: Any = None) -> None:
        if stat.startswith("spark_pipeline."):
            counted.append((stat, count, tags))

    monkeypatch.setattr(Stats, "incr", staticmethod(incr))
    return counted


def test_a_resume_is_counted_with_the_seconds_that_it_saved(shop: Shop, counted: list[tuple[str, int, Any]]) -> None:
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run(try_number=1)
    assert counted == []

    shop.driver.fails_at = None
    result = shop.run(try_number=2)
    assert result["seconds_saved"] == 2.0
    assert counted == [("spark_pipeline.resumed", 1, TAGS), ("spark_pipeline.seconds_saved", 2, TAGS)]


def test_a_try_that_was_superseded_is_counted(shop: Shop, counted: list[tuple[str, int, Any]]) -> None:
    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run(try_number=2)
    with pytest.raises(SparkPipelineError, match="try 2 has claimed"):
        shop.run(try_number=1)
    assert counted == [("spark_pipeline.superseded", 1, TAGS)]


def test_statistics_that_cannot_be_sent_fail_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError("statsd is down")

    shop.driver.fails_at = "Load"
    with pytest.raises(SparkPipelineError):
        shop.run(try_number=1)
    shop.driver.fails_at = None
    monkeypatch.setattr(Stats, "incr", staticmethod(broken))
    assert shop.run(try_number=2)["components_skipped"] == ["Extract", "Clean"]
