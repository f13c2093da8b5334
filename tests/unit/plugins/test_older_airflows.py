"""The page in older versions of Airflow: which front end is served, and what a clear sends."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_spark_pipeline import plugins
from airflow_spark_pipeline.airflow_features import features_of
from airflow_spark_pipeline.plugins.page.run_models import clear_fields
from airflow_spark_pipeline.plugins.spark_pipeline import bundle_url


@pytest.mark.parametrize(
    ("version", "address"),
    [
        ("3.1.8", "../../spark-pipeline/static/main-3.1.js"),
        ("3.2.2", "../../spark-pipeline/static/main.js"),
        ("3.3.0", "spark-pipeline/static/main.js"),
        ("3.4.0b2", "spark-pipeline/static/main.js"),
    ],
)
def test_each_airflow_version_gets_a_bundle_that_it_can_show(version: str, address: str) -> None:
    found = bundle_url(features_of(version)).partition("?")[0]
    assert found == address
    built = Path(next(iter(plugins.__path__)), "www", "dist", found.rpartition("/")[2])
    assert built.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("version", "resumes", "starts_over"),
    [
        ("3.1.8", {}, {}),
        ("3.2.2", {"prevent_running_task": True}, {"prevent_running_task": True}),
        ("3.3.2", {"prevent_running_task": True}, {"prevent_running_task": True}),
        ("3.4.0b2", {"prevent_running_task": True, "keep_task_state": True}, {"prevent_running_task": True}),
    ],
)
def test_a_clear_sends_only_fields_that_this_airflow_accepts(
    version: str, resumes: dict[str, bool], starts_over: dict[str, bool]
) -> None:
    features = features_of(version)
    assert clear_fields(features, resumes=True) == resumes
    assert clear_fields(features, resumes=False) == starts_over
