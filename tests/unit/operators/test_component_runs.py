"""The runs of components as OpenTelemetry and OpenLineage get them: each exactly once."""

from __future__ import annotations

import json
import shutil
import sys
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import Mock

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction
from airflow_spark_pipeline.exceptions import ComponentFailedError, SupersededError
from airflow_spark_pipeline.task import component_lineage, component_runs, component_spans
from airflow_spark_pipeline.task.component_runs import ComponentRun
from airflow_spark_pipeline.task.unit import Unit
from tests.airflows import needs_store
from tests.unit.operators.shop import Driver, Shop

IDS = {name: str(uuid.uuid4()) for name in ("lineage_run_id", "lineage_root_run_id")}
STARTED = datetime(2026, 1, 31, 4, tzinfo=timezone.utc)
Reported = list[tuple[str, int | None, str | None]]


def done(state: CheckpointState, name: str) -> CheckpointState:
    state = Driver.done(state, name)
    record = state.component(name)
    assert record is not None
    return state.with_component(replace(record, started_at=STARTED.isoformat()))


@pytest.fixture
def reported(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Reported:
    """Name, attempt and error of each reported run."""
    reported: Reported = []

    def note(_: Any, __: CheckpointState, runs: list[ComponentRun]) -> None:
        reported.extend((run.record.name, run.record.attempt, run.error) for run in runs)

    monkeypatch.setattr(component_spans, "make_spans", note)
    monkeypatch.setattr(shop.driver, "done", done)
    return reported


def fail_at(shop: Shop, name: str, try_number: int) -> None:
    shop.driver.fails_at = name
    with pytest.raises(ComponentFailedError):
        shop.run(try_number=try_number)
    shop.driver.fails_at = None


def test_each_try_reports_what_it_ran_and_not_what_it_skipped(shop: Shop, reported: Reported) -> None:
    fail_at(shop, "Clean", 1)
    assert reported == [("Extract", 1, None)]
    fail_at(shop, "Load", 2)
    assert reported[1:] == [("Clean", 2, None)]
    shop.run(try_number=3)
    assert reported[2:] == [("Load", 3, None)]


@pytest.mark.skipif(not AIRFLOW.has_task_state_store, reason="a try then knows nothing of an earlier one")
def test_components_of_a_killed_task_are_reported_by_the_next_try(
    shop: Shop, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Unit, "outcome", Mock(side_effect=KeyboardInterrupt))
        shop.driver.fails_at = "Clean"
        with pytest.raises(KeyboardInterrupt):
            shop.run(try_number=1)
    shop.driver.fails_at = None
    assert reported == []
    shop.run(try_number=2)
    assert reported == [("Extract", 1, None), ("Clean", 2, None), ("Load", 2, None)]


@pytest.mark.skipif(not AIRFLOW.has_task_state_store, reason="a try then knows nothing of an earlier one")
def test_the_components_of_a_reported_success_are_reported_once(
    shop: Shop, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Unit, "retire", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            shop.run(try_number=1)
    assert len(reported) == 3
    shop.run(try_number=2)
    assert len(reported) == 3


def test_a_run_that_starts_over_is_reported_again(shop: Shop, reported: Reported) -> None:
    shop.run(try_number=1)
    shop.run(try_number=2, max_tries=7)  # cleared
    assert [name for name, *_ in reported] == ["Extract", "Clean", "Load"] * 2


def test_another_task_that_resumes_the_run_reports_only_what_it_ran(shop: Shop, reported: Reported) -> None:
    fail_at(shop, "Load", 1)
    run_id = shop.latest().state.run_id
    shop.in_dag_run("manual__2026-02-01").run(resume_run_id=run_id)
    assert reported == [("Extract", 1, None), ("Clean", 1, None), ("Load", 2, None)]


@needs_store
def test_a_run_whose_log_was_pruned_is_reported_again(shop: Shop, reported: Reported) -> None:
    shop.run(try_number=1)
    shutil.rmtree(shop.folder / "checkpoints")
    shop.run(try_number=2, max_tries=7)  # cleared: the log starts with the same numbers
    assert [name for name, *_ in reported] == ["Extract", "Clean", "Load"] * 2


@needs_store
def test_a_task_that_took_over_another_run_reports_its_own_run_later(shop: Shop, reported: Reported) -> None:
    for number in (1, 2, 3):
        fail_at(shop, "Load", number)
    other = shop.in_dag_run("manual__2026-02-01")
    other.run(resume_run_id=shop.latest().state.run_id)
    reported.clear()
    other.run(try_number=2, max_tries=7)  # cleared, without the id: its own unit, whose numbers are lower
    assert reported == [("Extract", 1, None), ("Clean", 1, None), ("Load", 1, None)]


def test_a_superseded_try_reports_no_components(shop: Shop, reported: Reported) -> None:
    fail_at(shop, "Load", 2)
    before = list(reported)
    with pytest.raises(SupersededError):
        shop.run(try_number=1)
    assert reported == before


def test_a_collector_that_does_not_answer_fails_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(component_spans, "make_spans", Mock(side_effect=ConnectionError("no collector")))
    assert shop.run()["components_run"] == ["Extract", "Clean", "Load"]
    assert "could not be reported to OpenTelemetry: no collector" in capsys.readouterr().out


def test_a_run_has_its_times_and_the_error_that_ended_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.driver, "done", done)
    shop.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        shop.run()
    state = shop.latest().state
    load = replace(
        state.components[2],
        action=ComponentAction.FAILED,
        attempt=1,
        started_at=STARTED.isoformat(),
        duration_seconds=2.5,
        reason="OSError: disk full",
    )
    extract, _, failed = component_runs.runs_after(state.with_component(load), (-1, 0))
    assert (extract.started, extract.ended, extract.error) == (STARTED, STARTED + timedelta(seconds=1), None)
    assert (failed.ended, failed.error) == (STARTED + timedelta(seconds=2.5), "OSError: disk full")
    assert component_runs.runs_after(state.with_component(load), (0, 1)) == []


# ---- spans


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", lambda *names, **_: provider.get_tracer(*names))
    return exporter


def test_each_component_is_a_span_below_the_current_one_with_the_drivers_times(
    shop: Shop, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.driver, "done", done)
    with trace.get_tracer("airflow").start_as_current_span("worker.etl") as parent:
        fail_at(shop, "Load", 1)
        shop.run(try_number=2)
    found: list[ReadableSpan] = [span for span in spans.get_finished_spans() if span.name.startswith("component.")]
    assert [span.name for span in found] == ["component.Extract", "component.Clean", "component.Load"]
    first = found[0]
    assert first.parent is not None
    assert first.parent.span_id == parent.get_span_context().span_id
    assert first.start_time == int(STARTED.timestamp()) * 10**9
    assert first.end_time == first.start_time + 10**9
    assert dict(first.attributes or {}) == {
        "spark_pipeline.pipeline": "Shop",
        "spark_pipeline.run_id": (first.attributes or {})["spark_pipeline.run_id"],
        "spark_pipeline.component": "Extract",
        "spark_pipeline.component_type": "shop_etl.Extract",
        "spark_pipeline.attempt": 1,
        "spark_pipeline.retries": 0,
    }


def test_a_component_that_failed_is_a_span_with_its_error(shop: Shop, spans: InMemorySpanExporter) -> None:
    shop.run()
    state = shop.latest().state
    run = ComponentRun(state.components[0], STARTED, STARTED, "OSError: disk full")
    component_spans.make_spans(shop.context(shop.operator()), state, [run])
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (trace.StatusCode.ERROR, "OSError: disk full")


def test_without_opentelemetry_there_are_no_spans(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    assert shop.run()["components_run"] == ["Extract", "Clean", "Load"]


# ---- OpenLineage; the events themselves are tested under a real Airflow


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://lake/raw/orders", "s3://lake", "raw/orders"),
        ("s3://lake", "s3://lake", "/"),
        ("gs://lake/orders", "gs://lake", "orders"),
        ("abfss://data@account.dfs.core.windows.net/orders", "abfss://data@account.dfs.core.windows.net", "orders"),
        ("hdfs://name-node:8020/data/orders", "hdfs://name-node:8020", "/data/orders"),
        ("file:///data/orders", "file", "/data/orders"),
        ("x-spark-table://spark_catalog/sales/orders", "x-spark-table://spark_catalog", "sales/orders"),
    ],
)
def test_a_written_uri_becomes_an_openlineage_dataset(uri: str, namespace: str, name: str) -> None:
    pytest.importorskip("openlineage.client", reason="comes with apache-airflow-providers-openlineage")
    dataset = component_lineage.dataset(uri, {"rows": 3, "mode": "overwrite"})
    assert (dataset.namespace, dataset.name) == (namespace, name)
    assert dataset.outputFacets["outputStatistics"].rowCount == 3
    assert component_lineage.dataset(uri, {"rows": True}).outputFacets == {}


