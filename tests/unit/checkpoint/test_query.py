from __future__ import annotations

import time
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.query import RunQuery, WaitFor
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot, SnapshotCache
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.exceptions import CheckpointStoreError, CorruptCheckpointError
from airflow_spark_pipeline.planning import describe_run
from tests.fakes import DictStore
from tests.histories_of_runs import History

LEASE = 60.0


@pytest.fixture
def store() -> DictStore:
    store = DictStore()
    store.clock.sleep(time.time())  # commits have the time of the machine
    return store


def find(store: DictStore, wait_for: WaitFor = "resumable", **which: Any) -> str | None:
    """The DAG run of what a query finds."""
    values = {"namespace": "default", "pipeline_name": "Test", **which}
    found = RunQuery(wait_for, **values).find(Snapshot(store))
    return None if found is None or found.commit is None else str(found.commit.state.key.run_id)


class TestResumable:
    def test_a_failed_run_is_found_with_its_progress(self, store: DictStore) -> None:
        history = History(store).failed()
        found = RunQuery("resumable", "default", "Test").find(Snapshot(store))
        assert found is not None
        assert describe_run(found) == {
            "run_id": history.pipeline_run_id,
            "pipeline_name": "Test",
            "status": "failed",
            "attempt": 1,
            "dag_id": "etl",
            "dag_run_id": "r1",
            "task_id": "load",
            "map_index": -1,
            "iteration": None,
            "failed_component": "b",
            "failed_components": ["b"],
            "failed_position": 2,
            "total_components": 3,
            "completed_components": ["a"],
            "error": "ConnectionError: b cannot reach its source",
            "updated_at": history.commit.state.updated_at,  # type: ignore[union-attr]
        }

    def test_a_run_whose_driver_is_alive_is_not_found_and_one_whose_driver_died_is(self, store: DictStore) -> None:
        History(store).running().beat()
        assert find(store) is None
        store.clock.sleep(LEASE + 1)
        assert find(store) == "r1"
        found = RunQuery("resumable", "default", "Test").find(Snapshot(store))
        assert found is not None
        assert describe_run(found)["status"] == "dead"
        assert (describe_run(found)["failed_component"], describe_run(found)["failed_position"]) == ("b", 2)

    def test_a_run_whose_driver_ends_during_the_look_is_not_taken_for_dead(self, store: DictStore) -> None:
        history = History(store).running().beat()

        def end(operation: str, path: str) -> None:
            if operation == "read" and path == f"{history.path}/00000001.json":
                store.after = lambda operation, path: None
                history._append("abc", status=CheckpointStatus.COMPLETED)
                history.log.delete("hb-1-0-1")

        store.after = end
        found = Snapshot(store).run(history.path)
        assert found is not None
        assert found.standing is Standing.COMPLETED

    def test_a_submitted_a_completed_and_a_discarded_run_are_not_found(self, store: DictStore) -> None:
        History(store, "submitted").submitted()
        History(store, "completed").completed()
        History(store, "unretired").completed(retired=False)
        History(store, "discarded").failed().log.discard()
        assert find(store) is None

    def test_a_run_with_retries_left_is_left_to_its_retries(self, store: DictStore) -> None:
        History(store, tries_left=1).failed()
        assert find(store) is None
        assert find(store, retrying=True) == "r1"

    def test_a_run_that_no_retry_helps_is_found_although_retries_are_left(self, store: DictStore) -> None:
        History(store, tries_left=1).failed(retry_helps=False)
        assert find(store) == "r1"

    def test_the_run_that_failed_last_is_taken(self, store: DictStore) -> None:
        for run_id in ("r2", "r3", "r1"):
            History(store, run_id).failed()
            time.sleep(0.002)  # commits tell milliseconds
        assert find(store) == "r1"

    def test_only_matching_runs_are_found(self, store: DictStore) -> None:
        History(store, "mine").failed()
        time.sleep(0.002)
        others: list[dict[str, Any]] = [
            {"namespace": "other"},
            {"dag_id": "other"},
            {"task_id": "other"},
            {"map_index": 3},
            {"pipeline": "Other"},
        ]
        for number, other in enumerate(others):
            History(store, f"other-{number}", **other).failed()
        assert find(store, dag_id="etl", task_id="load", map_index=-1) == "mine"
        assert find(store, run_id="mine") == "mine"
        assert find(store, dag_id="absent") is None
        assert find(store, pipeline_name=None, dag_id="etl", run_id="mine", task_id="load", map_index=-1) == "mine"

    def test_a_run_that_failed_before_the_moment_is_not_found(self, store: DictStore) -> None:
        History(store).failed()
        assert find(store, since=time.time() + 1) is None
        assert find(store, since=time.time() - 60) == "r1"

    def test_the_death_of_a_driver_counts_from_its_last_heartbeat(self, store: DictStore) -> None:
        """Its newest commit may be hours old: a component may take that long."""
        history = History(store).running()
        store.clock.sleep(3600)
        history.beat()
        store.clock.sleep(LEASE + 1)
        assert find(store, since=time.time() + 3000) == "r1"


