from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.catalog import (
    all_runs,
    discard,
    find_run,
    open_units,
    read_run,
    unfinished_runs,
)
from airflow_spark_pipeline.checkpoint.key import make_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock, store_time
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.prune import PruneReport, prune
from airflow_spark_pipeline.checkpoint.query import RunQuery
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, SupersededError
from tests.fakes import RUN_ID, UNIT, DictStore, make_state, unit_of
from tests.histories_of_runs import History

PIPELINE = pipeline_slug("Test")
DAY = 24 * 3600.0


@pytest.fixture
def store() -> DictStore:
    return DictStore()


def _run(store: DictStore, unit: str, status: CheckpointStatus = CheckpointStatus.FAILED) -> Commit:
    log = RunLog(store, unit_of(unit))
    done = "abc" if status is CheckpointStatus.COMPLETED else "a"
    commit = log.append(
        log.claim(lambda latest: make_state(unit=unit)), make_state(done=done, status=status, unit=unit)
    )
    if status is CheckpointStatus.COMPLETED:
        log.retire(commit)
    return commit


def _paths(store: DictStore) -> list[str]:
    return [_name(entry.path) for entry in unfinished_runs(store)]


def _name(path: str) -> str:
    return path.rpartition(".")[2].rpartition("-")[0]


def test_unfinished_runs_are_listed_and_finished_ones_are_not(store: DictStore) -> None:
    _run(store, "failed")
    _run(store, "running", CheckpointStatus.RUNNING)
    _run(store, "done", CheckpointStatus.COMPLETED)
    assert _paths(store) == ["failed", "running"]


def test_listing_costs_the_same_however_many_runs_have_finished(store: DictStore) -> None:
    _run(store, "failed")
    for number in range(50):
        _run(store, f"done-{number}", CheckpointStatus.COMPLETED)
    store.calls.clear()
    assert _paths(store) == ["failed"]
    assert len(store.calls) <= 7


def test_a_hint_is_never_believed(store: DictStore) -> None:
    """A clean-up that died before its last step leaves the hint of a finished run."""
    _run(store, "done", CheckpointStatus.COMPLETED)
    store.objects[f"_open/{unit_of('done').replace('/', '~')}"] = b""
    store.objects["_open/never-claimed~u"] = b""
    store.objects["_open/no-unit"] = b""
    assert _paths(store) == []


def test_one_unreadable_run_does_not_hide_the_others(store: DictStore) -> None:
    _run(store, "a-broken")
    _run(store, "b-fine")
    store.objects[f"{unit_of('a-broken')}/00000001.json"] = b"{"
    broken, fine = unfinished_runs(store)
    assert isinstance(broken.error, CorruptCheckpointError)
    assert fine.commit is not None


def test_only_the_runs_of_one_pipeline_are_given_where_one_is_named(store: DictStore) -> None:
    _run(store, "mine")
    RunLog(store, unit_of("other", "Tes")).claim(lambda latest: make_state(unit="other", pipeline_name="Tes"))
    assert [entry.path for entry in unfinished_runs(store, "Test")] == [unit_of("mine")]


def test_the_lease_distinguishes_a_running_driver_from_a_dead_one_on_the_page(store: DictStore) -> None:
    _run(store, "alive", CheckpointStatus.RUNNING)
    _run(store, "dead", CheckpointStatus.RUNNING)
    store.write(f"{unit_of('dead')}/hb-1", b"{}")
    store.clock.sleep(61)
    store.write(f"{unit_of('alive')}/hb-1", b"{}")
    assert {_name(entry.path): entry.alive for entry in unfinished_runs(store)} == {
        "alive": True,
        "dead": False,
    }


def test_the_id_of_any_attempt_leads_to_the_units_newest_commit(store: DictStore) -> None:
    commit = _run(store, "u")
    entry = find_run(store, make_run_id(unit_of("u"), 0))
    assert entry is not None
    assert entry.commit == commit
    assert find_run(store, make_run_id(unit_of("absent"), 0)) is None


def test_discarding_by_id_makes_the_next_attempt_start_over(store: DictStore) -> None:
    _run(store, "u")
    run_id = make_run_id(unit_of("u"), 0)
    assert discard(store, run_id)
    assert _paths(store) == []
    latest = RunLog(store, unit_of("u")).latest()
    assert latest is not None
    assert latest.state.completed_components == ()
    assert not discard(store, make_run_id(unit_of("absent"), 0))