def forget_configuration() -> None:
    """The provider reads its configuration once in a process."""
    for cached in vars(pytest.importorskip("airflow.providers.openlineage.conf")).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.fixture
def sent(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events that are emitted by an active provider."""
    api = pytest.importorskip("airflow.providers.openlineage.api", reason="an optional provider")
    macros = pytest.importorskip("airflow.providers.openlineage.plugins.macros")
    names = {"lineage_job_name": "shop.etl", "lineage_root_job_name": "shop", "lineage_root_job_namespace": "root"}
    for name, value in {**IDS, **names}.items():
        monkeypatch.setattr(macros, name, lambda _, value=value: value)
    monkeypatch.setattr(macros, "lineage_job_namespace", lambda: "ours")
    sent: list[Any] = []
    monkeypatch.setattr(api, "is_openlineage_active", lambda: True)
    monkeypatch.setattr(api, "emit", sent.append)
    monkeypatch.setattr(shop.driver, "done", done)
    return sent


def test_each_run_has_a_start_and_an_end_below_the_tasks_own_run(shop: Shop, sent: list[Any]) -> None:
    shop.run()
    state = shop.latest().state
    record = replace(state.components[0], wrote={"s3://lake/raw": {"rows": 3}})
    runs = [ComponentRun(record, STARTED, STARTED + timedelta(seconds=2))]
    runs += [ComponentRun(state.components[1], STARTED, STARTED, "OSError: disk full")]
    sent.clear()
    context = shop.context(shop.operator())
    component_lineage.emit(context, state, runs)
    assert [(event.job.name, event.eventType.value) for event in sent] == [
        ("shop.etl.Extract", "START"),
        ("shop.etl.Extract", "COMPLETE"),
        ("shop.etl.Clean", "START"),
        ("shop.etl.Clean", "FAIL"),
    ]
    start, done, _, failed = sent
    assert (start.eventTime, done.eventTime) == ("2026-01-31T04:00:00+00:00", "2026-01-31T04:00:02+00:00")
    assert start.run.runId == done.run.runId != failed.run.runId
    parent = done.run.facets["parent"]
    assert (parent.run.runId, parent.job.namespace, parent.job.name) == (IDS["lineage_run_id"], "ours", "shop.etl")
    assert (parent.root.run.runId, parent.root.job.name) == (IDS["lineage_root_run_id"], "shop")
    assert [(each.namespace, each.name) for each in done.outputs] == [("s3://lake", "raw")]
    assert failed.run.facets["errorMessage"].message == "OSError: disk full"
    first = [event.run.runId for event in sent]
    sent.clear()
    component_lineage.emit(context, state, runs)
    assert [event.run.runId for event in sent] == first, "an event that is sent twice is the same event"


@pytest.mark.parametrize(
    ("policy", "events"),
    [
        ([], 6),
        ([{"scope": {"dag_id": "shop"}, "controls": {"emit": False}}], 0),
        ([{"scope": {"dag_id": "shop", "task_id": "etl"}, "controls": {"emit_task_events": False}}], 0),
        ([{"scope": {"dag_id": "other"}, "controls": {"emit": False}}], 6),
    ],
)
def test_a_task_whose_lineage_is_switched_off_emits_none_for_its_components(
    shop: Shop, sent: list[Any], airflow_config: Any, policy: list[Any], events: int
) -> None:
    airflow_config("openlineage", "emission_policy", json.dumps(policy))
    forget_configuration()
    try:
        shop.run()
    finally:
        forget_configuration()
    assert len(sent) == events


def test_without_the_provider_there_is_no_lineage(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.api", None)
    assert shop.run()["components_run"] == ["Extract", "Clean", "Load"]
