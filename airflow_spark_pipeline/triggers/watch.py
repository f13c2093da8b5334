"""Looking at a place again and again, for everybody in the triggerer who waits for something there.

Promises: however many triggers watch a place at one interval, it is looked at once an interval, in a thread of its own,
so that no store blocks the triggerer's event loop; a look that hangs is given up and never followed by a second one
before it ends; a store that does not answer is tolerated for a bounded time. The looks of several places, and of
several triggerers, spread out. Does not promise that every change is seen: a look shows what is there when it is made.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeVar

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.snapshot import Look, Memory
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointStoreError, SparkPipelineError

T = TypeVar("T")

TOLERATED_SECONDS = 600.0  # a store that does not answer for longer fails those who wait
_DEADLINE_SECONDS = 60.0  # of one look
_LOOKS_AT_A_TIME = 8  # of different places, each in a thread
_SPREAD = 0.1  # by how much of an interval a look may come early or late


class Watch:
    """Looks at one place once an interval, for as long as somebody asks.

    :param place: which
    :param interval: seconds between two looks
    :param limit: lets a bounded number of looks through at a time
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
        self._asked: dict[asyncio.Future[Any], Callable[[Look], Any]] = {}
        self._poll: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._store: CheckpointStore | None = None
        self._memory = Memory()

    async def answers(self, question: Callable[[Look], T], tell: Callable[[str], None]) -> AsyncIterator[T]:
        """Give what each look answers to a question.

        :param question: called in a thread; reads the look and nothing else
        :param tell: called when the store stops answering, and when it answers again
        :raises SparkPipelineError: what no later look will change, or the store did not answer for too long
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
                    tell(f"{self._place.location} does not answer: {_said(error)}. Looking again.")
                elif loop.time() - failing_since > self._tolerated:
                    raise CheckpointStoreError(
                        f"{self._place.location} did not answer for {self._tolerated:g} s: {_said(error)}"
                    ) from error
                continue
            if failing_since is not None:
                failing_since = None
                tell(f"{self._place.location} answers again.")
            yield answer

    def _ask(self, question: Callable[[Look], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked[future] = question
        if self._poll is None or self._poll.done():
            # In a context of its own: it outlives the trigger that happens to be the first, and must not log as it.
            self._poll = contextvars.Context().run(asyncio.create_task, self._look_again_and_again())
        return future

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._interval * random.uniform(1 - _SPREAD, 1 + _SPREAD))  # noqa: S311  # no secret
            asked = {future: question for future, question in self._asked.items() if not future.done()}
            self._asked.clear()
            if not asked:
                self._memory, self._store = Memory(), None
                return
            try:
                answers = await self._look(list(asked.values()))
            except Exception as error:  # noqa: BLE001  # whatever it is, those who wait are told
                answers = [error] * len(asked)
            for future, answer in zip(asked, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    async def _look(self, questions: list[Callable[[Look], Any]]) -> list[Any]:
        if self._thread is not None and self._thread.is_alive():
            raise TimeoutError("an earlier look has not ended yet")
        async with self._limit:
            self._thread, answers = _in_thread(lambda: self._answer(questions), f"looks at {self._place.location}")
            return await asyncio.wait_for(answers, self._deadline)

    def _answer(self, questions: list[Callable[[Look], Any]]) -> list[Any]:
        try:
            if self._store is None:
                self._store = self._place.open()
            look = Look(self._store, self._memory)
            answers = [_answer(question, look) for question in questions]
        except Exception:
            self._store = None  # opened anew, with the credentials that the connection has by then
            raise
        self._memory = look.memory
        if any(isinstance(answer, CheckpointStoreError) for answer in answers):
            self._store = None
        return answers


def _answer(question: Callable[[Look], Any], look: Look) -> Any:
    try:
        return question(look)
    except Exception as error:  # noqa: BLE001  # one question's trouble is not the others'
        return error


def _in_thread(work: Callable[[], T], name: str) -> tuple[threading.Thread, asyncio.Future[T]]:
    """Do it in a daemon thread: one that hangs must neither keep the triggerer from ending nor take others' threads."""
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
        with suppress(RuntimeError):  # the triggerer has ended meanwhile
            loop.call_soon_threadsafe(deliver, error, result)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread, future


async def ask(work: Callable[[], T], name: str, deadline: float) -> T:
    """Do what blocks without blocking the event loop; a bounded number of such things at a time.

    :param deadline: seconds
    :raises asyncio.TimeoutError: it took longer
    """
    limit, _ = _of_this_loop()
    async with limit:
        return await asyncio.wait_for(_in_thread(work, name)[1], deadline)


def _said(error: Exception) -> str:
    text = str(error)
    return text if isinstance(error, SparkPipelineError) else f"{type(error).__name__}: {text}".rstrip(": ")


# For each event loop (a triggerer has one) what is watched, and how many looks may be made at a time.
_WATCHES: weakref.WeakKeyDictionary[Any, tuple[asyncio.Semaphore, dict[tuple[StoreLocation, float], Watch]]] = (
    weakref.WeakKeyDictionary()
)


def watch(place: StoreLocation, interval: float) -> Watch:
    """Return what looks at a place at this interval in this event loop: the same for all who ask for the same."""
    limit, watches = _of_this_loop()
    key = (place, interval)
    if key not in watches:
        watches[key] = Watch(place, interval, limit)
    return watches[key]


def _of_this_loop() -> tuple[asyncio.Semaphore, dict[tuple[StoreLocation, float], Watch]]:
    return _WATCHES.setdefault(asyncio.get_running_loop(), (asyncio.Semaphore(_LOOKS_AT_A_TIME), {}))
