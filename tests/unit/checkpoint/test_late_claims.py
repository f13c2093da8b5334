"""Late claims: their end was removed, and the log began again, before they were created."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.catalog import read_run
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.exceptions import CheckpointStoreError, CorruptCheckpointError, SupersededError
from airflow_spark_pipeline.runtime.standalone.waiting import wait_until_silent
from tests.fakes import UNIT, Clock, DictStore, as_attempt, make_state, progressed, resealed, with_done

_END = 5  # the number of the end that the late claim follows
_ENDS = (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED)


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def log(store: DictStore) -> RunLog:
    clock = Clock()
    return RunLog(store, UNIT, clock=clock, sleep=clock.sleep)


def _path(number: int) -> str:
    return f"{UNIT}/{number:08d}.json"


def _late(store: DictStore, status: CheckpointStatus = CheckpointStatus.DISCARDED) -> None:
    """Create the late claim: what the end held is gone already."""
    end = {"number": _END, "nonce": f"of a {status.value} run"}
    claim = make_state(
        status=CheckpointStatus.SUBMITTED, attempt_id="1-late", nonce="late", epoch=1, claim_number=6, decided_on=end
    )
    store.objects[_path(_END + 1)] = encode(claim, _END + 1)


def _running(log: RunLog, done: str = "") -> Commit:
    """The log that has begun again."""
    claimed = log.claim(lambda latest: make_state(status=CheckpointStatus.SUBMITTED))
    commit = log.append(claimed, replace(claimed.state, status=CheckpointStatus.RUNNING))
    for name in done:
        commit = log.append(commit, with_done(commit.state, name))
    return commit


@pytest.mark.parametrize("status", _ENDS)
def test_a_claim_after_an_end_records_which_end_it_follows(log: RunLog, status: CheckpointStatus) -> None:
    claimed = log.claim(lambda latest: make_state())
    end = log.append(claimed, progressed(claimed.state, "abc", status=status))
    if status is CheckpointStatus.DISCARDED:
        end = log.discard() or end
    after = log.claim(lambda latest: make_state(run_id=f"{claimed.state.run_id[:-1]}{end.number + 1}"))
    assert after.state.decided_on == {"number": end.number, "nonce": end.state.nonce}
    assert log.latest() == after


def test_other_claims_record_no_end(log: RunLog) -> None:
    assert log.claim(lambda latest: make_state()).state.decided_on is None
    assert log.claim(lambda latest: as_attempt(make_state(), 2, make_state().run_id)).state.decided_on is None


@pytest.mark.parametrize("status", _ENDS)
@pytest.mark.parametrize("done", ["", "a", "ab"])
def test_a_late_claim_hides_no_progress(log: RunLog, store: DictStore, status: CheckpointStatus, done: str) -> None:
    commit = _running(log, done)
    _late(store, status)
    assert log.latest() == commit
    entry = read_run(store, UNIT, 0.0)
    assert entry is not None
    assert entry.commit == commit


def test_an_end_under_the_same_number_is_not_taken_for_the_one_that_the_claim_follows(
    log: RunLog, store: DictStore
) -> None:
    commit = _running(log, "abc")
    assert commit.number == _END - 1
    end = log.append(commit, replace(commit.state, status=CheckpointStatus.COMPLETED))
    log.retire(end)
    _late(store)
    assert log.latest() == end


def test_a_claim_counts_if_it_is_the_only_commit(log: RunLog, store: DictStore) -> None:
    _late(store)
    assert log.latest() == log.read(_END + 1)


def test_a_late_claimant_decides_again_and_leaves_its_claim(log: RunLog, store: DictStore) -> None:
    claimed = log.claim(lambda latest: make_state(status=CheckpointStatus.SUBMITTED))
    end = log.discard()
    assert end is not None
    found: list[int | None] = []

    def build(latest: Commit | None) -> CheckpointState:
        found.append(None if latest is None else latest.number)
        if len(found) == 1:  # what happens while this claimant is frozen
            store.objects.clear()
            _running(RunLog(store, UNIT))
        return as_attempt(claimed.state, 2, claimed.state.run_id)

    mine = log.claim(build)
    assert (end.number, found, mine.number) == (1, [1, 1, 2], 3)  # 2 is its own late claim
    assert log.read(2).state.decided_on == {"number": 1, "nonce": end.state.nonce}
    assert log.latest() == mine


def test_a_writer_skips_the_number_of_a_late_claim_and_announces_the_number_it_creates(
    log: RunLog, store: DictStore
) -> None:
    commit = _running(log, "abc")
    _late(store)
    told: list[int] = []
    for _ in range(3):
        commit = log.append(commit, commit.state, announce=told.append)
    assert (told, commit.number) == ([5, 6, 7, 8], 8)
    assert log.latest() == commit


def test_a_claim_passes_over_the_number_of_a_late_claim(log: RunLog, store: DictStore) -> None:
    commit = _running(log, "abc")
    commit = log.append(commit, commit.state)
    _late(store)
    mine = log.claim(lambda latest: as_attempt(commit.state, 2, commit.state.run_id))
    assert (commit.number, mine.number, mine.state.claim_number) == (5, 7, 7)


def test_after_a_lost_create_beside_a_late_claim_the_same_number_is_used_again(log: RunLog, store: DictStore) -> None:
    commit = _running(log)
    _late(store)
    answers = iter([True])

    def lose(operation: str, path: str) -> None:
        if operation == "create" and next(answers, False):
            store.objects.pop(path, None)
            raise CheckpointStoreError(path)

    store.after = lose
    assert log.append(commit, commit.state).number == commit.number + 1


def test_a_late_claim_does_not_stop_a_driver_that_watches_the_log(log: RunLog, store: DictStore) -> None:
    commit = _running(log, "a")
    _late(store)
    numbers = log.listing().numbers
    assert not log.is_passed(commit.number, numbers)
    assert log.is_passed(commit.number - 1, numbers)
    lease = Lease(log, commit.state.attempt_id, {}, LeaseTerms(60.0))
    assert list(lease.wait([], commit.number, sleep=lambda _: None, tell=lambda _: None)) == [None]
    log.append(commit, commit.state)
    with pytest.raises(SupersededError):
        list(lease.wait([], commit.number, sleep=lambda _: None, tell=lambda _: None))


def test_a_listing_older_than_a_drivers_own_commit_does_not_stop_it(log: RunLog, store: DictStore) -> None:
    commit = _running(log, "a")
    _late(store)
    before = log.listing().numbers
    log.append(commit, commit.state)
    assert not log.is_passed(commit.number, before)
    assert log.is_passed(commit.number, log.listing().numbers)


@pytest.mark.parametrize("data", [None, b"damaged"])
def test_a_driver_is_superseded_by_a_higher_number_even_if_it_is_gone_or_damaged(
    log: RunLog, store: DictStore, data: bytes | None
) -> None:
    commit = _running(log, "a")
    log.append(commit, commit.state)
    numbers = log.listing().numbers
    store.objects[_path(commit.number + 1)] = data or b""
    if data is None:
        del store.objects[_path(commit.number + 1)]
    assert log.is_passed(commit.number, numbers)


def test_waiting_and_showing_ignore_a_late_claim(log: RunLog, store: DictStore) -> None:
    commit = _running(log, "a")
    _late(store)
    assert wait_until_silent(log, commit, sleep=lambda _: None, tell=lambda _: None) == commit
    entry = Snapshot(store).run(UNIT)
    assert entry is not None
    assert entry.commit == commit


def test_a_discard_takes_the_number_after_the_newest_that_counts(log: RunLog, store: DictStore) -> None:
    commit = _running(log, "a")
    _late(store)
    discarded = log.discard(number=commit.number)
    assert discarded is not None
    assert discarded.number == commit.number + 1
    assert log.latest() == discarded
    assert not [path for path in store.objects if path.startswith("_open/")]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"number": 0, "nonce": "x"}, "decidedOn is commit 0, and claimNumber is 0"),
        ({"number": -1, "nonce": "x"}, "decidedOn.number is -1"),
        ({"number": "0", "nonce": "x"}, "decidedOn.number is '0'"),
        ({"number": 0}, "decidedOn has no nonce"),
        ({"number": 0, "nonce": ""}, "decidedOn.nonce is ''"),
        ([], "decidedOn is not an object"),
    ],
)
def test_an_end_that_no_claim_can_follow_is_refused(wrong: object, why: str) -> None:
    with pytest.raises(CorruptCheckpointError, match=why):
        decode(resealed(make_state(), decidedOn=wrong), "p")
