"""When the cache reads its location, and what it reads."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.exceptions import CheckpointLocationError, CheckpointStoreError
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from tests.fakes import Clock, DictStore, make_state, unit_of


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(store: DictStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> LocationCache:
    monkeypatch.setattr("airflow_spark_pipeline.plugins.page.location_cache.open_location", lambda place: store)
    found = LocationCache(StoreLocation("dict://"), clock=clock)
    found._store = store
    store.clock = clock  # the store's time is ours
    return found


def _failed(store: DictStore, unit: str, attempt: int = 1) -> Commit:
    log = RunLog(store, unit_of(unit))
    commit = log.claim(lambda _: make_state(attempt=attempt, unit=unit))
    return log.append(commit, replace(commit.state, status=CheckpointStatus.FAILED))


def _refresh(cache: LocationCache) -> None:
    cache.refresh(now=True).result(timeout=10)


def _seen(cache: LocationCache) -> list[str]:
    return sorted(entry.path for entry in cache.entries())


def test_runs_that_cannot_have_changed_cost_one_list_together(
    cache: LocationCache, store: DictStore, clock: Clock
) -> None:
    for number in range(50):
        _failed(store, f"u{number}")
    clock.sleep(200)
    _refresh(cache)
    clock.sleep(30)
    store.calls.clear()
    _refresh(cache)
    assert store.calls == [("list", "_open")]
    assert len(_seen(cache)) == 50


def test_a_run_that_is_claimed_again_is_looked_at_again(cache: LocationCache, store: DictStore, clock: Clock) -> None:
    _failed(store, "u")
    clock.sleep(200)
    _refresh(cache)
    clock.sleep(30)
    _failed(store, "u", attempt=2)
    _refresh(cache)
    (entry,) = cache.entries()
    assert entry.commit is not None
    assert entry.commit.state.attempt == 2


def test_a_hint_written_before_its_claim_hides_no_claim(cache: LocationCache, store: DictStore, clock: Clock) -> None:
    """The look falls between the hint and the claim: the hint's time never changes afterwards."""
    first = _failed(store, "u")
    clock.sleep(200)
    log = RunLog(store, unit_of("u"))
    log._hint()
    _refresh(cache)
    log._create(first.number + 1, "2", encode(make_state(attempt=2, nonce="2", unit="u"), first.number + 1))
    clock.sleep(10)
    _refresh(cache)
    (entry,) = cache.entries()
    assert entry.commit is not None
    assert entry.commit.state.attempt == 2


def test_a_commit_is_read_once(cache: LocationCache, store: DictStore, clock: Clock) -> None:
    log = RunLog(store, unit_of("u"))
    log.claim(lambda _: make_state(status=CheckpointStatus.RUNNING, unit="u"))
    for _ in range(3):
        _refresh(cache)
        clock.sleep(30)
    assert [operation for operation, _ in store.calls].count("read") == 1


def test_discarded_progress_is_gone(cache: LocationCache, store: DictStore) -> None:
    _failed(store, "u")
    _failed(store, "v")
    _refresh(cache)
    RunLog(store, unit_of("u")).discard()
    _refresh(cache)
    assert _seen(cache) == [unit_of("v")]


def test_a_location_that_is_down_is_explained_and_its_last_rows_stay(cache: LocationCache, store: DictStore) -> None:
    _failed(store, "u")
    _refresh(cache)

    def down(operation: str, path: str) -> None:
        raise CheckpointStoreError("no route to the store")

    store.before = down
    _refresh(cache)
    assert cache.trouble == "no route to the store"
    assert _seen(cache) == [unit_of("u")]
    store.before = lambda operation, path: None
    _refresh(cache)
    assert cache.trouble is None


def test_a_read_only_location_can_be_read(cache: LocationCache, store: DictStore) -> None:
    _failed(store, "u")

    def read_only(operation: str, path: str) -> None:
        if operation == "write":
            raise CheckpointLocationError("read-only")

    store.before = read_only
    _refresh(cache)
    assert cache.trouble is None
    assert _seen(cache) == [unit_of("u")]


def test_listing_an_empty_location_writes_nothing(cache: LocationCache, store: DictStore) -> None:
    _refresh(cache)
    assert store.calls == [("list", "_open")]


def test_only_one_refresh_runs_at_a_time(cache: LocationCache, store: DictStore) -> None:
    gate = threading.Event()

    def wait(operation: str, path: str) -> None:
        gate.wait(10)

    store.before = wait
    asked = [cache.refresh() for _ in range(20)]
    gate.set()
    for each in asked:
        each.result(timeout=10)
    assert [operation for operation, _ in store.calls] == ["list"]


@pytest.mark.parametrize(("takes", "answers_for"), [(0.1, 1.5), (4.0, 20.0)])
def test_a_listing_that_takes_long_is_made_less_often(
    cache: LocationCache, store: DictStore, clock: Clock, takes: float, answers_for: float
) -> None:
    _failed(store, "u1")
    clock.sleep(200)
    _refresh(cache)
    store.before = lambda *_: clock.sleep(takes)
    _refresh(cache)
    store.calls.clear()
    clock.sleep(answers_for - 0.01)
    cache.refresh().result(timeout=10)
    assert store.calls == []
    clock.sleep(0.02)
    cache.refresh().result(timeout=10)
    assert store.calls == [("list", "_open")]


def test_a_location_that_took_long_to_fail_is_tried_again_soon(
    cache: LocationCache, store: DictStore, clock: Clock
) -> None:
    def fail(*_: str) -> None:
        clock.sleep(30)
        raise CheckpointStoreError("timed out")

    store.before = fail
    _refresh(cache)
    store.before = lambda *_: None
    clock.sleep(1.6)
    cache.refresh().result(timeout=10)
    assert cache.trouble is None


class Expiring:
    """A location whose first store refuses access after a while, as with a session token."""

    def __init__(self, store: DictStore) -> None:
        self.store = store
        self.opened = 0

    def __call__(self, place: StoreLocation) -> DictStore:
        self.opened += 1
        self.store.before = lambda operation, path: None
        return self.store

    def expire(self) -> None:
        def refuse(operation: str, path: str) -> None:
            raise CheckpointLocationError("refuses access: the token has expired")

        self.store.before = refuse


@pytest.fixture
def expiring(cache: LocationCache, store: DictStore, monkeypatch: pytest.MonkeyPatch) -> Expiring:
    found = Expiring(store)
    monkeypatch.setattr("airflow_spark_pipeline.plugins.page.location_cache.open_location", found)
    return found


def test_a_location_that_refuses_access_is_opened_again_for_the_next_refresh(
    cache: LocationCache, store: DictStore, expiring: Expiring
) -> None:
    _failed(store, "u")
    _refresh(cache)
    expiring.expire()
    _refresh(cache)
    assert "the token has expired" in str(cache.trouble)
    _refresh(cache)
    assert (cache.trouble, expiring.opened, _seen(cache)) == (None, 1, [unit_of("u")])


def test_a_look_at_one_run_opens_a_location_that_refuses_access_again(
    cache: LocationCache, store: DictStore, expiring: Expiring
) -> None:
    _failed(store, "u")
    _refresh(cache)
    expiring.expire()
    found = cache.look(unit_of("u"))
    assert found is not None
    assert (found.error, expiring.opened) == (None, 1)


def test_the_ended_runs_open_a_location_that_refuses_access_again(cache: LocationCache, expiring: Expiring) -> None:
    expiring.expire()
    with pytest.raises(CheckpointLocationError, match="the token has expired"):
        cache.look_at_finished()
    cache.look_at_finished()
    assert expiring.opened == 1
