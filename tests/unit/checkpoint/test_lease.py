from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms, Other, boottime
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.processes import all_gone, identify
from airflow_spark_pipeline.exceptions import CheckpointStoreError, SupersededError
from tests.fakes import UNIT, Clock, DictStore, make_state

TERMS = LeaseTerms(60.0)


@pytest.fixture
def store() -> DictStore:
    return DictStore()


@pytest.fixture
def log(store: DictStore) -> RunLog:
    clock = Clock()
    return RunLog(store, UNIT, retry_seconds=2.0, clock=clock, sleep=clock.sleep)


def _lease(
    log: RunLog, attempt: int = 1, *, seconds: float = 60.0, clock: Clock | None = None, **about: object
) -> Lease:
    described = {"attempt": attempt, "runId": make_run_id(UNIT, attempt), "process": None, **about}
    return Lease(log, f"{attempt}-id", described, LeaseTerms(seconds), clock=clock or Clock())


def _blocked(lease: Lease, log: RunLog, others: list[Other]) -> bool:
    return bool(lease.blocking(others, log.listing()))


class TestTerms:
    @pytest.mark.parametrize("seconds", [6.0, 60.0, 600.0])
    def test_a_driver_has_ended_well_before_it_can_be_taken_for_dead(self, seconds: float) -> None:
        terms = LeaseTerms(seconds)
        looks = 0.5  # how late the watchdog may notice
        assert terms.fence + 2 * terms.patience + looks < seconds
        assert terms.interval * 2 < terms.fence


class TestOverdue:
    def test_it_is_overdue_when_the_fence_has_passed_since_the_last_renewal(self, log: RunLog) -> None:
        clock = Clock()
        lease = _lease(log, clock=clock)
        lease.renew()
        clock.now += TERMS.fence
        assert not lease.overdue
        clock.now += 0.1
        assert lease.overdue

    def test_the_lease_counts_from_the_start_of_a_renewal(self, log: RunLog, store: DictStore) -> None:
        clock = Clock()
        lease = _lease(log, clock=clock)
        store.after = lambda operation, path: clock.sleep(TERMS.fence + 1)
        lease.renew()
        assert lease.overdue

    def test_a_renewal_that_failed_renews_nothing(self, log: RunLog, store: DictStore) -> None:
        clock = Clock()
        lease = _lease(log, clock=clock)
        clock.now += TERMS.fence + 1

        def down(operation: str, path: str) -> None:
            raise CheckpointStoreError("503")

        store.before = down
        with pytest.raises(CheckpointStoreError):
            lease.renew()
        assert lease.overdue

    def test_a_clock_that_jumps_ahead_makes_it_overdue_and_one_that_jumps_back_does_not(self, log: RunLog) -> None:
        clock = Clock()
        lease = _lease(log, clock=clock)
        lease.renew()
        clock.now -= 1_000
        assert not lease.overdue
        clock.now += 1_000 + 24 * 3600  # the machine was suspended overnight
        assert lease.overdue

    def test_the_clock_continues_while_the_machine_is_suspended(self) -> None:
        with open("/proc/uptime", encoding="ascii") as file:
            assert boottime() == pytest.approx(float(file.read().split()[0]), abs=1.0)


class TestOthers:
    def test_a_driver_does_not_wait_for_itself(self, log: RunLog) -> None:
        lease = _lease(log)
        lease.renew()
        assert lease.others(log.listing()) == []

    def test_another_process_of_the_same_attempt_counts_as_another_driver(self, log: RunLog) -> None:
        """A cluster manager may start a driver twice."""
        one, again = _lease(log), _lease(log)
        one.renew()
        again.renew()
        assert [other.name for other in again.others(log.listing())] == [one.name]

    def test_a_fresh_heartbeat_blocks_until_its_lease_is_released(self, log: RunLog) -> None:
        one, two = _lease(log, 1), _lease(log, 2)
        one.renew()
        two.renew()
        others = two.others(log.listing())
        assert _blocked(two, log, others)
        one.release()
        assert not _blocked(two, log, others)

    def test_a_heartbeat_is_stale_once_the_stores_clock_is_a_whole_lease_past_it(
        self, log: RunLog, store: DictStore
    ) -> None:
        one, two = _lease(log, 1), _lease(log, 2)
        one.renew()
        two.renew()
        others = two.others(log.listing())
        store.clock.now += 1_000.0
        assert _blocked(two, log, others), "without my own heartbeat the store's time is not known"
        store.clock.now = 60.0
        two.renew()
        assert _blocked(two, log, others)
        store.clock.now = 60.1
        two.renew()
        assert not _blocked(two, log, others)

    def test_if_the_stores_clock_has_whole_seconds_two_more_are_waited_for(self, log: RunLog, store: DictStore) -> None:
        store.clock_slack = 2.0
        one, two = _lease(log, 1), _lease(log, 2)
        one.renew()
        others = two.others(log.listing())
        for now, blocked in ((62.0, True), (63.0, False)):
            store.clock.now = now
            two.renew()
            assert _blocked(two, log, others) is blocked

    @pytest.mark.parametrize(("theirs", "mine"), [(120.0, 60.0), (60.0, 120.0)])
    def test_the_longer_of_two_leases_counts(self, log: RunLog, store: DictStore, theirs: float, mine: float) -> None:
        one, two = _lease(log, 1, seconds=theirs), _lease(log, 2, seconds=mine)
        one.renew()
        others = two.others(log.listing())
        for now, blocked in ((119.0, True), (121.0, False)):
            store.clock.now = now
            two.renew()
            assert _blocked(two, log, others) is blocked

    def test_one_error_of_the_store_does_not_shorten_the_other_ones_lease(self, log: RunLog, store: DictStore) -> None:
        one, two = _lease(log, 1, seconds=300.0), _lease(log, 2)
        one.renew()
        errors = iter([CheckpointStoreError("503")])

        def fail(operation: str, path: str) -> None:
            if operation == "read" and (error := next(errors, None)) is not None:
                raise error

        store.before = fail
        (other,) = two.others(log.listing())
        assert other.lease_seconds == 300.0

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"attempt": 1}', b"\xff"])
    def test_an_unreadable_heartbeat_still_blocks(self, log: RunLog, store: DictStore, content: bytes) -> None:
        two = _lease(log, 2)
        two.renew()
        store.write(f"{UNIT}/hb-strange", content)
        (other,) = two.others(log.listing())
        assert (other.description, other.lease_seconds) == ("hb-strange", 60.0)
        assert _blocked(two, log, [other])

    def test_a_process_that_is_certainly_gone_does_not_block(self, log: RunLog) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        one, two = _lease(log, 1, process=identify(child.pid)), _lease(log, 2)
        one.renew()
        two.renew()
        others = two.others(log.listing())
        assert _blocked(two, log, others)
        child.communicate(b"\n")
        assert not _blocked(two, log, others)

    def test_only_heartbeats_of_drivers_that_were_waited_for_are_deleted(self, log: RunLog, store: DictStore) -> None:
        one, two, three = _lease(log, 1), _lease(log, 2), _lease(log, 3)
        one.renew()
        two.renew()
        others = two.others(log.listing())
        three.renew()
        two.clear(others)
        assert set(log.listing().heartbeats) == {two.name, three.name}


