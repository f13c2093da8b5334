"""One real driver takes over from another: the second one's messages, and the first one's end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.protocol import EXIT_CHECKPOINT, EXIT_COMPLETED, EXIT_SUPERSEDED, DriverRequest
from airflow_spark_pipeline.task.attempt import TaskAttempt

ROOT = Path(__file__).resolve().parents[2]
KEY = UnitKey("test", "dag", "run", "task")
UNIT = unit_path("Takeover", KEY)
LEASE = 12.0  # long enough for a busy machine to renew it


@dataclass
class Unit:
    """A unit of work on a local disk, and the drivers that were started for it."""

    directory: Path
    seconds: float = 120.0
    tries: int = 0

    def __post_init__(self) -> None:
        self.ledger = self.directory / "ledger"
        self.drivers: list[subprocess.Popen[str]] = []
        self.log = RunLog(open_store(str(self.directory / "checkpoints")), UNIT)

    def start(self, *, local: bool = False) -> subprocess.Popen[str]:
        self.tries += 1
        config = {"ledger": str(self.ledger), "seconds": self.seconds}
        component = ComponentSpec("tests.chaos.component.Logged", "a", config, "pipeline.pipeline-components[0]")
        spec = PipelineSpec("Takeover", (component,), SparkSpec(None, None, {}), CheckpointSpec(), True, None)
        token = TaskAttempt(spec, self.log, KEY, Caller(9, 9, self.tries, "id"), auto_resume=True).claim()
        location = str(self.directory / "checkpoints")
        request = DriverRequest(spec.to_dict(), location, {}, UNIT, token, lease_seconds=LEASE, local=local)
        path = self.directory / f"request-{self.tries}.json"
        path.write_text(request.to_json(), encoding="utf-8")
        driver = subprocess.Popen(
            [sys.executable, "-m", "tests.sparkless", "run", str(path)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.drivers.append(driver)
        return driver

    def inside(self, driver: subprocess.Popen[str]) -> bool:
        lines = self.ledger.read_text(encoding="utf-8").splitlines() if self.ledger.exists() else []
        return any(json.loads(line)["pid"] == driver.pid for line in lines)

    def end(self) -> None:
        for driver in self.drivers:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
            driver.communicate()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    unit = Unit(tmp_path)
    yield unit
    unit.end()


def _eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_component_that_cannot_be_cancelled_ends_with_its_process_before_the_successor_starts_it(unit: Unit) -> None:
    """It sleeps in Python, where no cancelled Spark job reaches it."""
    first = unit.start()
    _eventually(lambda: unit.inside(first))
    unit.seconds = 0.0
    second = unit.start()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == EXIT_COMPLETED
    words, _ = first.communicate(timeout=120)
    assert first.returncode == EXIT_SUPERSEDED
    newer = f"{UNIT.replace('/', '~')}~2"
    assert f"superseded by attempt 2 (run {newer}" in words
    assert words.splitlines()[-1].startswith("The component did not stop, so the process ends: ")
    older = f"attempt 1 (run {UNIT.replace('/', '~')}~0)"
    assert f"Waiting for {older} to end, {LEASE:g} s at most after its last sign of life" in said


def test_a_driver_of_this_machine_that_was_killed_is_not_waited_for(unit: Unit) -> None:
    first = unit.start(local=True)
    _eventually(lambda: unit.inside(first))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    unit.seconds = 0.0
    second = unit.start(local=True)
    said, _ = second.communicate(timeout=120)
    assert second.returncode == EXIT_COMPLETED
    assert "Waiting for" not in said


def test_a_killed_driver_of_another_machine_is_waited_for_until_its_lease_expires(unit: Unit) -> None:
    first = unit.start()
    _eventually(lambda: unit.inside(first))
    os.killpg(first.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    first.wait()
    unit.seconds = 0.0
    second = unit.start()
    said, _ = second.communicate(timeout=120)
    assert second.returncode == EXIT_COMPLETED
    assert f"Waiting for attempt 1 (run {UNIT.replace('/', '~')}~0) to end, {LEASE:g} s at most" in said
    assert time.monotonic() - killed_at > LEASE / 2


def test_a_driver_that_was_stopped_for_longer_than_its_lease_ends_itself_when_it_wakes_up(unit: Unit) -> None:
    first = unit.start()
    _eventually(lambda: unit.inside(first))
    os.killpg(first.pid, signal.SIGSTOP)
    unit.seconds = 0.0
    second = unit.start()
    second.communicate(timeout=120)
    assert second.returncode == EXIT_COMPLETED
    os.killpg(first.pid, signal.SIGCONT)
    words, _ = first.communicate(timeout=60)
    assert first.returncode in (EXIT_SUPERSEDED, EXIT_CHECKPOINT)
    assert "Stopping: " in words
    state = unit.log.newest_state()
    assert state is not None
    assert (state.status, state.attempt) == (CheckpointStatus.COMPLETED, 2)


def test_a_driver_that_was_stopped_for_a_moment_continues(unit: Unit) -> None:
    unit.seconds = 3.0
    first = unit.start()
    _eventually(lambda: unit.inside(first))
    os.killpg(first.pid, signal.SIGSTOP)
    time.sleep(1.0)  # the pause itself is what is tested
    os.killpg(first.pid, signal.SIGCONT)
    first.communicate(timeout=60)
    assert first.returncode == EXIT_COMPLETED