class TestPrune:
    def test_an_abandoned_run_is_discarded_first_and_removed_much_later(self, store: DictStore) -> None:
        _run(store, "old")
        store.objects[f"_outputs/{unit_of('old')}/00000000-1-x/0000/v/part"] = b"data"
        store.clock.sleep(31 * DAY)
        _run(store, "young")
        assert prune(store, 30 * DAY).discarded == [unit_of("old")]
        assert _paths(store) == ["young"]
        assert not any(path.startswith("_outputs") for path in store.objects)
        assert any(path.startswith(f"{unit_of('old')}/") for path in store.objects)  # the tombstone
        store.clock.sleep(31 * DAY)
        assert prune(store, 30 * DAY).removed == [unit_of("old")]
        assert not any("old" in path for path in store.objects)

    def test_the_last_commit_of_an_ended_run_outlives_every_pause_whatever_age_is_asked_for(
        self, store: DictStore
    ) -> None:
        """Without it the number of a writer that sleeps would be free again."""
        _run(store, "done", CheckpointStatus.COMPLETED)
        store.clock.sleep(DAY)
        assert prune(store, 0.0).removed == []
        store.clock.sleep(3 * DAY)
        assert prune(store, 0.0).removed == [unit_of("done")]

    def test_a_live_run_is_never_touched_however_old_its_commits_are(self, store: DictStore) -> None:
        _run(store, "u", CheckpointStatus.RUNNING)
        store.clock.sleep(365 * DAY)
        store.write(f"{unit_of('u')}/hb-1", b"{}")
        before = dict(store.objects)
        report = prune(store, 0.0 - 1)
        assert report.alive == [unit_of("u")]
        assert store.objects == before

    def test_a_dry_run_says_the_same_and_leaves_everything(self, store: DictStore) -> None:
        _run(store, "old")
        _run(store, "done", CheckpointStatus.COMPLETED)
        store.clock.sleep(31 * DAY)
        before = dict(store.objects)
        report = prune(store, DAY, dry_run=True)
        assert (report.discarded, report.removed) == ([unit_of("old")], [unit_of("done")])
        assert store.objects == before

    def test_pruning_after_a_success_removes_only_ended_runs_and_checks_only_a_few(self, store: DictStore) -> None:
        _run(store, "failed")
        for number in range(20):
            _run(store, f"done-{number}", CheckpointStatus.COMPLETED)
        store.clock.sleep(31 * DAY)
        store.calls.clear()
        report = prune(store, 30 * DAY, pipeline_name="Test", abandoned=False, at_most=5)
        assert report.discarded == []
        assert 4 <= len(report.removed) <= 5
        assert len(store.calls) < 60
        while prune(store, 30 * DAY, pipeline_name="Test", abandoned=False, at_most=5).removed:
            pass
        assert _paths(store) == ["failed"]

    @pytest.mark.parametrize("status", [CheckpointStatus.COMPLETED, CheckpointStatus.FAILED])
    @pytest.mark.parametrize("moment", ["read", "delete"])
    def test_a_task_that_claims_its_old_run_meanwhile_loses_nothing(
        self, store: DictStore, status: CheckpointStatus, moment: str
    ) -> None:
        _run(store, "u", status)
        store.clock.sleep(31 * DAY)
        log = RunLog(store, unit_of("u"))

        def claim(operation: str, path: str) -> None:
            if operation == moment and path.startswith((f"{unit_of('u')}/", "_open/")):
                store.after = lambda operation, path: None
                log.claim(lambda latest: make_state(attempt=2, attempt_id="2-new", done="a", unit="u"))
                store.objects[f"_outputs/{unit_of('u')}/00000099-2-new/0000/v/part"] = b"data"

        store.after = claim
        prune(store, 30 * DAY)
        latest = log.latest()
        assert latest is not None
        assert (latest.state.attempt_id, latest.state.completed_components) == ("2-new", ("a",))
        assert [entry.commit for entry in unfinished_runs(store)] == [latest]
        assert f"_outputs/{unit_of('u')}/00000099-2-new/0000/v/part" in store.objects

    def test_an_unreadable_run_is_reported_and_left_for_a_person(self, store: DictStore) -> None:
        _run(store, "broken")
        store.objects[f"{unit_of('broken')}/00000001.json"] = b"{"
        store.clock.sleep(31 * DAY)
        assert prune(store, DAY).unreadable == [unit_of("broken")]
        assert f"{unit_of('broken')}/00000000.json" in store.objects


