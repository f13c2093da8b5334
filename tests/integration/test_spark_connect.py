"""A pipeline on a Spark Connect server: the driver runs beside the task, and the server needs nothing of ours."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
    NotDeferrableError,
    PipelineDefinitionError,
    SparkConnectError,
)
from airflow_spark_pipeline.planning import StepAction
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.spark.connect import close, is_gone, open_session
from tests.acceptance.deployment import wait_for
from tests.connect_server import TOKEN, ConnectServer
from tests.proxy import proxy, write_certificate
from tests.unit.operators.shop import Driver, Shop

_MODULE = Path(__file__).with_name("shop_on_connect.py")


@dataclass
class OnConnect(Shop):
    """The task of a DAG, on a server."""

    server: str = ""

    def describe(self, *components: str, spark: str = "", more: str = "") -> str:
        listed = "\n".join(f"{{ instance-type = shop_on_connect.{component} }}" for component in components)
        connect = f'connect-string = "{self.server};user_id=etl"'
        return (
            f"spark {{\n{connect}\n{spark}\n}}\n"
            f"pipeline {{\npipeline-name = Shop\n{more}\npipeline-components = [\n{listed}\n]\n}}"
        )

    def operator(self, **arguments: Any) -> Any:
        return super().operator(**{"py_files": [str(_MODULE)], **arguments})


@pytest.fixture
def shop(connect_server: ConnectServer, tmp_path: Path) -> OnConnect:
    return OnConnect(tmp_path, Driver(), server=connect_server.url)


def test_a_retry_resumes_with_the_saved_views_and_the_result_is_right(
    connect_server: ConnectServer,
    shop: OnConnect,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection wins over the file; its token is in no command line, no environment, no log and no record."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connect_server.connection))
    note = shop.folder / "note.json"
    given: dict[str, Any] = {
        "pipeline": shop.describe(
            "Prepare",
            f'Sum, instance-config {{ note = "{note}", token = hunter22 }}',
            more="save-outputs = true",
            spark='config { "spark.sql.shuffle.partitions" = 3 }',
        ).replace(shop.server, "sc://nowhere/"),
        "conn_id": "lake",
        "conf": {"spark.sql.shuffle.partitions": "4"},
    }

    with pytest.raises(ComponentFailedError, match=r"\[2/2\] Sum .* once, for \*\*\*"):
        shop.run(**given)
    operator = shop.operator(**given)
    plan = operator.plan(shop.context(operator, try_number=2))
    assert [step.action for step in plan.steps] == [StepAction.SKIP, StepAction.RUN]
    result = shop.run(try_number=2, **given)
    log = capsys.readouterr().out

    assert result["components_run"] == ["Sum"]
    assert result["spark_application_id"].startswith("local-")
    seen = json.loads(note.read_text(encoding="utf-8"))
    assert (seen["sum"], seen["earlier"], seen["partitions"]) == (20, 3, "4")
    assert "[1/2] Prepare skipped (done in attempt 1; restored orders, earlier)" in log
    assert "the file's spark.connect-string is not used" in log
    kept = [path for path in (shop.folder / "checkpoints").rglob("*") if path.is_file()]
    del seen["environment"]["AIRFLOW_CONN_LAKE"]  # as this test gave it to Airflow
    everywhere = [log, seen["command_line"], str(seen["environment"])]
    everywhere += [path.read_bytes().decode(errors="replace") for path in kept]
    for secret in ("hunter22", TOKEN):
        assert [text for text in everywhere if secret in text] == []


def test_an_operation_of_a_killed_driver_has_ended_before_its_successor_starts(shop: OnConnect) -> None:
    marks = shop.folder / "marks"
    given: dict[str, Any] = {"pipeline": shop.describe(f'Trail, instance-config {{ marks = "{marks}" }}')}
    failed: list[BaseException] = []

    def first() -> None:
        with pytest.raises(ComponentFailedError, match=r"died at \[1/1\] Trail; exit code -9: killed") as error:
            shop.run(**given)
        failed.append(error.value)

    trying = threading.Thread(target=first)
    trying.start()
    wait_for("the operation", marks.exists, seconds=120)
    _, pid = json.loads(marks.with_name("marks.1").read_text(encoding="utf-8"))
    os.kill(pid, signal.SIGKILL)
    trying.join(60)
    assert failed
    left_alone = len(marks.read_text(encoding="utf-8").splitlines())
    wait_for("marks of an operation whose client is gone", lambda: _count(marks) > left_alone, seconds=60)

    assert shop.run(try_number=2, **given)["components_run"] == ["Trail"]
    started, _ = json.loads(marks.with_name("marks.2").read_text(encoding="utf-8"))
    assert float(marks.read_text(encoding="utf-8").splitlines()[-1]) < started


def _count(marks: Path) -> int:
    return len(marks.read_text(encoding="utf-8").splitlines())


_OPENS_A_SESSION = """
import sys
from airflow_spark_pipeline.runtime.spark import connect
connect._START_SECONDS = 5.0
connect.open_session(connect.ConnectTarget(sys.argv[1], ()), {}, sys.argv[2])
"""


def test_a_token_is_sent_through_tls_and_an_untrusted_certificate_is_reported(
    connect_server: ConnectServer, shop: OnConnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server speaks plain text; TLS ends at a proxy in front of it, as Spark's documentation advises."""
    certificate = shop.folder / "certificate.pem"
    write_certificate(certificate)
    with proxy(connect_server.port, certificate) as server:
        connection = {**connect_server.connection, "port": server.port, "extra": {"use_ssl": True}}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
        given: dict[str, Any] = {"pipeline": shop.describe("Prepare"), "conn_id": "lake"}
        trusted = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate)}
        assert shop.run(**given, env_vars=trusted)["components_run"] == ["Prepare"]

        url = f"sc://localhost:{server.port}/;use_ssl=true;token={TOKEN}"
        command = [sys.executable, "-c", _OPENS_A_SESSION, url, str(uuid.uuid4())]
        refused = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert refused.returncode == 1
        assert "did not answer within 5 s" in refused.stderr
        assert "Do both sides agree on TLS (use_ssl)?" in refused.stderr
        assert TOKEN not in refused.stderr


