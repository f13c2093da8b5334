from __future__ import annotations

import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.exceptions import CheckpointLostError, CheckpointStoreError, LeaseLostError, SupersededError
from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.protocol import EXIT_SUPERSEDED
from airflow_spark_pipeline.runtime.driver import watchdog as watchdog_module
from airflow_spark_pipeline.runtime.driver.watchdog import Watchdog
from tests.fakes import RUN_ID, DictStore, make_state
from tests.fakes import UNIT as OWN
from tests.unit.protocol.simulation import LEASE, UNIT, Fault, World

SECONDS = 0.6  # a lease short enough to watch it run out


class Brisk(LeaseTerms):
    """A driver that looks often, and has all the time in the world: no busy machine can make it lose its lease."""

    interval = property(lambda self: 0.02)
    fence = property(lambda self: 600.0)
    patience = property(lambda self: 10.0)


class Bench:
    """A watchdog with real threads, a clock that can jump, and a store that can fail or hang."""

    def __init__(self, terms: LeaseTerms) -> None:
        self.ahead = 0.0
        self.store = DictStore()
        self.log = RunLog(self.store, OWN, retry_seconds=0.05)
        self.claimed = self.recorded = self.log.claim(lambda latest: make_state())
        about = {"attempt": 1, "runId": RUN_ID, "process": None}
        self.lease = Lease(self.log, "1-me", about, terms, clock=self.clock)
        self.watchdog = Watchdog(self.log, self.lease, lambda: self.claimed.number, recorded=lambda: self.recorded)
        self.hung = threading.Event()
        self.beats = 0
        self.exits: list[int] = []
        self.store.after = self._count

    def clock(self) -> float:
        return time.monotonic() + self.ahead

    def fail(self, error: Exception | None) -> None:
        def before(operation: str, path: str) -> None:
            if error is not None:
                raise error

        self.store.before = before

    def hang(self) -> None:
        def before(operation: str, path: str) -> None:
            if operation == "write":
                self.hung.wait(30)

        self.store.before = before

    def beat(self) -> None:
        seen = self.beats
        _eventually(lambda: self.beats > seen)

    def _count(self, operation: str, path: str) -> None:
        self.beats += operation == "write"


@pytest.fixture
def terms() -> LeaseTerms:
    return LeaseTerms(SECONDS)


