"""A run whose driver may be alive is waited for, resumed or refused, and never silently started over."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.catalog import unfinished_runs
from airflow_spark_pipeline.checkpoint.discard import given_up
from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.processes import identify
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError, StillRunningError
from airflow_spark_pipeline.runtime.standalone import waiting
from airflow_spark_pipeline.runtime.standalone.waiting import STARTING_SECONDS, wait_until_silent
from tests.fakes import RUN_ID, UNIT, Clock, DictStore, as_attempt, heartbeat, make_state
from tests.sparkless import FakeSpark
from tests.steps import describe, names

LEASE = 60.0
ME = os.getpid()


class Unit:
    """A run in a store whose time passes only when somebody sleeps."""

    def __init__(self, status: CheckpointStatus = CheckpointStatus.RUNNING) -> None:
        self.store = DictStore()
        self.log = RunLog(self.store, UNIT, clock=self.store.clock, sleep=self.store.clock.sleep)
        self.commit = self.log.claim(lambda latest: make_state(status=CheckpointStatus.SUBMITTED))
        if status is not CheckpointStatus.SUBMITTED:
            self.commit = self.log.append(self.commit, make_state(done="a", status=status))
        self.told: list[str] = []
        self.each_second: Any = lambda: None

    def heartbeat(self, process: Any = None) -> None:
        self.store.write(f"{UNIT}/hb-1-me", heartbeat(process=process))

    def sleep(self, seconds: float) -> None:
        self.store.clock.sleep(seconds)
        self.each_second()

    def wait(self) -> Commit:
        return wait_until_silent(self.log, self.commit, sleep=self.sleep, clock=self.store.clock, tell=self.told.append)

    @property
    def now(self) -> float:
        return self.store.clock()


def test_a_killed_driver_that_cannot_be_checked_here_is_waited_for_until_its_lease_ends() -> None:
    unit = Unit()
    unit.heartbeat()
    unit.store.clock.sleep(2)
    assert unit.wait() == unit.commit
    assert LEASE < unit.now <= LEASE + 2
    (told,) = unit.told
    assert told.startswith(
        f"Waiting up to 58 s for the driver of attempt 1 (run {RUN_ID}): its last sign of life was 2 s ago"
    )


@pytest.mark.parametrize(
    "status",
    [CheckpointStatus.FAILED, CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED, CheckpointStatus.RUNNING],
)
def test_a_run_that_shows_no_sign_of_life_is_not_waited_for(status: CheckpointStatus) -> None:
    unit = Unit(status)
    if status is not CheckpointStatus.RUNNING:
        unit.heartbeat()  # its driver is about to end
    assert unit.wait() == unit.commit
    assert (unit.now, unit.told) == (0, [])


def test_a_run_whose_driver_keeps_sending_heartbeats_is_refused_after_one_lease() -> None:
    unit = Unit()
    unit.heartbeat()
    unit.each_second = unit.heartbeat
    with pytest.raises(
        StillRunningError, match=r"Run \S+~0 \(attempt 1, started .*\) is still running: .* after 60 s"
    ) as e:
        unit.wait()
    assert e.value.run_id == RUN_ID
    assert LEASE < unit.now <= LEASE + 2


@pytest.mark.parametrize("end", [CheckpointStatus.FAILED, CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED])
def test_the_wait_is_over_when_the_run_ends(end: CheckpointStatus) -> None:
    unit = Unit()
    unit.heartbeat()

    def finish() -> None:
        unit.each_second = lambda: None
        unit.log.append(unit.commit, make_state(done="a", status=end))

    unit.each_second = finish
    assert unit.wait().state.status is end
    assert unit.now <= 2


def test_another_command_that_took_the_run_over_meanwhile_is_refused_in_its_place() -> None:
    unit = Unit()
    unit.heartbeat()

    def take_over() -> None:
        state = make_state(attempt=2, attempt_id="2-other", run_id=make_run_id(UNIT, 1))
        latest = unit.log.latest()
        if latest is not None and latest.number == unit.commit.number:
            unit.log.claim(lambda _: state)
        unit.store.write(f"{UNIT}/hb-2-other", b"{}")

    unit.each_second = take_over
    with pytest.raises(StillRunningError, match=r"~1 \(attempt 2"):
        unit.wait()


IDENTITY = identify(ME) or {}


@pytest.mark.skipif(not IDENTITY, reason="nothing is known of processes here")
@pytest.mark.parametrize(
    ("process", "waits"),
    [
        ({**IDENTITY, "processes": {str(ME): 1}}, False),  # its number was given to another process
        ({**IDENTITY, "processes": {"4194999": 1}}, False),
        ({**IDENTITY, "boot": "another"}, True),
        ({**IDENTITY, "namespace": "pid:[1]"}, True),
        ({**IDENTITY, "processes": {}}, True),
        ({}, True),
        (None, True),
        ("nonsense", True),
    ],
    ids=["pid-reused", "gone", "other-boot", "other-container", "no-processes", "empty", "none", "damaged"],
)
def test_only_a_driver_that_is_known_to_be_gone_is_not_waited_for(process: Any, waits: bool) -> None:
    unit = Unit()
    unit.heartbeat(process)
    assert unit.wait() == unit.commit
    assert (unit.now > LEASE) is waits


@pytest.mark.skipif(not IDENTITY, reason="nothing is known of processes here")
@pytest.mark.parametrize("field", ["process", "driver"])
def test_a_run_whose_driver_process_is_alive_here_is_refused_at_once(field: str) -> None:
    unit = Unit()
    unit.store.write(f"{UNIT}/hb-1-me", heartbeat(**{"process": None, field: IDENTITY}))
    with pytest.raises(StillRunningError, match="its process is alive on this machine"):
        unit.wait()
    assert unit.now == 0


def test_a_claim_that_was_made_just_now_is_given_the_time_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Unit(CheckpointStatus.SUBMITTED)
    began = datetime.now(timezone.utc)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return began + timedelta(seconds=unit.now)

    monkeypatch.setattr(waiting, "datetime", Later)
    assert unit.wait() == unit.commit
    assert STARTING_SECONDS - 1 < unit.now < STARTING_SECONDS + 2
    assert f"attempt 1 (run {RUN_ID}) is just starting" in unit.told[0]


# ---- PipelineRunner and auto-resume


class Killed:
    """A run on a cluster whose driver was killed: recorded as running, with a heartbeat that nobody renews."""

    def __init__(self, directory: Path, *, silent: float) -> None:
        self.location = directory / "checkpoints"
        self.runner = PipelineRunner(FakeSpark(), location=self.location)  # type: ignore[arg-type]
        with pytest.raises(ComponentFailedError):
            self.runner.run_with_checkpointing(self.text)
        self.store = open_store(str(self.location))
        (entry,) = unfinished_runs(self.store)
        assert entry.commit is not None
        self.unit, self.log = entry.path, RunLog(self.store, entry.path)
        state = replace(entry.commit.state, status=CheckpointStatus.RUNNING, failure=None)
        self.log.append(entry.commit, state)
        self.run_id = entry.commit.state.run_id
        self.heartbeat = self.location / entry.path / "hb-1-elsewhere"
        self.renew(silent)

    text = describe("a", "b:Step:fails = 1", "c")

    def renew(self, ago: float = 0.0) -> None:
        self.store.write(f"{self.unit}/hb-1-elsewhere", heartbeat())
        moment = time.time() - ago
        os.utime(self.heartbeat, (moment, moment))

    def watched(self, log: RunLog, commit: Commit) -> Commit:
        """Wait in a time that passes only while one sleeps; the driver renews its sign of life all the while."""
        clock = Clock()

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            self.renew(-clock.now)

        return wait_until_silent(log, commit, sleep=sleep, clock=clock)

    def again(self) -> Any:
        return self.runner.run_with_checkpointing(self.text, auto_resume=True)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return tmp_path / "ledger"


@pytest.mark.parametrize("how", ["auto-resume", "by-id"])
def test_the_same_command_after_a_kill_waits_and_resumes(
    tmp_path: Path, ledger: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = Killed(tmp_path, silent=54)  # six seconds of its lease are left
    report = killed.again() if how == "auto-resume" else killed.runner.resume(killed.text, killed.run_id)
    assert names(ledger) == "abbc"
    assert report.resumed_from == killed.run_id
    said = capsys.readouterr().out
    assert re.search(r"Waiting up to [1-6] s for the driver of attempt 1 \(run ", said)
    if how == "auto-resume":
        assert f"Resuming {killed.run_id}: 1 of 3 components are done." in said


def test_auto_resume_refuses_a_run_that_is_alive_elsewhere_and_starts_nothing(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Killed(tmp_path, silent=0)
    monkeypatch.setattr("airflow_spark_pipeline.runtime.standalone.runner.wait_until_silent", killed.watched)
    with pytest.raises(StillRunningError, match=f"{killed.run_id} .* is still running"):
        killed.again()
    assert names(ledger) == "ab"


def test_only_one_of_two_commands_that_waited_for_a_run_takes_it(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one looks again before it claims, and finds the run taken."""
    killed = Killed(tmp_path, silent=100)
    taken: list[str] = []

    def look_at(log: RunLog, commit: Commit) -> Commit:
        if taken:
            return killed.watched(log, commit)
        found = wait_until_silent(log, commit)
        # Between this look and the claim another command claims, and runs.
        run_id = make_run_id(log.path, found.number + 1)
        taken.append(run_id)
        log.claim(lambda latest: as_attempt(found.state, 2, run_id))
        killed.renew()
        return found

    monkeypatch.setattr("airflow_spark_pipeline.runtime.standalone.runner.wait_until_silent", look_at)
    with pytest.raises(StillRunningError, match="attempt 2"):
        killed.again()
    assert names(ledger) == "ab"


def test_a_run_that_completed_while_it_was_waited_for_is_not_resumed(tmp_path: Path, ledger: Path) -> None:
    killed = Killed(tmp_path, silent=58.5)
    latest = killed.log.latest()
    assert latest is not None
    killed.log.append(latest, given_up(latest.state))
    assert killed.again().skipped == []