def test_a_known_commit_that_is_still_the_newest_is_not_read_again() -> None:
    store = DictStore()
    log = RunLog(store, UNIT)
    log.claim(lambda _: make_state(status=CheckpointStatus.FAILED))
    first = read_run(store, UNIT, 0.0)
    assert first is not None
    store.calls.clear()
    again = read_run(store, UNIT, 0.0, first.commit)
    assert again == first
    assert [operation for operation, _ in store.calls] == ["list"]


def test_a_discard_based_on_an_older_commit_discards_nothing() -> None:
    store = DictStore()
    log = RunLog(store, UNIT)
    seen = log.claim(lambda _: make_state(status=CheckpointStatus.FAILED))
    log.append(seen, make_state(done="a", status=CheckpointStatus.RUNNING))
    with pytest.raises(SupersededError):
        discard(store, RUN_ID, number=seen.number)
    assert (latest := log.latest()) is not None
    assert latest.state.status is CheckpointStatus.RUNNING
    assert discard(store, RUN_ID, number=latest.number)


def test_a_hint_has_the_time_of_the_last_claim() -> None:
    store = DictStore()
    RunLog(store, UNIT).claim(lambda _: make_state())
    store.clock.now = 90.0
    RunLog(store, UNIT).claim(lambda _: make_state(attempt=2))
    RunLog(store, unit_of("v")).claim(lambda _: make_state(unit="v"))
    assert open_units(store) == {UNIT: 90.0, unit_of("v"): 90.0}


@pytest.mark.parametrize(
    "look_at",
    [
        lambda store: list(unfinished_runs(store)),
        lambda store: list(unfinished_runs(store, "Test")),
        lambda store: list(all_runs(store)),
        lambda store: list(all_runs(store, "Test")),
        lambda store: find_run(store, make_run_id(unit_of("u"), 0)),
        lambda store: prune(store, 1.0),
        lambda store: prune(store, 1.0, pipeline_name="Test", dry_run=True),
        lambda store: Snapshot(store).open_units(),
        lambda store: Snapshot(store).run(unit_of("u")),
        lambda store: RunQuery("ended", "default", pipeline_name="Test").find(Snapshot(store)),
    ],
)
def test_listing_makes_no_directory(look_at: Callable[[CheckpointStore], object], tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "mistyped" / "place"))
    assert look_at(store) in ([], None, {}, PruneReport())
    assert list(tmp_path.iterdir()) == []


def test_a_driver_whose_first_heartbeat_arrives_during_the_check_is_alive(store: DictStore) -> None:
    """The time is asked for after the first listing; what is compared with it is listed again."""
    _run(store, "u", CheckpointStatus.RUNNING)
    store.write(f"{unit_of('u')}/hb-1", b"{}")
    store.clock.sleep(100)

    def renew(operation: str, path: str) -> None:
        if operation == "write" and path.startswith("_clock/"):
            store.before = lambda operation, path: None
            store.write(f"{unit_of('u')}/hb-1", b"{}")

    store.before = renew
    (entry,) = unfinished_runs(store)
    assert entry.alive


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_whose_driver_records_while_it_is_read_is_not_taken_for_dead(store: DictStore, asked: bool) -> None:
    """The driver has cleaned up what was listed, so the run is read again."""
    history = History(store).running().beat()
    assert history.commit is not None
    listed = f"{history.path}/{history.commit.number:08d}.json"

    def record(operation: str, path: str) -> None:
        if (operation, path) == ("read", listed):
            store.before = lambda operation, path: None
            assert history.commit is not None
            history.commit = replace(history.commit, base=None)
            history.done("b")
            store.objects.pop(listed, None)

    store.before = record
    entry = read_run(store, history.path, store_time(store) if asked else ReaderClock(store))
    assert entry is not None
    assert (entry.standing, entry.number) == (Standing.RUNNING, int(listed[-13:-5]) + 1)
