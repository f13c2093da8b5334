"""Asset events, OpenLineage events and spans of a run that failed and resumed: each exactly once."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.client import Client, Run
from tests.acceptance.deployment import Deployment, wait_for

pytest.importorskip("openlineage.client", reason="comes with apache-airflow-providers-openlineage")
pytestmark = [pytest.mark.slow, pytest.mark.nightly]  # starts another Airflow, for three tests

_TASK = "writing.etl"


class Collector(ThreadingHTTPServer):
    """A collector of OpenTelemetry: keeps the spans that it gets."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        super().__init__(("127.0.0.1", 0), _Receiver)

    def named(self, start: str) -> list[Any]:
        return sorted((span for span in self.spans if span.name.startswith(start)), key=lambda span: span.name)


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def events_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("openlineage") / "events.jsonl"


@pytest.fixture(scope="module")
def run(
    airflow_db: Path, tmp_path_factory: pytest.TempPathFactory, collector: Collector, events_file: Path
) -> Iterator[Run]:
    """The run, after its second try has succeeded, of an Airflow that tells others."""
    home = tmp_path_factory.mktemp("telling")
    connections = {"spark_default": {"conn_type": "spark", "host": "local[1]"}}
    bundles = {"lineage": Path(__file__).parent / "lineage_dags"}
    airflow = Deployment(home, airflow_db / "airflow.db", bundles, connections)
    transport = {"type": "file", "log_file_path": str(events_file), "append": True}
    airflow.environment |= {
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "shop",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__TRACES__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_TRACES_EXPORTER": "otlp_proto_http",
    }
    try:
        airflow.start()
        client = Client(airflow)
        run = Run(client, "writing", "first", {}, "etl")
        run.trigger()
        run.wait("success", tries=2)
        yield run
        client.close()
    finally:
        airflow.stop()


@pytest.fixture(scope="module")
def lineage(run: Run, events_file: Path) -> list[dict[str, Any]]:
    """All events of OpenLineage; those of the end of a try come from a process that outlives the task."""

    def ended() -> list[dict[str, Any]] | None:
        try:
            lines = events_file.read_text(encoding="utf-8").splitlines()
            events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        except (OSError, ValueError):
            return None  # somebody is writing a line
        of_task = {event["eventType"] for event in events if event["job"]["name"] == _TASK}
        return events if {"START", "FAIL", "COMPLETE"} <= of_task else None

    return wait_for("the task's last event", ended, seconds=60.0, every=0.3)


def test_the_try_that_succeeds_makes_one_asset_event_of_what_each_component_wrote(run: Run) -> None:
    found = run.client.get("/assets/events", source_dag_id="writing")["asset_events"]
    events = {event["uri"]: event["extra"] for event in found}
    orders = f"file://{run.client.deployment.ledgers}/orders"
    assert sorted(event["uri"] for event in found) == sorted(["s3://lake/raw", orders, "s3://lake/report"])
    assert events["s3://lake/raw"]["rows"] == 3
    assert events[orders]["format"] == "parquet"
    writers = {
        uri: (extra["spark_pipeline"]["component"], extra["spark_pipeline"]["attempt"]) for uri, extra in events.items()
    }
    assert writers == {"s3://lake/raw": ("Extract", 1), orders: ("WriteFiles", 1), "s3://lake/report": ("Load", 2)}


def test_each_component_is_a_job_of_openlineage_with_its_run_its_state_and_its_parent(
    lineage: list[dict[str, Any]],
) -> None:
    ours = [event for event in lineage if event["job"]["name"].startswith(f"{_TASK}.")]
    states = [(event["job"]["name"].removeprefix(f"{_TASK}."), event["eventType"]) for event in ours]
    ran, failed = ["START", "COMPLETE"], ["START", "FAIL"]
    assert states == [
        *(("Extract", state) for state in ran),
        *(("WriteFiles", state) for state in ran),
        *(("Load", state) for state in (*failed, *ran)),
    ]
    assert len({event["run"]["runId"] for event in ours}) == 4
    assert {event["job"]["namespace"] for event in ours} == {"shop"}
    parents = [event["run"]["facets"]["parent"] for event in ours]
    tries = {event["run"]["runId"] for event in lineage if event["job"]["name"] == _TASK}
    assert {parent["job"]["name"] for parent in parents} == {_TASK}
    assert {parent["run"]["runId"] for parent in parents} == tries, "each try is a run of the task's job"
    assert len(tries) == 2
    assert {parent["root"]["job"]["name"] for parent in parents} == {"writing"}
    (error,) = [event["run"]["facets"]["errorMessage"]["message"] for event in ours if event["eventType"] == "FAIL"]
    assert error == "ConnectionError: the warehouse is down"
    written = [(each["namespace"], each["name"]) for event in ours for each in event["outputs"]]
    assert written[0] == ("s3://lake", "raw")
    assert written[-1] == ("s3://lake", "report")
    assert len(written) == 3


def test_each_run_of_a_component_is_a_span_in_the_trace_of_the_task(run: Run, collector: Collector) -> None:
    assert run.tries == 2
    spans = wait_for(
        "the spans of both tries",
        lambda: collector.named("component.") if len(collector.named("worker.etl")) == 2 else None,
        seconds=60.0,
    )
    assert [span.name for span in spans] == [
        "component.Extract",
        "component.Load",
        "component.Load",
        "component.WriteFiles",
    ]
    assert len({span.trace_id for span in [*spans, *collector.named("worker.etl")]}) == 1
    assert {span.parent_span_id for span in spans} == {span.span_id for span in collector.named("worker.etl")}
    assert [span.status.message for span in spans if span.status.code == span.status.STATUS_CODE_ERROR] == [
        "ConnectionError: the warehouse is down"
    ]
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in spans)
