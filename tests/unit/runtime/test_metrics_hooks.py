"""MetricsHooks on OpenTelemetry's own SDK, with a reader in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from airflow_spark_pipeline import MetricsHooks, PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from tests.sparkless import FakeSpark
from tests.steps import describe


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    """Every data point by its instrument, with its attributes and its sum or value."""
    found: dict[str, list[Any]] = {}
    data: Any = reader.get_metrics_data()
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [
                    (dict(point.attributes), getattr(point, "value", getattr(point, "count", None)))
                    for point in metric.data.data_points
                ]
    return found


def test_runs_components_retries_and_resumes_are_counted_and_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    hooks = MetricsHooks({"environment": "test"}, meter=provider.get_meter("test"))
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    pipeline = describe("a", "b:Step:fails = 2", more="retry-policy { max-retries = 1, initial-delay-ms = 1 }")
    with pytest.raises(ComponentFailedError) as failed:
        runner.run_with_checkpointing(pipeline, hooks)
    assert failed.value.run_id is not None
    runner.resume(pipeline, failed.value.run_id, hooks)

    found = points(reader)
    provider.shutdown()
    here = {"environment": "test", "pipeline": "Steps"}
    assert sorted(found["spark_pipeline.pipeline.runs"], key=str) == [
        ({**here, "status": "completed"}, 1),
        ({**here, "status": "failed"}, 1),
    ]
    assert found["spark_pipeline.pipeline.resumed"] == [(here, 1)]
    assert found["spark_pipeline.component.retries"] == [({**here, "component": "b"}, 1)]
    assert sorted(found["spark_pipeline.component.duration"], key=str) == [
        ({**here, "component": "a", "status": "done"}, 1),
        ({**here, "component": "b", "status": "done"}, 1),
        ({**here, "component": "b", "status": "failed"}, 1),
    ]


def test_without_opentelemetry_the_error_explains_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ImportError, match=r"airflow-spark-pipeline\[otel\]"):
        MetricsHooks()
