"""Watches a location at an interval, for all triggers in the triggerer that wait for something there.

Guarantees: however many triggers watch a location at the same interval, it is read once per interval, in a separate
thread, so that no store blocks the triggerer's event loop; a read that hangs is abandoned, and the next one starts only
after it has ended; a store that does not answer is tolerated for a limited time. The reads of several locations, and of
several triggerers, are spread out. Not guaranteed: that every change is seen. A read shows the state at that time only.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot, SnapshotCache
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.deployment.locations import storage_options
from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError, SparkPipelineError

T = TypeVar("T")

TOLERATED_SECONDS = 600.0  # after this time without an answer, the waiting triggers fail
_DEADLINE_SECONDS = 60.0  # for one read
_LOOKS_AT_A_TIME = 8  # of different locations, each in a thread
_SPREAD = 0.1  # part of an interval by which a read may be early or late


class Watch:
    """Reads one location once per interval, as long as a trigger asks.

    :param place: location to read
    :param interval: seconds between two reads
    :param limit: semaphore that limits the number of simultaneous reads
    """

    def __init__(
        self,
        place: StoreLocation,
        interval: float,
        limit: asyncio.Semaphore,
        *,
        deadline: float = _DEADLINE_SECONDS,
        tolerated: float = TOLERATED_SECONDS,
    ) -> None:
        self._place = place
        self._interval = interval
        self._limit = limit
        self._deadline = deadline
        self._tolerated = tolerated
        self._asked: dict[asyncio.Future[Any], Callable[[Snapshot], Any]] = {}
        self._poll: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._store: CheckpointStore | None = None
        self._cache = SnapshotCache()

    async def answers(self, question: Callable[[Snapshot], T], tell: Callable[[str], None]) -> AsyncIterator[T]:
        """Yield the answer of each read to a question.

        :param question: function that is called in a thread, and uses only the snapshot
        :param tell: function that is called when the store stops answering, and when it answers again
        :raises SparkPipelineError: an error that a later read will not change, or the store did not answer for too long
        """
        loop = asyncio.get_running_loop()
        failing_since: float | None = None
        while True:
            try:
                answer = await self._ask(question)
            except Exception as error:
                if isinstance(error, SparkPipelineError) and not error.retry_helps:
                    raise
                if failing_since is None:
                    failing_since = loop.time()
                    tell(f"{self._place.name} does not answer: {_said(error)}. Looking again.")
                elif loop.time() - failing_since > self._tolerated:
                    raise CheckpointStoreError(
                        f"The checkpoint location {self._place.name} did not answer for {self._tolerated:g} s: "
                        f"{_said(error)}"
                    ) from error
                continue
            if failing_since is not None:
                failing_since = None
                tell(f"{self._place.name} answers again.")
            yield answer

    def _ask(self, question: Callable[[Snapshot], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked[future] = question
        if self._poll is None or self._poll.done():
            # In a separate context: it outlives the first trigger, and must not log in that trigger's name.
            self._poll = contextvars.Context().run(asyncio.create_task, self._look_again_and_again())
        return future

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._interval * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311  # no secret
            asked = {future: question for future, question in self._asked.items() if not future.done()}
            self._asked.clear()
            if not asked:
                self._cache, self._store = SnapshotCache(), None
                return
            try:
                answers = await self._look(list(asked.values()))
            except Exception as error:  # noqa: BLE001  # report any error to the waiting triggers
                answers = [error] * len(asked)
            for future, answer in zip(asked, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _look(self, questions: list[Callable[[Snapshot], Any]]) -> list[Any]:
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError("the previous read has not ended yet")
        async with self._limit:
            if self._store is not None:
                with suppress(CheckpointLocationError):  # its credentials may have expired since it was opened
                    answers = await self._read(questions)
                    if not any(isinstance(answer, CheckpointLocationError) for answer in answers):
                        return answers
            return await self._read(questions)

    async def _read(self, questions: list[Callable[[Snapshot], Any]]) -> list[Any]:
        place, options = self._place, dict[str, Any]()
        if self._store is None and place.conn_id is not None:
            # Not in a thread of ours: up to Airflow 3.2, the triggerer cannot answer two threads at a time.
            connection = sync_to_async(storage_options)(place.conn_id, place.location)
            options = await asyncio.wait_for(connection, self._deadline)
        self._thread, answers = _in_thread(lambda: self._answer(questions, options), f"looks at {place.name}")
        return await asyncio.wait_for(answers, self._deadline)

    def _answer(self, questions: list[Callable[[Snapshot], Any]], options: Mapping[str, Any]) -> list[Any]:
        try:
            if self._store is None:
                self._store = self._place.open(options)
            snapshot = Snapshot(self._store, self._cache)
            answers = [_answer(question, snapshot) for question in questions]
        except Exception:
            self._store = None  # to be opened again, with the connection's current credentials
            raise
        self._cache = snapshot.cache
        if any(isinstance(answer, CheckpointStoreError | CheckpointLocationError) for answer in answers):
            self._store = None
        return answers


def _answer(question: Callable[[Snapshot], Any], snapshot: Snapshot) -> Any:
    try:
        return question(snapshot)
    except Exception as error:  # noqa: BLE001  # one question's trouble is not the others'
        return error


def _in_thread(work: Callable[[], T], name: str) -> tuple[threading.Thread, asyncio.Future[T]]:
    """Run a function in a daemon thread: if it hangs, it must not block the triggerer's end or use up a thread pool."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(error: Exception | None, result: list[T]) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result[0])

    def run() -> None:
        error, result = None, []
        try:
            result = [work()]
        except Exception as caught:  # noqa: BLE001  # handed on
            error = caught
        with suppress(RuntimeError):  # the triggerer has ended in the meantime
            loop.call_soon_threadsafe(deliver, error, result)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread, future


async def ask(work: Callable[[], T], name: str, deadline: float) -> T:
    """Run a blocking function without blocking the event loop; only a limited number run at the same time.

    :param deadline: maximum duration in seconds
    :raises asyncio.TimeoutError: the function took longer
    """
    limit, _ = _of_this_loop()
    async with limit:
        return await asyncio.wait_for(_in_thread(work, name)[1], deadline)


def _said(error: Exception) -> str:
    text = str(error)
    return text if isinstance(error, SparkPipelineError) else f"{type(error).__name__}: {text}".rstrip(": ")


# For each event loop (a triggerer has one): the watched locations, and the limit of simultaneous reads.
_WATCHES: weakref.WeakKeyDictionary[Any, tuple[asyncio.Semaphore, dict[tuple[StoreLocation, float], Watch]]] = (
    weakref.WeakKeyDictionary()
)


def watch(place: StoreLocation, interval: float) -> Watch:
    """Return the watch of a location at this interval in this event loop; it is shared by all callers."""
    limit, watches = _of_this_loop()
    key = (place, interval)
    if key not in watches:
        watches[key] = Watch(place, interval, limit)
    return watches[key]


def _of_this_loop() -> tuple[asyncio.Semaphore, dict[tuple[StoreLocation, float], Watch]]:
    return _WATCHES.setdefault(asyncio.get_running_loop(), (asyncio.Semaphore(_LOOKS_AT_A_TIME), {}))