class TestEnded:
    def test_a_completed_run_is_found_before_and_after_it_was_cleaned_up(self, store: DictStore) -> None:
        History(store, "retired").completed()
        assert find(store, "completed", since=time.time() - 60) == "retired"
        time.sleep(0.002)
        History(store, "unretired").completed(retired=False)
        assert find(store, "completed", since=time.time() - 60) == "unretired"

    def test_a_run_that_ended_before_the_moment_is_not_found_and_not_read(self, store: DictStore) -> None:
        for number in range(20):
            History(store, f"r{number}").completed()
        store.calls.clear()
        assert find(store, "completed", since=time.time() + 3600) is None
        assert len(store.calls) == 2  # the unfinished ones, and the ended ones

    def test_failed_dead_completed_and_discarded_runs_have_ended(self, store: DictStore) -> None:
        for run_id in ("failed", "dead", "completed", "discarded", "alive"):
            history = History(store, run_id)
            if run_id in ("failed", "discarded"):
                history.failed()
            if run_id == "discarded":
                history.log.discard()
            if run_id == "completed":
                history.completed()
            if run_id == "dead":
                history.running()
            if run_id == "alive":
                history.running().beat()
        ended = {
            run_id for run_id in ("failed", "dead", "completed", "discarded") if find(store, "ended", run_id=run_id)
        }
        assert ended == {"failed", "dead", "completed", "discarded"}
        assert find(store, "ended", run_id="alive") is None

    def test_a_completed_run_that_was_cleared_goes_on_and_is_not_found(self, store: DictStore) -> None:
        history = History(store).completed()
        history.running().beat()
        assert find(store, "completed", since=time.time() - 60) is None

    def test_without_a_pipeline_every_pipeline_is_looked_through(self, store: DictStore) -> None:
        History(store, "mine", pipeline="One").completed()
        History(store, "other", pipeline="Two", dag_id="other").completed()
        assert find(store, "completed", pipeline_name=None, dag_id="etl", since=time.time() - 60) == "mine"


class TestLook:
    def test_a_hundred_queries_cost_as_much_as_one(self, store: DictStore) -> None:
        for number in range(5):
            History(store, f"r{number}").running().beat()
        store.calls.clear()
        RunQuery("resumable", "default", "Test").find(Snapshot(store))
        once = len(store.calls)
        store.calls.clear()
        snapshot = Snapshot(store)
        for _ in range(100):
            RunQuery("resumable", "default", "Test").find(snapshot)
        assert len(store.calls) == once

    def test_the_next_look_reads_only_new_commits(self, store: DictStore) -> None:
        for number in range(5):
            History(store, f"r{number}", tries_left=1).failed()
            History(store, f"c{number}").completed()
        first = Snapshot(store, SnapshotCache())
        query = RunQuery("ended", "default", "Test", since=time.time() - 60, run_id="absent")
        query.find(first)
        store.calls.clear()
        query.find(Snapshot(store, first.cache))
        operations = [operation for operation, _ in store.calls]
        assert operations.count("list") == 7  # the unfinished ones, each of those, the ended ones
        assert operations.count("read") == 0

    def test_a_listing_that_fails_is_asked_for_once(self, store: DictStore) -> None:
        def fail(operation: str, path: str) -> None:
            raise CheckpointStoreError("throttled", path=path)

        store.before = fail
        snapshot = Snapshot(store)
        for _ in range(3):
            with pytest.raises(CheckpointStoreError, match="throttled"):
                RunQuery("resumable", "default", "Test").find(snapshot)
        assert len(store.calls) == 1

    def test_an_unreadable_run_hides_no_other_and_is_an_error_if_requested_by_itself(self, store: DictStore) -> None:
        broken = History(store, "broken").failed()
        store.objects[f"{broken.path}/00000002.json"] = b"{"
        History(store, "fine").failed()
        assert find(store) == "fine"
        with pytest.raises(CorruptCheckpointError, match="00000002"):
            find(store, dag_id="etl", run_id="broken", task_id="load", map_index=-1)


def test_a_query_travels_as_json() -> None:
    query = RunQuery("ended", "default", dag_id="etl", since=12.5, retrying=True)
    assert RunQuery(**query.to_dict()) == query
