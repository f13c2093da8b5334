"""Many directories are listed with one request, with the same result as one request for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.catalog import open_units, read_runs, unfinished_runs
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock
from airflow_spark_pipeline.checkpoint.prune import prune
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.base import StoredObject
from airflow_spark_pipeline.checkpoint.stores.together import FEWEST, Answer, listed_together
from airflow_spark_pipeline.exceptions import CheckpointStoreError
from tests.fakes import DictStore
from tests.histories_of_runs import History


class OrderedStore(DictStore):
    """A store that lists many directories together, ``page`` names in one answer, as S3 does."""

    parallel_reads = 4

    def __init__(self, page: int = 1_000) -> None:
        super().__init__()
        self.page = page
        self.after_listing: Callable[[], None] = lambda: None

    def list_together(self, directories: Sequence[str]) -> dict[str, list[StoredObject]]:
        found = listed_together(directories, self.ask)
        self.after_listing()
        return found

    def ask(self, parent: str, after: str) -> Answer:
        self._enter("list_from", after)
        names = sorted(name for name in list(self.objects) if name.startswith(parent) and name > after)
        objects = [StoredObject(name, self.modified.get(name, 0.0)) for name in names[: self.page]]
        return Answer(objects, len(names) <= self.page)

    def requests(self, operation: str) -> int:
        return [each for each, _ in self.calls].count(operation)


@pytest.mark.parametrize("page", [1, 2, 3, 17, 40, 1_000])
@pytest.mark.parametrize("seed", range(5))
def test_each_listing_is_that_of_a_request_for_the_directory_alone(page: int, seed: int) -> None:
    chance = random.Random(f"{page} {seed}")  # noqa: S311  # the same each time
    store = OrderedStore(page)
    # "-" and "." sort before "/", and "0" after it: "p/u-1/…" comes before "p/u/…".
    units = [f"p/u{chance.choice(['', '-', '.', '0', '~'])}{chance.randrange(60)}" for _ in range(120)]
    for unit in units:
        for number in range(chance.randrange(4)):
            store.write(f"{unit}/{number:08d}.json", b"")
        if chance.random() < 0.1:
            store.write(f"{unit}/deeper/{chance.randrange(9)}", b"")
    store.write("p/_ended/x", b"")
    store.write("q/u/00000000.json", b"")
    wanted = list(dict.fromkeys(units))
    listed = store.list_together([*wanted, "q/u"])
    assert listed == {each: listed[each] for each in wanted if each in listed}
    for directory, objects in listed.items():
        assert sorted(found.name for found in objects) == sorted(f.name for f in store.list_objects(directory))
    if page == 1_000:
        assert listed.keys() == set(wanted)
        assert store.requests("list_from") == 1


def test_a_directory_that_an_answer_holds_only_partly_is_requested_again() -> None:
    store = OrderedStore(page=100)
    for unit in range(50):
        for number in range(3):
            store.write(f"p/u{unit:02}/{number}", b"")
    listed = store.list_together([f"p/u{unit:02}" for unit in range(50)])
    assert {len(objects) for objects in listed.values()} == {3}
    assert [path for operation, path in store.calls if operation == "list_from"] == ["p/u00/", "p/u33/"]


@pytest.mark.parametrize("between", [100, 10_000])
def test_objects_between_the_directories_cost_two_requests_at_most(between: int) -> None:
    store = OrderedStore(page=50)
    for unit in range(between):
        store.objects[f"p/u{unit:05}/0"] = b""
    listed = store.list_together([f"p/u{unit:05}" for unit in range(0, between, between // 50)])
    assert store.requests("list_from") <= 2
    assert len(listed) >= 2


def test_a_few_directories_are_listed_one_by_one() -> None:
    store = OrderedStore()
    directories = [f"p/u{unit}" for unit in range(FEWEST - 1)]
    assert store.list_together([*directories, "q/u", "r/u"]) == {}
    assert store.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda found: Answer(found.objects[::-1], True), id="not in order"),
        pytest.param(lambda found: Answer([StoredObject("p/a", 0.0), *found.objects], True), id="from the beginning"),
        pytest.param(lambda found: Answer([], False), id="empty, and there is more"),
    ],
)
def test_a_store_that_does_not_list_in_order_leaves_all_out(answer: Callable[[Answer], Answer]) -> None:
    store = OrderedStore()
    directories = [f"p/u{unit:02}" for unit in range(50)]
    for directory in directories:
        store.write(f"{directory}/0", b"")
    assert listed_together(directories, lambda parent, after: answer(store.ask(parent, after))) == {}


def _runs(store: DictStore, count: int) -> list[History]:
    store.clock.sleep(1_000.0)
    kinds = (History.failed, History.running, History.submitted, History.completed)
    return [kinds[number % 4](History(store, f"r{number:03}")) for number in range(count)]


def _told(store: DictStore) -> list[tuple[str, str, int | None]]:
    return [(entry.path, entry.standing, entry.number) for entry in unfinished_runs(store)]


def test_runs_are_the_same_and_cost_one_read_each() -> None:
    store = OrderedStore()
    histories = _runs(store, 100)
    for history in histories[1::8]:
        history.beat()
    store.objects[f"{histories[0].path}/00000002.json"] = b"damaged"
    plain = DictStore()
    plain.objects, plain.modified, plain.clock = dict(store.objects), dict(store.modified), store.clock
    assert _told(store) == _told(plain)
    assert len(_told(plain)) == 75
    store.calls.clear()
    snapshot = Snapshot(store)
    found = snapshot.runs(snapshot.open_units())
    assert [run.path for run in found if run is not None and run.alive] == [each.path for each in histories[1::8]]
    assert store.requests("list_from") == 1
    listed = [path for operation, path in store.calls if operation == "list"]
    assert not [path for path in listed if path in {each.path for each in histories[2::4]}]  # no driver runs there


def test_a_listing_that_fails_is_an_error_of_each_run_and_hides_no_run() -> None:
    store = OrderedStore()
    _runs(store, 60)

    def refuse(operation: str, path: str) -> None:
        if operation == "list_from":
            raise CheckpointStoreError("403 for this prefix")

    store.before = refuse
    found = list(unfinished_runs(store))
    assert len(found) == 45
    assert {entry.error for entry in found} == {None}


def test_a_change_between_listing_and_read_is_seen_or_has_no_effect() -> None:
    """A run makes a new commit and cleans up, one is claimed, and one ends: as if they had been read at the listing."""
    store = OrderedStore()
    histories = _runs(store, 60)
    cleaned, claimed, ended = histories[0], histories[4], histories[8]

    def meanwhile() -> None:
        store.after_listing = lambda: None
        cleaned.submitted(attempt=2)
        for number in range(cleaned.commit.number if cleaned.commit else 0):
            store.delete(f"{cleaned.path}/{number:08d}.json")
        claimed.submitted(attempt=2)
        ended.completed()

    store.after_listing = meanwhile
    paths = sorted(open_units(store))
    first = {entry.path: entry for entry in read_runs(store, paths, ReaderClock(store)) if entry is not None}
    assert {entry.error for entry in first.values()} == {None}
    for history, attempt in ((cleaned, 2), (claimed, 1)):
        commit = first[history.path].commit
        assert commit is not None
        assert (
            commit.state.attempt == attempt
        )  # what the listing had was removed; or it was not, and is shown as it was
    second = {entry.path: entry for entry in read_runs(store, paths, ReaderClock(store)) if entry is not None}
    commit = second[claimed.path].commit
    assert commit is not None
    assert commit.state.attempt == 2
    assert second[ended.path].ended


def test_a_driver_that_starts_after_the_listing_is_not_taken_for_dead() -> None:
    """The time is asked for after the listing, so the heartbeats in it would look older than they are."""
    store = OrderedStore()
    histories = _runs(store, 60)[1::4]
    for history in histories:
        history.beat()
    lease = next(h.commit.state.lease_seconds for h in histories if h.commit is not None)

    def meanwhile() -> None:
        store.clock.sleep(lease * 2)
        for history in histories:
            history.beat()

    for ask in (
        lambda paths: read_runs(store, paths, ReaderClock(store)),
        lambda paths: Snapshot(store).runs(paths),
    ):
        store.after_listing = meanwhile
        found = {entry.path: entry.alive for entry in ask(sorted(open_units(store))) if entry is not None}
        assert [found[history.path] for history in histories] == [True] * len(histories)


@pytest.mark.parametrize("young", [0, 60, 30])
def test_a_prune_lists_young_runs_together_and_removes_the_same(young: int) -> None:
    store = OrderedStore()
    histories = _runs(store, 60)
    store.clock.sleep(1e6)
    for history in histories[:young]:
        if history.commit is not None and history.commit.state.status is not CheckpointStatus.COMPLETED:
            history.log.append(history.commit, replace(history.commit.state, status=CheckpointStatus.FAILED))
        else:
            store.write(f"{history.path}/hb-x", b"")
    plain = DictStore()
    plain.objects, plain.modified, plain.clock = dict(store.objects), dict(store.modified), store.clock
    store.calls.clear()
    assert prune(store, 3_600.0) == prune(plain, 3_600.0)
    assert store.objects.keys() == plain.objects.keys()
    listed = {path for operation, path in store.calls if operation == "list"}
    assert not listed & {history.path for history in histories[:young]}
