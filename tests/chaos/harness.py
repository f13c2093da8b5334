"""Rounds of real drivers against a real store: claimed as Airflow would, killed or stopped at random moments.

A round is one unit of work from its first try to its success. What is checked is the ledger that the components write
outside the store, together with what the log said when each try claimed:

* a component, or a part of one, that was recorded when a try claimed is not started by that try's driver, nor by a
  later one's;
* two drivers are never inside components at once, unless one of them was stopped for so long that its lease ran out;
* in the end each component, and each of its parts, has run to its end, and the log says *completed* with all of them.

What is drawn (when, what, for how long) depends on the seed alone; how the processes interleave does not, so a seed
repeats a violation with good chance, not for certain. The ledger and the drivers' output of a bad round are kept.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.chaos.fork_server import Child, ForkServer

if TYPE_CHECKING:
    from typing_extensions import Self

LEASE = 6.0
CALM_LEASE = 30.0  # a machine that is busy with other things must not keep a round from its end
COMPONENTS, PARTS = 3, 5
TRIES, CALM_TRIES = 9, 3  # the last ones are left alone
PIPELINE = "Chaos"
_EXITS = ("end", "left")  # in the ledger: the component is not inside any more
_NOTICEABLE = 0.3  # seconds by which a sleep is late where the machine is short of processors


@dataclass(frozen=True)
class Place:
    """Where the logs are."""

    name: str
    location: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Driver:
    """A real driver process, and what was done to it."""

    process: Child
    run_id: str
    output: Path
    recorded: frozenset[str]  # when its try claimed
    parts: frozenset[tuple[str, str]] = frozenset()  # component and key of those that were recorded then
    stops: list[tuple[float, float]] = field(default_factory=list)  # from, to; monotonic seconds


class Lag:
    """Notices when this machine lets processes wait: that is a stop that nobody asked for."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def between(self, start: float, end: float) -> bool:
        """Whether it was noticed between two moments."""
        return any(start <= moment <= end for moment in self.moments)

    def _watch(self) -> None:
        while True:
            start = time.monotonic()
            if self._ended.wait(0.1):
                return
            if time.monotonic() - start > 0.1 + _NOTICEABLE:
                self.moments.append(time.monotonic())


@dataclass
class Outcome:
    """What came of a round."""

    seed: int
    violations: list[str]
    counts: Counter[str]


