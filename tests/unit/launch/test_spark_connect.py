"""Which Spark Connect server a task uses, and its connection string."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.launch.child_process import Child, environment
from airflow_spark_pipeline.launch.spark_connect import find_server
from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.pipeline.spec import SparkSpec
from airflow_spark_pipeline.secrets import mask_text

IN_FILE = SparkSpec(connect_string="sc://in-file")
CONNECT = {"conn_type": "spark_connect", "host": "lake", "port": 443, "login": "etl", "password": "a/b=c;d"}


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Any:
    def create(conn_id: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))

    return create


def find(conn_id: str | None, spark: SparkSpec) -> tuple[str | None, list[str]]:
    told: list[str] = []
    server = find_server(conn_id or "spark_default", spark, told.append, is_named=conn_id is not None)
    return (None if server is None else server.address), told


def test_a_named_connection_wins_over_the_file_and_the_log_says_so(connection: Any) -> None:
    connection("lake", **CONNECT)
    assert find("lake", IN_FILE) == (
        "sc://lake:443",
        ["The connection 'lake' names a Spark Connect server; the file's spark.connect-string is not used."],
    )
    assert "spark.master is not used" in find("lake", SparkSpec(master="yarn"))[1][0]
    assert find("lake", SparkSpec()) == ("sc://lake:443", [])


def test_a_named_cluster_connection_wins_over_the_file_and_the_log_says_so(connection: Any) -> None:
    connection("cluster", conn_type="spark", host="yarn")
    server, told = find("cluster", IN_FILE)
    assert server is None
    assert told == ["conn_id names the Spark connection 'cluster'; the file's spark.connect-string is not used."]


def test_the_file_wins_over_a_default_connection_that_just_exists(connection: Any) -> None:
    connection("spark_default", conn_type="spark", host="yarn")
    assert find(None, IN_FILE) == ("sc://in-file:15002", [])
    assert find(None, SparkSpec()) == (None, [])


def test_the_default_connection_may_point_to_a_spark_connect_server(connection: Any) -> None:
    connection("spark_default", **CONNECT)
    assert find(None, SparkSpec()) == ("sc://lake:443", [])


def test_a_missing_connection_is_left_to_the_submitting_operator() -> None:
    assert find("missing", SparkSpec()) == (None, [])


@pytest.mark.parametrize("host", ["lake/path", "", None])
def test_a_connection_without_a_valid_connection_string_is_refused_by_name(connection: Any, host: str | None) -> None:
    connection("broken", conn_type="spark_connect", host=host)
    with pytest.raises(SparkConnectError, match="The Spark Connect connection 'broken'"):
        find("broken", SparkSpec())


def test_a_token_with_any_characters_reaches_sparks_client_unchanged(connection: Any) -> None:
    connection("lake", **CONNECT)
    server = find_server("lake", SparkSpec(), print, is_named=True)
    assert server is not None
    assert server.secrets == {"token": "a/b=c;d"}
    from pyspark.sql.connect.client import DefaultChannelBuilder

    url = server.having(session_id="5f1f6d2e-0000-5000-8000-000000000000").url
    assert DefaultChannelBuilder(url).token == "a/b=c;d"
    assert ConnectString.parse(url).parameters["user_id"] == "etl"


def test_a_token_in_a_connection_string_is_masked_wherever_it_is_shown() -> None:
    shown = mask_text("to sc://lake:443/;user_id=etl;token=abc;use_ssl=true and on")
    assert shown == "to sc://lake:443/;user_id=etl;token=***;use_ssl=true and on"


def test_a_childs_output_is_passed_on_line_by_line_with_its_exit_code() -> None:
    lines: list[str] = []
    child = Child(environment({"GIVEN": 7}, ["/modules"]), lines.append)
    code = child.run([sys.executable, "-c", "import os; print(os.environ['GIVEN'], os.environ['PYTHONPATH']); exit(3)"])
    assert code == 3
    assert lines[0].startswith("7 /modules")


def test_a_child_may_print_while_it_stops_and_is_killed_if_it_does_not_stop(tmp_path: Path) -> None:
    polite = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); print('up', flush=True)"
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
    for code, expected in ((polite, 5), (stubborn, -signal.SIGKILL)):
        child = Child(dict(os.environ), lambda _: threading.Thread(target=child.stop).start())  # noqa: B023
        assert child.run([sys.executable, "-c", f"{code}; time.sleep(60)"]) == expected


@pytest.mark.parametrize("url", ["sc://spark;token=AbCdEf12345", "sc://;token=x", "sc://a b/", "sc://h;x:15002"])
def test_a_token_without_the_slash_before_it_is_not_taken_for_a_part_of_the_host(url: str) -> None:
    with pytest.raises(ValueError, match="expected sc://host:port/") as caught:
        ConnectString.parse(url)
    assert "12345" not in str(caught.value)