brisk = pytest.mark.parametrize("terms", [Brisk(600.0)], ids=["brisk"])


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, terms: LeaseTerms) -> Iterator[Bench]:
    monkeypatch.setattr(watchdog_module, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(watchdog_module, "_RETRY_SECONDS", 0.02)
    bench = Bench(terms)
    # The real one would end the tests.
    monkeypatch.setattr(watchdog_module, "os", types.SimpleNamespace(_exit=bench.exits.append))
    yield bench
    bench.fail(None)
    bench.hung.set()
    if bench.watchdog._threads[0].ident is not None:
        bench.watchdog.stop()


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _cancelled(bench: Bench) -> bool:
    try:
        bench.watchdog.guard()
    except (CheckpointLostError, LeaseLostError, SupersededError):
        return True
    return False


def test_the_heartbeat_is_there_when_start_returns_and_gone_after_stop(bench: Bench) -> None:
    bench.watchdog.start()
    assert list(bench.log.listing().heartbeats) == [bench.lease.name]
    bench.watchdog.stop()
    assert bench.log.listing().heartbeats == {}


@brisk
def test_a_short_failure_to_write_heartbeats_stops_nothing(bench: Bench) -> None:
    bench.watchdog.start()
    bench.fail(CheckpointStoreError("503"))
    failed = len(bench.store.calls) + 3
    _eventually(lambda: len(bench.store.calls) > failed)
    bench.fail(None)
    bench.beat()
    bench.watchdog.guard()


def test_a_heartbeat_that_cannot_be_written_for_too_long_stops_the_driver(bench: Bench) -> None:
    bench.watchdog.start()
    bench.fail(CheckpointStoreError("503"))
    _eventually(lambda: _cancelled(bench))
    with pytest.raises(LeaseLostError, match=r"could not renew its lease for 0\.3 s"):
        bench.watchdog.guard()


def test_a_stopped_driver_stays_stopped_when_the_store_answers_again(bench: Bench) -> None:
    bench.watchdog.start()
    bench.fail(CheckpointStoreError("503"))
    _eventually(lambda: _cancelled(bench))
    bench.fail(None)
    with pytest.raises(LeaseLostError):
        bench.watchdog.guard()


def test_a_hanging_put_does_not_stop_the_clock_thread(bench: Bench) -> None:
    steps: list[str] = []
    bench.watchdog.on_cancel(lambda: steps.append("cancel"))
    bench.watchdog.start()
    bench.hang()
    _eventually(lambda: bool(steps))
    assert steps == ["cancel"]
    with pytest.raises(LeaseLostError):
        bench.watchdog.guard()


def test_after_a_put_that_hangs_past_the_end_the_lease_is_not_released(bench: Bench) -> None:
    """It may land after the release, and would then be waited for."""
    bench.watchdog.start()
    bench.hang()
    _eventually(lambda: _cancelled(bench))
    bench.watchdog.stop()
    assert bench.log.listing().heartbeats


def test_a_clock_that_jumps_ahead_stops_the_driver_at_its_next_step(bench: Bench) -> None:
    """The machine was suspended: whoever looked meanwhile has taken this driver for dead."""
    bench.watchdog.start()
    bench.ahead = 3600.0
    with pytest.raises(LeaseLostError):
        bench.watchdog.guard()


def test_a_heartbeat_thread_that_wakes_up_late_does_not_renew_the_lease(bench: Bench) -> None:
    bench.watchdog.start()
    bench.ahead = 3600.0
    before = bench.store.calls.count(("write", f"{OWN}/{bench.lease.name}"))
    _eventually(lambda: not bench.watchdog._threads[0].is_alive())
    assert bench.store.calls.count(("write", f"{OWN}/{bench.lease.name}")) <= before + 1  # one may be on its way


@brisk
def test_a_successor_is_detected_and_named(bench: Bench) -> None:
    bench.watchdog.start()
    bench.log.claim(lambda latest: make_state(attempt=2, attempt_id="2-newer"))
    _eventually(lambda: _cancelled(bench))
    with pytest.raises(SupersededError, match="superseded by attempt 2"):
        bench.watchdog.guard()


@brisk
def test_a_removed_heartbeat_is_detected(bench: Bench) -> None:
    def remove(operation: str, path: str) -> None:
        if operation == "write":
            bench.store.objects.pop(path)

    bench.watchdog.start()
    bench.store.after = remove
    _eventually(lambda: _cancelled(bench))
    with pytest.raises(SupersededError, match="removed its heartbeat"):
        bench.watchdog.guard()


@brisk
def test_a_deleted_heartbeat_is_not_created_again(bench: Bench) -> None:
    bench.watchdog.start()
    bench.beat()
    del bench.store.objects[f"{OWN}/{bench.lease.name}"]
    _eventually(lambda: _cancelled(bench))
    with pytest.raises(SupersededError, match="removed its heartbeat"):
        bench.watchdog.guard()
    assert f"{OWN}/{bench.lease.name}" not in bench.store.objects


def _lose_everything(bench: Bench) -> None:
    bench.store.objects.clear()


def _lose_the_newest(bench: Bench) -> None:
    del bench.store.objects[f"{OWN}/00000000.json"]


def _get_another_log_of_the_same_length(bench: Bench) -> None:
    bench.store.clock.sleep(100)
    bench.store.write(f"{OWN}/00000000.json", encode(make_state(nonce="another"), 0))


@brisk
@pytest.mark.parametrize("lose", [_lose_everything, _lose_the_newest, _get_another_log_of_the_same_length])
def test_a_deleted_or_replaced_log_is_detected(bench: Bench, lose: Callable[[Bench], None]) -> None:
    bench.watchdog.start()
    bench.beat()
    bench.beat()
    lose(bench)
    _eventually(lambda: _cancelled(bench))
    with pytest.raises(CheckpointLostError, match="no longer contains what this attempt has recorded"):
        bench.watchdog.guard()


@brisk
def test_a_commit_rewritten_with_the_same_bytes_is_still_the_drivers_own(bench: Bench) -> None:
    bench.watchdog.start()
    bench.beat()
    bench.store.clock.sleep(100)
    bench.store.write(f"{OWN}/00000000.json", bench.store.objects[f"{OWN}/00000000.json"])
    bench.beat()
    bench.beat()
    bench.watchdog.guard()


@brisk
def test_a_drivers_own_commit_is_not_taken_for_a_successors(bench: Bench) -> None:
    bench.watchdog.start()
    bench.claimed = Commit(1, bench.claimed.state)  # said before it is done
    bench.log.append(Commit(0, bench.claimed.state), bench.claimed.state)
    bench.beat()
    bench.beat()
    bench.watchdog.guard()


def test_a_component_that_ignores_its_cancellation_ends_with_the_process(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []
    bench.watchdog.on_cancel(lambda: steps.append("cancel jobs"), lambda: steps.append("stop Spark"))
    bench.watchdog.start()
    bench.fail(CheckpointStoreError("503"))
    _eventually(lambda: bool(bench.exits))
    assert bench.exits == [EXIT_SUPERSEDED]
    assert steps == ["cancel jobs", "stop Spark"]
    assert "The component did not stop, so the process ends: " in capsys.readouterr().out


class TestInTheSimulation:
    """With the whole driver around it, and time that passes as told."""

    @pytest.mark.parametrize("stubborn", [False, True], ids=["obedient", "stubborn"])
    def test_a_superseded_driver_leaves_its_component_within_its_lease(self, stubborn: bool) -> None:
        world = World(seconds=10 * LEASE, stubborn=stubborn)
        world.start_try()
        assert world.run_until(lambda: any(process.inside for process in world.processes))
        first = next(process for process in world.processes if process.inside)
        world.start_try()
        claimed_at = world.now
        assert world.run_until(lambda: first.dead)
        assert world.now - claimed_at < LEASE
        assert first.code == EXIT_SUPERSEDED
        world.settle(at_most=50 * LEASE)
        world.check()
        assert world.success

    @pytest.mark.parametrize("seconds", [LEASE / 3, LEASE * 2], ids=["shorter", "longer"])
    def test_a_stopped_driver_continues_only_after_a_short_stop(self, seconds: float) -> None:
        world = World(seconds=2.0)
        world.start_try()
        assert world.run_until(lambda: any(process.inside == "b" for process in world.processes))
        driver = next(process for process in world.processes if process.inside)
        world.freeze(driver, seconds)
        world.settle()
        world.check()
        assert world.success is (seconds < LEASE)

    def test_a_component_that_was_cancelled_is_neither_recorded_as_failed_nor_tried_again_in_place(self) -> None:
        world = World(seconds=10 * LEASE)
        world.spec = replace(world.spec, retry_policy=RetryPolicy(max_retries=3, initial_delay_ms=1, max_delay_ms=1))
        world.start_try()
        assert world.run_until(lambda: any(process.inside for process in world.processes))
        first = next(process for process in world.processes if process.inside)
        world.start_try()
        assert world.run_until(lambda: first.dead)
        assert [who for _, who, _ in world.oracle.entries].count(first.name) == 1
        world.settle(at_most=100 * LEASE)
        world.check()
        state = RunLog(world.inner, UNIT).read(max(world.numbers())).state
        assert [attempt.failed for attempt in state.attempts] == [None, None]
        assert [component.retries for component in state.components] == [(), (), ()]

    @pytest.mark.parametrize("frozen", [False, True], ids=["superseded", "without a lease"])
    def test_a_driver_that_is_stopped_deletes_what_its_component_had_written_and_nothing_else(
        self, frozen: bool
    ) -> None:
        world = World(seconds=LEASE)
        world.start_try()
        assert world.run_until(lambda: any(process.inside == "b" for process in world.processes))
        first = next(process for process in world.processes if process.inside)
        recorded, unrecorded = world.oracle.outputs["a"], next(reversed(world.oracle.writers))
        assert {recorded, unrecorded} <= world.inner.objects.keys()
        if frozen:
            world.freeze(first, LEASE * 2)
        world.start_try()
        assert world.run_until(lambda: first.dead)
        assert recorded in world.inner.objects
        assert unrecorded not in world.inner.objects
        world.settle()
        world.check()
        assert world.success

    def test_an_outage_shorter_than_the_fence_does_not_stop_the_driver(self) -> None:
        world = World(seconds=LEASE)
        world.start_try()
        assert world.run_until(lambda: any(process.inside for process in world.processes))
        driver = next(process for process in world.processes if process.inside)
        world.arm(driver, 1, Fault.OUTAGE, LEASE / 5)
        world.settle()
        world.check()
        assert world.outcomes == ["success"]