@pytest.mark.slow
@pytest.mark.nightly  # gRPC pings once a minute at most
@pytest.mark.filterwarnings("ignore:.RETRIES_EXCEEDED:UserWarning")
def test_a_network_that_drops_silently_fails_the_waiting_call(
    connect_server: ConnectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.errors.exceptions.connect import SparkConnectGrpcException
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.functions import udf

    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # the session sets it, and later tests have another Spark
    monkeypatch.setattr("airflow_spark_pipeline.runtime.spark.connect._PING_SECONDS", 2.0)
    monkeypatch.setattr("airflow_spark_pipeline.runtime.spark.connect._PING_ANSWER_SECONDS", 1.0)
    monkeypatch.setattr("airflow_spark_pipeline.runtime.spark.connect._ANSWER_SECONDS", 3.0)
    with proxy(connect_server.port) as server:
        url = connect_server.url.replace(str(connect_server.port), str(server.port))
        session: Any = open_session(ConnectTarget(url, ()), {}, str(uuid.uuid4()))
        session.client.set_retry_policies([DefaultPolicy(max_retries=1, initial_backoff=100)])
        slow = udf(lambda _: threading.Event().wait(60), "boolean")
        waiting = threading.Timer(1.0, server.cut)
        waiting.start()
        with pytest.raises(SparkConnectGrpcException, match=r"(?i)unavailable|ping timeout|keepalive"):
            session.range(0, 1, 1, 1).select(slow("id")).collect()
        waiting.join()
        assert is_gone(session)
        assert not close(session)
        assert session.is_stopped


def test_settings_that_belong_to_the_server_are_named_and_no_component_runs(shop: OnConnect) -> None:
    settings = '"spark.executor.memory" = 2g, "spark.hadoop.fs.s3a.access.key" = x, "spark.sql.warehouse.dir" = y'
    with pytest.raises(
        ComponentFailedError,
        match=r"these settings belong to the server, not to a session: spark\.executor\.memory, "
        r"spark\.hadoop\.fs\.s3a\.access\.key, spark\.sql\.warehouse\.dir",
    ) as failed:
        shop.run(pipeline=shop.describe("Prepare", spark=f"config {{ {settings} }}"))
    assert not failed.value.retry_helps


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"executor_memory": "2g", "jars": "a.jar"}, SparkConnectError, r"cannot be used: jars, executor_memory"),
        ({"deferrable": True}, NotDeferrableError, "on Spark Connect the driver runs next to the task"),
        ({"py_files": ["s3://bucket/my_etl.zip"]}, SparkConnectError, "modules are local"),
        ({"py_files": ["missing.py"]}, PipelineDefinitionError, "there is no such file"),
    ],
)
def test_an_argument_without_meaning_on_spark_connect_is_refused_and_nothing_is_claimed(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    shop = OnConnect(tmp_path, Driver(), server="sc://127.0.0.1:1/")
    with pytest.raises(error, match=message):
        shop.run(pipeline=shop.describe("Prepare"), **arguments)
    assert not (tmp_path / "checkpoints").exists()


def test_an_unreachable_server_is_reported_and_nothing_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_spark_pipeline.launch.spark_connect.await_server.__defaults__", (0.0,))
    shop = OnConnect(tmp_path, Driver(), server="sc://127.0.0.1:1/")
    with pytest.raises(SparkConnectError, match=r"No Spark Connect server answers at sc://127\.0\.0\.1:1") as said:
        shop.run(pipeline=shop.describe("Prepare"))
    assert said.value.retry_helps
    assert not list((tmp_path / "checkpoints").rglob("*.json"))


def test_the_example_runs(connect_server: ConnectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = importlib.import_module("spark_connect")  # a DAG file
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_CONNECT_DEFAULT", json.dumps(connect_server.connection))
    operator = example.dag.get_task("revenue")
    operator.checkpoint_location = str(tmp_path / "checkpoints")
    context = Shop(tmp_path, Driver()).context(operator)
    orders = Path(__file__).parents[2] / "dags_examples" / "ready_made_orders.csv"
    context["params"] = {"orders": str(orders), "result": str(tmp_path / "revenue")}
    operator.render_template_fields(context)

    assert len(operator.execute(context)["components_run"]) == 5
    import pandas as pd

    revenue = pd.read_parquet(tmp_path / "revenue").set_index("country")["revenue"]
    expected = pd.read_csv(orders).groupby("country")["amount"].sum()
    assert {country: round(float(value), 2) for country, value in revenue.items()} == {
        country: round(float(value), 2) for country, value in expected.items()
    }
