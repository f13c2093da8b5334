from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook

from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.task import deferral, driver_files
from tests.unit.operators.shop import CONF, YARN, Driver, Queue, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "shop.conf").write_text(CONF, encoding="utf-8")
    driver = Driver()

    def submit(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        driver.submit(hook, application)

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", submit)
    monkeypatch.setattr(SparkPipelineSubmitHook, "prepare", lambda hook: None)
    monkeypatch.setattr(driver_files, "check_components", lambda *a, **k: None)
    return Shop(tmp_path, driver)


@pytest.fixture
def queue(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    shop.driver = queue
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", YARN % "")
    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", lambda hook, *a, **k: queue.submit(hook, *a))
    monkeypatch.setattr(SparkSubmitHook, "_query_yarn_application_status", lambda hook, _: queue.states.pop(0))
    monkeypatch.setattr(SparkSubmitHook, "_kill_yarn_application", lambda hook, name: queue.killed.append(name))
    monkeypatch.setattr(deferral, "_SHORTEST_INTERVAL", 0.02)
    return queue