class Round:
    """One unit of work.

    :param directory: private to the round; the ledger and the drivers' output lie there
    """

    def __init__(self, place: Place, seed: int, directory: Path, fork_server: ForkServer, lag: Lag) -> None:
        self.place = place
        self.fork_server = fork_server
        self.lag = lag
        self.wakers: list[threading.Timer] = []
        self.seed = seed
        self.directory = directory
        self.draw = random.Random(seed)  # noqa: S311  # not a secret
        self.local = self.draw.random() < 0.5
        self.ledger = directory / "ledger"
        self.counts: Counter[str] = Counter()
        self.drivers: list[Driver] = []
        self.key = UnitKey("chaos", "dag", f"run-{seed}-{directory.name}", "task")
        seconds = self.draw.choice((0.0, 0.1, 0.4))
        more = random.Random(f"more of {seed}")  # noqa: S311
        parallelism, parts = more.choice((1, 3)), more.choice((0, PARTS))
        self.spec = PipelineSpec(
            PIPELINE,
            tuple(
                ComponentSpec(
                    "tests.chaos.component.Logged",
                    name,
                    {"ledger": str(self.ledger), "seconds": seconds, "parts": parts},
                    f"pipeline.pipeline-components[{index}]",
                    depends_on=None if parallelism == 1 or name == "c" else (),
                )
                for index, name in enumerate("abcdef"[:COMPONENTS])
            ),
            SparkSpec(None, None, {}),
            CheckpointSpec(),
            True,
            None,
            parallelism=parallelism,
        )
        self.log = RunLog(open_store(place.location, place.options), unit_path(PIPELINE, self.key))

    def play(self) -> Outcome:
        """Try until success, with less and less going wrong; then judge."""
        self.directory.mkdir(parents=True)
        problems: list[str] = []
        try:
            for number in range(1, TRIES + 1):
                if self._try(number, calm=number > TRIES - CALM_TRIES):
                    break
            else:
                problems.append(f"no success in {TRIES} tries")
            self._end_all()
            problems += self._judge()
        finally:
            self._end_all(by_force=True)
        self.counts["rounds"] += 1
        self.counts["rounds with violations"] += bool(problems)
        return Outcome(self.seed, problems, self.counts)

    # ---- a try

    def _try(self, number: int, *, calm: bool) -> bool:
        """Do as the operator does; returns whether the try succeeded."""
        caller = Caller(TRIES, TRIES, number, "identity")
        attempt = TaskAttempt(self.spec, self.log, self.key, caller, auto_resume=True)
        self.counts["tries"] += 1
        if attempt.decide().decision.kind is ClaimKind.REPORT:
            return self._report(attempt, "unreported successes")
        try:
            driver = self._submit(attempt, number, CALM_LEASE if calm else LEASE)
        except AlreadyCompletedError:
            return self._report(attempt, "successes between a look and a claim")
        if not calm and self._harass(driver):
            return False  # Airflow has lost the try and starts the next one at once, whatever the driver does
        if not driver.process.wait(120):
            return False  # said by the check that the round came to its end
        try:
            attempt.outcome()
        except ComponentFailedError:
            return False
        attempt.retire(keep_history=False)
        return True

    def _report(self, attempt: TaskAttempt, what: str) -> bool:
        """An orphaned driver has completed the pipeline: nothing runs."""
        self.counts[what] += 1
        attempt.outcome()
        attempt.retire(keep_history=False)
        return True

    def _submit(self, attempt: TaskAttempt, number: int, lease: float) -> Driver:
        token = attempt.claim()
        state = self.log.newest_state()
        assert state is not None
        request = DriverRequest(
            self.spec.to_dict(),
            self.place.location,
            self.place.options,
            self.log.path,
            token,
            lease_seconds=lease,
            local=self.local,
        )
        path = self.directory / f"request-{number}.json"
        path.write_text(request.to_json(), encoding="utf-8")
        output = self.directory / f"driver-{number}.log"
        process = self.fork_server.start(path, output)
        parts = frozenset((record.name, key) for record in state.components for key in record.parts)
        driver = Driver(process, state.run_id, output, frozenset(state.completed_components), parts)
        self.drivers.append(driver)
        return driver

    def _harass(self, driver: Driver) -> bool:
        """Do something bad to the driver, or nothing. Returns whether the next try does not wait for it."""
        what = self.draw.choice(("kill", "kill", "kill", "short stop", "long stop", "overtake", "nothing"))
        moment = self.draw.uniform(0.0, 2.5)
        for_long = self.draw.uniform(LEASE * 1.1, LEASE * 1.6)
        briefly = self.draw.uniform(0.1, LEASE / 3)
        if what == "nothing":
            return False
        driver.process.wait(moment)
        self.counts[what] += 1
        start = time.monotonic()
        if what == "kill":
            driver.process.signal(signal.SIGKILL)
            driver.process.wait(60)
        elif what == "short stop":
            driver.process.signal(signal.SIGSTOP)
            time.sleep(briefly)
            driver.process.signal(signal.SIGCONT)
            driver.stops.append((start, time.monotonic()))
            return self.draw.random() < 0.5
        elif what == "long stop":
            driver.process.signal(signal.SIGSTOP)
            driver.stops.append((start, float("inf")))
            waker = threading.Timer(for_long, self._wake, (driver, start))
            waker.start()
            self.wakers.append(waker)
        return True

    def _wake(self, driver: Driver, start: float) -> None:
        driver.process.signal(signal.SIGCONT)
        driver.stops[:] = [(a, time.monotonic() if a == start else b) for a, b in driver.stops]

    def _end_all(self, *, by_force: bool = False) -> None:
        for waker in self.wakers:
            waker.join()
        for driver in self.drivers:
            if by_force:
                driver.process.signal(signal.SIGKILL)
            driver.process.wait(60)
            if by_force:
                driver.process.close()

    # ---- the ledger

    def _judge(self) -> list[str]:
        text = self.ledger.read_text(encoding="utf-8") if self.ledger.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        self.counts["components started"] += sum(line["what"] == "start" for line in lines)
        self.counts["parts started"] += sum(line["what"] == "start part" for line in lines)
        problems: list[str] = []
        recorded: set[str] = set()
        for driver in self.drivers:
            recorded |= driver.recorded
            started = {
                line["component"] for line in lines if line["pid"] == driver.process.pid and line["what"] == "start"
            }
            problems += [f"{driver.run_id} ran {name} again, which was recorded" for name in sorted(started & recorded)]
        problems += self._judge_parts(lines)
        problems += self._judge_overlaps(lines)
        for component in self.spec.components:
            name = component.instance_name
            if not any((line["what"], line["component"]) == ("end", name) for line in lines):
                problems.append(f"{name} never ran to its end")
        state = self.log.newest_state()
        if state is None or state.status is not CheckpointStatus.COMPLETED:
            problems.append(f"the log ends with {state and state.status}")
        elif len(state.completed_components) != COMPONENTS:
            problems.append(f"completed with {state.completed_components}")
        return problems

    def _judge_overlaps(self, lines: list[dict[str, Any]]) -> list[str]:
        drivers = {driver.process.pid: driver for driver in self.drivers}
        starts = sorted((line for line in lines if line["what"] == "start"), key=lambda line: float(line["at"]))
        problems: list[str] = []
        for index, one in enumerate(starts):
            for other in starts[index + 1 :]:
                inside = one["pid"] in other["alive"] and other["at"] < self._exit_of(one, lines)
                if inside and not self._lost(drivers[one["pid"]], other["at"]):
                    told = (
                        f"{other['run']} started {other['component']} while {one['run']} was inside {one['component']}"
                    )
                    problems.append(told)
        return problems

    def _judge_parts(self, lines: list[dict[str, Any]]) -> list[str]:
        recorded: set[tuple[str, str]] = set()
        problems: list[str] = []
        for driver in self.drivers:
            recorded |= driver.parts
            started = {
                (line["component"], line["part"])
                for line in lines
                if line["pid"] == driver.process.pid and line["what"] == "start part"
            }
            again = sorted(started & recorded)
            problems += [f"{driver.run_id} ran part {part} of {name} again, which was recorded" for name, part in again]
        ended = {(line["component"], line["part"]) for line in lines if line["what"] == "end part"}
        for component in self.spec.components:
            name, parts = component.instance_name, component.instance_config["parts"]
            missing = [str(part) for part in range(parts) if (name, str(part)) not in ended]
            problems += [f"part {part} of {name} never ran to its end" for part in missing]
        return problems

    def _exit_of(self, start: dict[str, Any], lines: list[dict[str, Any]]) -> float:
        key = (start["pid"], start["component"])
        exits = [line["at"] for line in lines if line["what"] in _EXITS and (line["pid"], line["component"]) == key]
        return float(exits[0]) if exits else float("inf")

    def _lost(self, driver: Driver, at: float) -> bool:
        """Whether the driver may have lost its lease before that moment, since it was stopped for so long."""
        # Its last heartbeat may have been two intervals old when it was stopped.
        if any(min(end, at) - start > LEASE - 2 * LEASE / 6 for start, end in driver.stops if start < at):
            return True
        says_so = "could not renew its lease" in driver.output.read_text(encoding="utf-8")
        return says_so and self.lag.between(at - 2 * LEASE, at)


def run_rounds(places: list[Place], rounds: int, seed: int, directory: Path, *, parallel: int = 40) -> list[Outcome]:
    """Play so many rounds, some at a time; round ``n`` has the seed ``seed + n`` and the places take turns."""
    with ForkServer() as fork_server, Lag() as lag, ThreadPoolExecutor(parallel) as pool:

        def play(number: int) -> Outcome:
            place = places[(seed + number) % len(places)]
            return Round(place, seed + number, directory / f"{place.name}-{seed + number}", fork_server, lag).play()

        return list(pool.map(play, range(rounds)))


def report(outcomes: list[Outcome]) -> str:
    """Return the counts, and the seed and the first problem of each bad round."""
    total: Counter[str] = sum((outcome.counts for outcome in outcomes), Counter())
    lines = [f"{count:7}  {name}" for name, count in sorted(total.items())]
    for outcome in outcomes:
        again = f"repeat: python -m tests.chaos --rounds 1 --seed {outcome.seed}"
        lines += [f"seed {outcome.seed}: {problem} ({again})" for problem in outcome.violations]
    return "\n".join(lines)
