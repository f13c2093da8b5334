"""On Spark Connect, the server is asked for streaming queries only if one may have been started."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.loop import streaming_queries
from airflow_spark_pipeline.runtime.loop.streaming_queries import Streams


class Server:
    """A session's manager of streaming queries; ``asked`` counts the requests."""

    def __init__(self) -> None:
        self.queries: list[Any] = []
        self.asked = 0

    @property
    def active(self) -> list[Any]:
        """Return the running queries."""
        self.asked += 1
        return list(self.queries)

    def start(self, name: str) -> Any:
        """Start a query that does not end by itself, as Spark's writer does."""
        query = SimpleNamespace(id=name, name=name, isActive=True, exception=lambda: None, stop=lambda: None)

        def begin() -> Any:
            self.queries.append(query)
            return query

        return streaming_queries._started(begin, SimpleNamespace(), {})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(streaming_queries, "is_connect", lambda _: True)
    monkeypatch.setattr(streaming_queries, "_watch", lambda _: None)
    yield Server()
    assert streaming_queries._open == []


def streams(server: Server, *, mine: bool = True) -> Streams:
    spark: Any = SimpleNamespace(streams=server)
    return Streams(spark, "load", lambda: None, lambda: mine)


def test_a_component_without_queries_sends_no_request(server: Server) -> None:
    with streams(server) as found:
        found.finish()
        found.finish()
    assert server.asked == 0


@pytest.mark.parametrize("mine", [True, False], ids=["in its own thread", "in a thread of an earlier component"])
def test_a_query_without_an_end_fails_the_component(server: Server, mine: bool) -> None:
    server.queries.append(SimpleNamespace(id="of before", isActive=True))
    with streams(server, mine=mine) as found:
        server.start("orders")
        with pytest.raises(ComponentFailedError, match=r"which do not end .*: 'orders'"):
            found.finish()


def test_a_query_of_another_session_can_start_although_this_server_is_gone(server: Server) -> None:
    class Gone(Server):
        @property
        def active(self) -> list[Any]:
            raise ConnectionError("the server is gone")

    with streams(Gone(), mine=False):
        assert server.start("orders").name == "orders"


def test_of_two_queries_that_start_at_once_both_are_found(server: Server) -> None:
    with streams(server, mine=False) as found:
        first = True

        class Slow(Server):
            @property
            def active(self) -> list[Any]:
                nonlocal first
                if first:  # meanwhile another thread starts a query
                    first = False
                    server.start("orders")
                return list(server.queries)

        found._manager = Slow()
        server.start("returns")
        assert sorted(query.name for query in found._running()) == ["orders", "returns"]
