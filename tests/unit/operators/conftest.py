from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.operators import submission
from tests.unit.operators.shop import CONF, Driver, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    (tmp_path / "shop.conf").write_text(CONF, encoding="utf-8")
    driver = Driver()

    def submit(hook: SparkPipelineSubmitHook, application: str = "", **_: Any) -> None:
        driver.submit(hook, application)

    monkeypatch.setattr(SparkPipelineSubmitHook, "submit", submit)
    monkeypatch.setattr(SparkPipelineSubmitHook, "prepare", lambda hook: None)
    monkeypatch.setattr(submission, "check_components", lambda *a, **k: None)
    return Shop(tmp_path, driver)