class TestWaiting:
    @pytest.fixture
    def two(self, log: RunLog) -> Lease:
        log.claim(lambda latest: make_state())
        _lease(log, 1).renew()
        lease = _lease(log, 2)
        lease.renew()
        return lease

    def _wait(self, lease: Lease, log: RunLog, store: DictStore, told: list[str]) -> Iterator[None]:
        def sleep(seconds: float) -> None:
            store.clock.now += seconds
            lease.renew()

        others = lease.others(log.listing())
        return lease.wait(others, 0, sleep=sleep, tell=lambda other: told.append(other.description))

    def test_it_waits_for_one_lease_at_most_and_names_the_other_driver_once(
        self, two: Lease, log: RunLog, store: DictStore
    ) -> None:
        told: list[str] = []
        looks = len(list(self._wait(two, log, store, told)))
        assert told == [f"attempt 1 (run {make_run_id(UNIT, 1)})"]
        assert 60 < looks <= 63
        assert 60.0 < store.clock.now <= 62.0

    def test_it_ends_at_once_if_no_other_driver_is_running(self, log: RunLog, store: DictStore) -> None:
        log.claim(lambda latest: make_state())
        lease = _lease(log)
        lease.renew()
        told: list[str] = []
        assert len(list(self._wait(lease, log, store, told))) == 1
        assert told == []

    def test_a_newer_claim_ends_it_with_an_error(self, two: Lease, log: RunLog, store: DictStore) -> None:
        waiting = self._wait(two, log, store, [])
        next(waiting)
        log.claim(lambda latest: make_state(attempt_id="3-newer"))
        with pytest.raises(SupersededError, match="while it waited; it has run nothing"):
            list(waiting)

    def test_a_store_that_does_not_answer_is_asked_again(self, two: Lease, log: RunLog, store: DictStore) -> None:
        waiting = self._wait(two, log, store, [])
        next(waiting)
        errors = iter([CheckpointStoreError("503")] * 5)

        def fail(operation: str, path: str) -> None:
            if operation == "list" and (error := next(errors, None)) is not None:
                raise error

        store.before = fail
        list(waiting)
        assert next(errors, None) is None


class TestProcesses:
    def test_a_process_that_runs_is_not_gone(self) -> None:
        assert identify(os.getpid()) is not None
        assert not all_gone(identify(os.getpid()))

    def test_its_identity_survives_json(self) -> None:
        assert not all_gone(json.loads(json.dumps(identify(os.getpid()))))

    def test_both_of_two_processes_have_to_be_gone(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        both, one = identify(os.getpid(), child.pid), identify(child.pid)
        child.communicate(b"\n")
        assert all_gone(one)
        assert not all_gone(both)

    def test_a_zombie_process_counts_as_gone(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        identity = identify(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert all_gone(identity)
        child.wait()

    def test_a_process_id_that_was_given_to_another_process_is_not_the_same(self) -> None:
        identity = identify(os.getpid())
        assert identity is not None
        before = {**identity, "processes": {str(os.getpid()): identity["processes"][str(os.getpid())] - 1}}
        assert all_gone(before)

    @pytest.mark.parametrize("place", ["boot", "namespace"])
    def test_processes_of_another_machine_or_container_are_unknown(self, place: str) -> None:
        identity = identify(os.getpid())
        assert identity is not None
        assert not all_gone({**identity, place: "another", "processes": {"1": 1}})

    @pytest.mark.parametrize("identity", [None, {}])
    def test_without_an_identity_nothing_is_known(self, identity: dict[str, object] | None) -> None:
        assert not all_gone(identity)

    def test_an_ended_process_has_no_identity(self) -> None:
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        assert identify(child.pid) is None
