"""Streaming queries: waits for the queries that a component starts, before the component counts as done.

``start()`` returns at once, so a component that starts a query and returns would be recorded as done before anything
is written. Guarantees: the loop waits for a query that ends automatically (``trigger(availableNow=True)``,
``trigger(once=True)``). A query that runs until it is stopped is stopped, and the component fails. The component also
fails if a query failed and the component did not notice. A query from before the component is left alone.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.process.output import say_below
from airflow_spark_pipeline.runtime.spark.connect import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOK_SECONDS = 1
_ENDS = "_spark_pipeline_ends"  # set on a writer and on its query: it ends automatically
_SEEN = "_spark_pipeline_seen"  # set on a query whose failure the component has seen
_lock = threading.Lock()
_watched: set[str] = set()  # modules whose classes are wrapped
_open: list[Streams] = []


class Streams:
    """The queries that are started inside the block; after an error in the block they are stopped.

    :param name: name of the component
    :param guard: function that raises if the driver must stop
    :param mine: function that returns whether this thread belongs to the component
    """

    # Not with contextlib: it sets the traceback of the raised exception, which not every class allows.
    def __init__(
        self, spark: SparkSession, name: str, guard: Callable[[], None], mine: Callable[[], bool] = lambda: True
    ) -> None:
        self._manager: Any = getattr(spark, "streams", None)
        self._spark = spark
        self._name = name
        self._guard = guard
        self.mine = mine
        self._before: set[str] | None = None  # ids of the queries from before, once they are known
        self.shared = False  # whether another component has been running, whose queries must be left alone
        self.started: list[Any] = []

    def __enter__(self) -> Streams:  # noqa: PYI034  # Self is not in Python 3.10
        if self._manager is not None:
            _watch("pyspark.sql.connect.streaming" if is_connect(self._spark) else "pyspark.sql.streaming")
            if not is_connect(self._spark):  # code in the JVM may start one
                self.one_starts()
            _open.append(self)
            if len(_open) > 1:
                for streams in _open:
                    streams.shared = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._manager is not None:
            _open.remove(self)
        if kind is not None:
            self._stop()

    def finish(self) -> None:
        """Wait for the queries that end automatically.

        :raises ComponentFailedError: a query runs until it is stopped; it was stopped
        :raises Exception: a query failed, and the component did not notice
        """
        if self._manager is None:
            return
        running = self._running()
        endless = [query for query in running if not _ends(query)]
        if endless:
            self._stop()
            which = ", ".join(map(_label, endless))
            raise ComponentFailedError(
                f"{self._name} returned with running streaming queries, which do not end on their own and were "
                f"stopped: {which}. A component is done when everything that it started is done: give a query "
                "trigger(availableNow=True), or call awaitTermination(timeout) and stop() before run() returns.",
                retry_helps=False,
            )
        for query in running:
            say_below(self._name, f"Waiting for the streaming query {_label(query)}")
            while not query.awaitTermination(_LOOK_SECONDS):
                self._guard()
        for query in self.started:
            error = None if getattr(query, _SEEN, False) else query.exception()
            if error is not None:
                raise error

    def _running(self) -> list[Any]:
        """Return the component's running queries, also those that Python did not start.

        Those are left out if another component may have started them, and on Spark Connect if Python started none: to
        ask for them takes a request to the server.
        """
        before = self._before
        active = () if self.shared or before is None else self._manager.active
        found = {query.id: query for query in active if before is not None and query.id not in before}
        found |= {query.id: query for query in self.started if query.isActive}
        return list(found.values())

    def one_starts(self) -> None:
        """Note which queries there are, before Python starts the first one; on Spark Connect this takes a request."""
        if self._before is None and not self.shared:
            before = {query.id for query in self._manager.active}
            if self._before is None:  # another thread may have been faster, and started one
                self._before = before

    def _stop(self) -> None:
        if self._manager is None:
            return
        with contextlib.suppress(Exception):  # Spark may be gone
            for query in self._running():
                with contextlib.suppress(Exception):
                    query.stop()


def _label(query: Any) -> str:
    return repr(query.name) if query.name else f"with id {query.id}"


def _ends(query: Any) -> bool:
    known = getattr(query, _ENDS, None)
    if known is not None:
        return bool(known)
    try:  # started in the JVM
        return str(query._jsq.streamingQuery().trigger().toString()) in ("AvailableNowTrigger", "OneTimeTrigger")
    except Exception:  # not known on Spark Connect
        return False


def _watch(package: str) -> None:
    """Wrap Spark's classes, to record new queries, their triggers, and which failures the component has seen."""
    with _lock:
        if package in _watched:
            return
        _watched.add(package)
        __import__(f"{package}.readwriter")
        __import__(f"{package}.query")
        writer = sys.modules[f"{package}.readwriter"].DataStreamWriter
        query = sys.modules[f"{package}.query"].StreamingQuery
        manager = sys.modules[f"{package}.query"].StreamingQueryManager
        _wrap(writer, "trigger", _triggered)
        _wrap(writer, "start", _started)
        _wrap(writer, "toTable", _started)
        _wrap(query, "awaitTermination", _seen)
        _wrap(query, "exception", _seen)
        _wrap(manager, "awaitAnyTermination", _all_seen)


def _wrap(cls: Any, name: str, around: Callable[..., Any]) -> None:
    method = getattr(cls, name)

    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(functools.partial(method, self, *args, **kwargs), self, kwargs)

    setattr(cls, name, wrapped)


def _triggered(method: Callable[[], Any], writer: Any, arguments: dict[str, Any]) -> Any:
    result = method()
    setattr(writer, _ENDS, bool(arguments.get("availableNow") or arguments.get("once")))
    return result


def _started(method: Callable[[], Any], writer: Any, arguments: dict[str, Any]) -> Any:
    for streams in tuple(_open):
        with contextlib.suppress(Exception):  # this may be another session's query
            streams.one_starts()
    query = method()
    setattr(query, _ENDS, getattr(writer, _ENDS, False))
    for streams in tuple(_open):  # a component that runs next to this one may end meanwhile
        if streams.mine():
            streams.started.append(query)
    return query


def _seen(method: Callable[[], Any], query: Any, arguments: dict[str, Any]) -> Any:
    try:
        result = method()
    except Exception:
        _see(query)
        raise
    if isinstance(result, Exception):
        _see(query)
    return result


def _all_seen(method: Callable[[], Any], manager: Any, arguments: dict[str, Any]) -> Any:
    try:
        return method()
    except Exception:
        for streams in tuple(_open):
            for query in streams.started if streams.mine() else ():
                _see(query)
        raise


def _see(query: Any) -> None:
    """Remember that the component has seen the failure; it may hold another object for the same query."""
    setattr(query, _SEEN, True)
    with contextlib.suppress(Exception):
        for streams in tuple(_open):
            for other in streams.started:
                if other.runId == query.runId:
                    setattr(other, _SEEN, True)
