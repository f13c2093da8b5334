"""Reading many runs at a time gives the same answers as reading one after the other."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.catalog import all_runs, unfinished_runs
from airflow_spark_pipeline.checkpoint.finished import finished_runs
from airflow_spark_pipeline.checkpoint.parallel import in_parallel
from airflow_spark_pipeline.checkpoint.prune import TOMBSTONE_SECONDS, prune
from airflow_spark_pipeline.checkpoint.query import RunQuery, WaitFor
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.stores.read_only import ReadingStore
from airflow_spark_pipeline.exceptions import CheckpointStoreError
from tests.fakes import DictStore
from tests.histories_of_runs import History


@pytest.fixture
def store() -> DictStore:
    store = DictStore()
    store.parallel_reads = 4
    return store


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100])
def test_results_come_in_the_order_of_the_items(store: DictStore, count: int) -> None:
    assert list(in_parallel(store, lambda item: item * 2, range(count))) == [item * 2 for item in range(count)]


def test_as_many_reads_as_the_store_allows_run_at_a_time(store: DictStore) -> None:
    together = threading.Barrier(4, timeout=30)  # broken unless four wait for each other
    assert list(in_parallel(store, lambda item: together.wait() >= 0, range(8))) == [True] * 8


def test_a_store_that_answers_one_request_at_a_time_is_asked_by_the_caller_alone() -> None:
    asked = list(in_parallel(DictStore(), lambda _: threading.current_thread(), range(3)))
    assert asked == [threading.current_thread()] * 3


def test_a_caller_that_stops_early_has_not_read_everything(store: DictStore) -> None:
    read: list[int] = []
    found = in_parallel(store, read.append, range(1_000))
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(read) < 50


def test_an_error_reaches_the_caller_and_no_thread_is_left(store: DictStore) -> None:
    def fail(item: int) -> int:
        if item == 5:
            raise CheckpointStoreError("503")
        return item

    before = threading.active_count()
    with pytest.raises(CheckpointStoreError, match="503"):
        list(in_parallel(store, fail, range(100)))
    assert threading.active_count() == before


def _filled(store: DictStore) -> DictStore:
    """The same runs in a store that answers one request at a time."""
    store.clock.sleep(1_000.0)
    for number in range(20):
        history = History(store, f"r{number}")
        (history.failed, history.running, history.completed, history.submitted)[number % 4]()
        if number % 8 == 1:
            history.beat()
        if number % 8 == 0:
            store.objects[f"{history.path}/00000002.json"] = b"damaged"
    in_turn = DictStore()
    in_turn.objects, in_turn.modified, in_turn.clock = dict(store.objects), dict(store.modified), store.clock
    return in_turn


@pytest.mark.parametrize("listing", [unfinished_runs, all_runs, finished_runs])
def test_reading_many_runs_finds_the_same_as_one_after_the_other(store: DictStore, listing: Any) -> None:
    in_turn = _filled(store)
    found, expected = list(listing(store)), list(listing(in_turn))
    assert [(e.path, e.standing, e.number) for e in found] == [(e.path, e.standing, e.number) for e in expected]
    assert len(found) >= 5


@pytest.mark.parametrize("wait_for", ["resumable", "completed", "ended"])
def test_a_query_finds_the_same_run_as_reading_one_after_the_other(store: DictStore, wait_for: WaitFor) -> None:
    in_turn = _filled(store)
    query = RunQuery(wait_for, "default", retrying=True)
    found, expected = query.find(Snapshot(store)), query.find(Snapshot(in_turn))
    assert found is not None
    assert expected is not None
    assert (found.path, found.number) == (expected.path, expected.number)


def test_a_snapshot_asks_for_the_time_once(store: DictStore) -> None:
    for number in range(12):
        History(store, f"r{number}").running().beat()
    snapshot = Snapshot(store)
    runs = snapshot.runs(snapshot.open_units())
    assert [run is not None and run.alive for run in runs] == [True] * 12
    assert [operation for operation, path in store.calls if path.startswith("_clock/")].count("write") == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_same_runs_are_pruned_as_one_after_the_other(store: DictStore, dry_run: bool) -> None:
    in_turn = _filled(store)
    store.clock.sleep(10 * TOMBSTONE_SECONDS)
    reports = [prune(each, 60.0, dry_run=dry_run) for each in (store, in_turn)]
    assert reports[0] == reports[1]
    assert reports[0].removed
    assert reports[0].discarded
    assert reports[0].unreadable
    assert store.objects.keys() == in_turn.objects.keys()


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (None, 20)])
def test_only_the_requested_number_of_ended_runs_is_read(store: DictStore, limit: int | None, most: int) -> None:
    for number in range(20):
        History(store, f"r{number}").completed()
    store.calls.clear()
    found = list(finished_runs(store, limit=limit))
    reads = [path for operation, path in store.calls if operation == "read"]
    assert len(found) == most
    assert len(reads) <= most + (limit or 0)


def test_a_store_that_is_opened_for_reading_answers_as_many_requests_as_the_one_behind_it(store: DictStore) -> None:
    assert ReadingStore(store).parallel_reads == 4
