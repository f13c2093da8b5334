"""Watching a location from an event loop: shared, bounded, and patient with a store that does not answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.query import RunQuery
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError
from airflow_spark_pipeline.triggers.watch import Watch, watch
from tests.fakes import DictStore
from tests.histories_of_runs import History

T = TypeVar("T")

INTERVAL = 0.02


class Place:
    """A place whose store is at hand."""

    location = name = "dict://"
    conn_id = None

    def __init__(self, store: CheckpointStore) -> None:
        self.store = store
        self.opened = 0

    def open(self, options: dict[str, Any]) -> CheckpointStore:
        self.opened += 1
        return self.store


def make_watch(place: Place, **options: Any) -> Watch:
    return Watch(cast("StoreLocation", place), INTERVAL, asyncio.Semaphore(1), **options)


async def first(watching: Watch, question: Callable[[Snapshot], T | None], told: list[str] | None = None) -> T:
    """The first answer that is one."""
    said: list[str] = [] if told is None else told
    async for answer in watching.answers(question, said.append):
        if answer is not None:
            return answer
    raise AssertionError


def run(work: Callable[[], Awaitable[T]]) -> T:
    async def limited() -> T:
        return await asyncio.wait_for(work(), 20)

    return asyncio.run(limited())


def resumable(snapshot: Snapshot) -> str | None:
    found = RunQuery("resumable", "default", "Test").find(snapshot)
    return None if found is None else found.path


def test_a_hundred_waiting_sensors_share_each_look() -> None:
    store = DictStore()
    history = History(store, tries_left=1).failed()  # seen by every look, found by none
    done, looked_at = threading.Event(), threading.Event()

    def question(snapshot: Snapshot) -> str | None:
        resumable(snapshot)
        if len(store.calls) >= 10:
            looked_at.set()
        return history.path if done.is_set() else None

    async def work() -> list[str]:
        watching = make_watch(Place(store))
        store.calls.clear()
        waiting = [asyncio.create_task(first(watching, question)) for _ in range(100)]
        await asyncio.to_thread(looked_at.wait, 20)
        done.set()
        return await asyncio.gather(*waiting)

    assert run(work) == [history.path] * 100
    lists = [path for operation, path in store.calls if operation == "list"]
    assert lists.count("_open") <= lists.count(history.path) + 1
    assert len(lists) < 40  # a few looks of two listings each, however many wait


def test_a_run_that_fails_later_is_found() -> None:
    store = DictStore()

    async def work() -> str:
        waiting = asyncio.create_task(first(make_watch(Place(store)), resumable))
        await asyncio.sleep(3 * INTERVAL)
        assert not waiting.done()
        await asyncio.to_thread(History(store).failed)
        return await waiting

    assert run(work) == History(store).path


def test_a_hanging_store_blocks_neither_the_event_loop_nor_the_next_look() -> None:
    store, go_on = DictStore(), threading.Event()
    looks = 0

    def hang(operation: str, path: str) -> None:
        nonlocal looks
        looks += 1
        go_on.wait(20)

    store.before = hang
    told: list[str] = []

    async def work() -> str:
        waiting = asyncio.create_task(first(make_watch(Place(store), deadline=0.05), resumable, told))
        started = time.monotonic()
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert time.monotonic() - started < 15  # the loop went on all the time: the store hangs for longer
        assert looks == 1  # and nobody piled up behind the one that hangs
        store.before = lambda operation, path: None
        go_on.set()
        await asyncio.to_thread(History(store).failed)
        return await waiting

    assert run(work) == History(store).path
    assert len(told) == 2
    assert "does not answer: TimeoutError" in told[0]
    assert told[1] == "dict:// answers again."


def test_a_failing_store_is_reopened_and_given_up_after_a_limited_time() -> None:
    store = DictStore()

    def fail(operation: str, path: str) -> None:
        raise CheckpointStoreError("throttled", path=path)

    store.before = fail
    place = Place(store)
    told: list[str] = []

    async def work() -> None:
        await first(make_watch(place, tolerated=0.2), resumable, told)

    with pytest.raises(CheckpointStoreError, match=r"did not answer for 0.2 s: throttled"):
        run(work)
    assert told == ["dict:// does not answer: throttled. Looking again."]
    assert place.opened > 1


def test_a_permanent_error_is_raised_at_once_and_only_for_its_own_question() -> None:
    store = DictStore()

    def refused(snapshot: Snapshot) -> None:
        raise CheckpointLocationError("no permission")

    async def work() -> str:
        watching = make_watch(Place(store))
        other = asyncio.create_task(first(watching, resumable))
        with pytest.raises(CheckpointLocationError, match="no permission"):
            await first(watching, refused)
        await asyncio.to_thread(History(store).failed)
        return await other

    assert run(work) == History(store).path


def test_a_location_is_opened_with_its_connection(tmp_path: Path) -> None:
    async def work() -> None:
        await first(make_watch(cast("Any", StoreLocation(str(tmp_path), "lake"))), resumable)

    with pytest.raises(CheckpointLocationError, match="The checkpoint connection 'lake' does not exist"):
        run(work)


def test_a_store_that_refuses_access_later_is_opened_again_with_the_current_credentials() -> None:
    store = DictStore()
    place, told = Place(store), list[str]()

    read_first = threading.Event()

    def question(snapshot: Snapshot) -> str | None:
        if place.opened == 1 and read_first.is_set():
            raise CheckpointLocationError("refuses access: the token has expired")
        read_first.set()
        return resumable(snapshot)

    async def work() -> str:
        waiting = asyncio.create_task(first(make_watch(place), question, told))
        await asyncio.to_thread(read_first.wait, 20)
        await asyncio.to_thread(History(store).failed)
        return await waiting

    assert run(work) == History(store).path
    assert (place.opened, told) == (2, [])


def test_the_watch_stops_looking_when_no_sensor_waits() -> None:
    store = DictStore()

    async def work() -> None:
        before = asyncio.all_tasks()
        watching = make_watch(Place(store))
        waiting = asyncio.create_task(first(watching, resumable))
        await asyncio.sleep(3 * INTERVAL)
        waiting.cancel()
        await asyncio.sleep(3 * INTERVAL)
        seen = len(store.calls)
        await asyncio.sleep(5 * INTERVAL)
        assert len(store.calls) == seen
        assert asyncio.all_tasks() == before

    run(work)


def test_the_same_place_and_interval_are_one_watch_in_one_event_loop_only() -> None:
    place = StoreLocation("/tmp/checkpoints", "s3")

    async def work() -> Watch:
        assert watch(place, 10) is watch(StoreLocation("/tmp/checkpoints", "s3"), 10)
        assert watch(place, 10) is not watch(place, 20)
        assert watch(place, 10) is not watch(StoreLocation("/tmp/checkpoints"), 10)
        return watch(place, 10)

    assert run(work) is not run(work)
