"""A component that starts a streaming query is done when the query is, on a classic session and on Spark Connect."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.runtime.spark.connect import close, is_connect, open_session
from tests.steps import describe, names


@pytest.fixture(params=["classic", pytest.param("connect", marks=pytest.mark.slow)])
def session(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if request.param == "classic":
        yield request.getfixturevalue("spark")
        return
    server = request.getfixturevalue("connect_server")
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    remote = open_session(ConnectTarget(server.url), {}, str(uuid.uuid4()))
    yield remote
    close(remote)


class Streaming:
    """Pipelines with one component that starts a query over ten rows."""

    def __init__(self, session: Any, directory: Path) -> None:
        self.session = session
        self.directory = directory
        self.runner = PipelineRunner(session, location=directory / "checkpoints")
        session.range(10).write.parquet(str(directory / "source"))

    def describe(self, trigger: str, then: str, more: str = "") -> str:
        config = f'source = "{self.directory}/source", target = "{self.directory}/target", trigger = "{trigger}"'
        return describe(
            f'{{ instance-type = "tests.leftover_work.Queries", instance-name = stream, {more}\n'
            f'instance-config {{ ledger = ${{LEDGER}}, {config}, then = "{then}" }} }}'
        )

    def run(self, trigger: str, then: str = "", more: str = "") -> list[str]:
        return self.runner.run_with_checkpointing(self.describe(trigger, then, more)).ran

    @property
    def written(self) -> int:
        return int(self.session.read.parquet(f"{self.directory}/target/out").count())


@pytest.fixture
def streaming(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Streaming]:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    yield Streaming(session, tmp_path)
    assert session.streams.active == []


@pytest.mark.parametrize("trigger", ["availableNow", "once"])
def test_a_query_that_ends_by_itself_is_waited_for(streaming: Streaming, trigger: str) -> None:
    assert streaming.run(trigger) == ["stream"]
    assert streaming.written == 10


def test_on_spark_connect_no_request_is_sent_to_look_for_queries(
    streaming: Streaming, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_connect(streaming.session):
        pytest.skip("a call to the JVM takes no time, and code there may start a query")
    asked = []

    def ask(_: Any) -> list[Any]:
        asked.append("each component would wait for the answer")
        return []

    with monkeypatch.context() as patched:
        patched.setattr(type(streaming.session.streams), "active", property(ask))
        assert streaming.runner.run_with_checkpointing(describe("a", "b")).ran == ["a", "b"]
        assert asked == []
        assert streaming.run("availableNow") == ["stream"]
        assert asked


def test_a_query_that_a_thread_starts_after_run_has_returned_is_waited_for(streaming: Streaming) -> None:
    assert streaming.run("availableNow", "in a thread") == ["stream"]
    assert streaming.written == 10


def test_a_streaming_query_that_the_component_stops_is_no_error(streaming: Streaming) -> None:
    assert streaming.run("", "stops") == ["stream"]
    assert streaming.written == 10


def test_a_query_without_an_end_is_stopped_and_fails_the_component(streaming: Streaming, tmp_path: Path) -> None:
    more = "retry-policy { max-retries = 3, initial-delay-ms = 1 }"
    with pytest.raises(
        ComponentFailedError, match=r"stream returned with running streaming queries, which .* were stopped: 'orders'"
    ):
        streaming.run("", more=more)
    assert names(tmp_path / "ledger") == "stream"  # and is not tried again


@pytest.mark.parametrize("then", ["fails", "fails late"])
def test_a_failed_streaming_query_fails_the_component_even_if_it_does_not_check(
    streaming: Streaming, then: str
) -> None:
    with pytest.raises(ComponentFailedError, match="batch 0 is refused"):
        streaming.run("availableNow", then)


def test_a_query_failure_that_the_component_handles_is_ignored(streaming: Streaming) -> None:
    assert streaming.run("availableNow", "fails and handles") == ["stream"]


def test_a_streaming_query_from_before_the_component_is_left_alone(streaming: Streaming) -> None:
    before = streaming.session.readStream.format("rate").load().writeStream.format("noop").start()
    try:
        assert streaming.run("availableNow") == ["stream"]
        assert before.isActive
    finally:
        before.stop()


def test_an_error_in_a_users_batch_function_is_reported_with_its_line(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    streaming = Streaming(spark, tmp_path)
    with pytest.raises(ComponentFailedError, match="ValueError: batch 0 is refused"):
        streaming.run("availableNow", "refuses")
    (state,) = streaming.runner.list_resumable()
    assert state.failure is not None
    assert re.search(r'leftover_work\.py", line \d+, in refuse', state.failure.message)
