"""What prune removes of completed runs that are kept for a while."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.prune import PruneReport, prune
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores import local
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from tests.fakes import PIPELINE_NAME, UNIT, DictStore, make_state, unit_of

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def store() -> DictStore:
    return DictStore()


def ended(store: DictStore, status: CheckpointStatus, kept_seconds: float | None) -> None:
    """Record the end of a run with a saved output, as a try leaves it."""
    log = RunLog(store, UNIT)
    commit = log.claim(lambda _: make_state(kept_seconds=kept_seconds))
    commit = log.append(commit, make_state(done="a", status=status, kept_seconds=kept_seconds))
    store.objects[f"_outputs/{UNIT}/00000000-1-x/0000/v/part"] = b"data"
    if status is CheckpointStatus.COMPLETED and kept_seconds is not None:
        log.retire(commit, keep_outputs=True)


def has_outputs(store: DictStore) -> bool:
    return any(path.startswith("_outputs") for path in store.objects)


def test_the_outputs_go_after_that_time_and_the_tombstone_much_later(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, 7 * DAY)
    store.clock.sleep(7 * DAY)
    report = prune(store, 0.0)
    assert (report.outputs, report.removed, has_outputs(store)) == ([], [], True)
    store.clock.sleep(2 * HOUR)
    assert prune(store, 30 * DAY, dry_run=True).outputs == [UNIT]
    assert has_outputs(store)
    assert prune(store, 30 * DAY, pipeline_name=PIPELINE_NAME, at_most=1).outputs == [UNIT]
    assert not has_outputs(store)
    assert RunLog(store, UNIT).latest() is not None
    assert prune(store, 30 * DAY).outputs == []
    store.clock.sleep(30 * DAY)
    assert prune(store, 30 * DAY).removed == [UNIT]
    assert not [path for path in store.objects if UNIT in path]


def test_a_run_that_runs_again_is_left_alone(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, 7 * DAY)
    store.clock.sleep(8 * DAY)
    RunLog(store, UNIT).claim(lambda _: make_state(done="a", kept_seconds=7 * DAY, attempt=2))
    assert prune(store, 30 * DAY).outputs == []
    assert has_outputs(store)


@pytest.mark.parametrize(("status", "kept"), [(CheckpointStatus.FAILED, 1.0), (CheckpointStatus.COMPLETED, None)])
def test_outputs_of_a_run_that_is_not_completed_or_not_kept_stay_until_the_run_is_old(
    store: DictStore, status: CheckpointStatus, kept: float | None
) -> None:
    ended(store, status, kept)
    store.clock.sleep(2 * DAY)
    assert prune(store, 30 * DAY).outputs == []
    assert has_outputs(store)


def completed(store: DictStore, name: str) -> tuple[RunLog, Commit]:
    """Record a completed run of another task."""
    log = RunLog(store, unit_of(name))
    commit = log.claim(lambda _: make_state(unit=name))
    return log, log.append(commit, make_state(done="a", status=CheckpointStatus.COMPLETED, unit=name))


def copied(store: DictStore, *, kept_seconds: float | None = None) -> str:
    """Record a completed run of which a copy is kept, and return the path of the copy."""
    log = RunLog(store, UNIT)
    commit = log.claim(lambda _: make_state(kept_seconds=kept_seconds))
    commit = log.append(commit, make_state(done="a", status=CheckpointStatus.COMPLETED, kept_seconds=kept_seconds))
    log.retire(commit, keep_history=True, keep_outputs=kept_seconds is not None)
    (copy,) = (path for path in store.objects if "/_history/" in path)
    return copy


def after_a_success(store: DictStore) -> PruneReport:
    return prune(store, 30 * DAY, pipeline_name=PIPELINE_NAME, abandoned=False, copied=False, at_most=10)


def test_a_later_success_keeps_a_finished_run_with_a_copy_and_the_command_removes_both(store: DictStore) -> None:
    """If only the copy stayed, a run that starts at 0 again could end on its number, and would leave no copy."""
    copy = copied(store)
    store.clock.sleep(365 * DAY)
    before = dict(store.objects)
    assert after_a_success(store).removed == []
    assert store.objects == before
    assert prune(store, 30 * DAY).removed == [UNIT]
    assert copy not in store.objects
    assert RunLog(store, UNIT).latest() is None


def test_a_later_success_removes_a_finished_run_without_a_copy(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, None)
    store.clock.sleep(31 * DAY)
    assert after_a_success(store).removed == [UNIT]


def test_a_later_success_deletes_the_outputs_of_a_run_with_a_copy_when_keep_for_is_over(store: DictStore) -> None:
    copy = copied(store, kept_seconds=7 * DAY)
    store.objects[f"_outputs/{UNIT}/00000000-1-x/0000/v/part"] = b"data"
    store.clock.sleep(31 * DAY)
    assert after_a_success(store).outputs == [UNIT]
    assert not has_outputs(store)
    assert copy in store.objects
    assert RunLog(store, UNIT).latest() is not None


def test_runs_with_a_copy_are_not_drawn_in_place_of_those_that_can_be_removed(store: DictStore) -> None:
    for number in range(200):
        log, commit = completed(store, f"kept-{number}")
        log.retire(commit, keep_history=True)
    ended(store, CheckpointStatus.COMPLETED, None)
    store.clock.sleep(31 * DAY)
    assert after_a_success(store).removed == [UNIT]


def test_deleting_kept_outputs_does_not_make_the_run_look_as_if_it_had_just_ended(store: DictStore) -> None:
    ended(store, CheckpointStatus.COMPLETED, 7 * DAY)
    (hint,) = (path for path in store.objects if "/_ended/" in path)
    before = store.modified[hint]
    store.clock.sleep(8 * DAY)
    assert prune(store, 30 * DAY).outputs == [UNIT]
    assert store.modified[hint] == before


def test_one_run_that_cannot_be_removed_does_not_keep_the_others(store: DictStore) -> None:
    for name in ("one", "two"):
        completed(store, name)
    store.clock.sleep(31 * DAY)

    def refuse(operation: str, path: str) -> None:
        if operation == "delete" and unit_of("one") in path:
            raise CheckpointLocationError("no permission")

    store.before = refuse
    report = prune(store, 30 * DAY)
    assert (report.removed, report.unreadable) == ([unit_of("two")], [unit_of("one")])


def test_a_claim_between_the_two_listings_of_prune_is_not_discarded(store: DictStore) -> None:
    log = RunLog(store, UNIT)
    commit = log.claim(lambda _: make_state())
    log.append(commit, make_state(done="a", status=CheckpointStatus.FAILED))
    store.clock.sleep(31 * DAY)

    def claim(operation: str, path: str) -> None:
        if (operation, path) == ("list", UNIT):
            store.after = lambda operation, path: None
            log.claim(lambda _: make_state(done="a", attempt=2, attempt_id="2-new"))

    store.after = claim
    assert prune(store, 30 * DAY).discarded == []
    latest = log.latest()
    assert latest is not None
    assert latest.state.attempt == 2
    assert latest.state.status is not CheckpointStatus.DISCARDED


def test_on_a_disk_nothing_is_left_of_a_run_that_was_removed(tmp_path: Path) -> None:
    """Otherwise each prune would list the empty directory, and look for outputs in it again."""
    store = open_store(str(tmp_path))
    log = RunLog(store, UNIT)
    commit = log.append(log.claim(lambda _: make_state()), make_state(done="a", status=CheckpointStatus.COMPLETED))
    store.write(f"_outputs/{UNIT}/00000000-1-x/0000/part", b"data")
    log.retire(commit)
    assert not (tmp_path / "_outputs" / UNIT).exists()
    for file in tmp_path.rglob("*.json"):
        os.utime(file, (0, 0))
    assert prune(store, DAY).removed == [UNIT]
    assert not (tmp_path / UNIT).exists()
    assert prune(store, DAY).removed == []
    log.claim(lambda _: make_state())
    assert log.latest() is not None


def test_a_file_is_written_even_if_a_clean_up_removes_its_directory_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(str(tmp_path), tmp_path)
    make = local._make_directories
    removals = [1, 2, 3]

    def make_and_lose(directory: Path, root: Path) -> None:
        make(directory, root)
        if removals:
            removals.pop()
            store.remove_if_empty("p/u")

    monkeypatch.setattr(local, "_make_directories", make_and_lose)
    store.create("p/u/1.json", b"1")
    assert (store.read("p/u/1.json"), removals) == (b"1", [])
