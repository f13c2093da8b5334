"""A small world in which the real operator side and the real driver run against each other, one step at a time.

Everything that takes part is the package's own: :class:`TaskAttempt`, ``main.drive`` with its log, lease, watchdog,
recorder and runner. Simulated are only the store (a dictionary), time, threads, and Airflow's bookkeeping. Each process
has its threads as greenlets, which hand over at each store operation (before it takes effect, and before its answer is
there), at each sleep and at each wait; the world lets one of them go at a time, in the order of simulated time. A world
with the same seed and the same calls does the same thing again.

The world sees everything, so it checks what no attempt could: see :class:`Oracle`. What it finds is kept in
``violations`` (the code under test catches exceptions, on purpose) and raised by :meth:`World.check`.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import io
import itertools
import queue
import random
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

import greenlet  # type: ignore[import-untyped]  # its stubs are a package of their own

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint import catalog as catalog_module
from airflow_spark_pipeline.checkpoint import changes as changes_module
from airflow_spark_pipeline.checkpoint import lease as lease_module
from airflow_spark_pipeline.checkpoint import prune as prune_module
from airflow_spark_pipeline.checkpoint.changes import is_changes
from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.decoding import changed, parse, whole
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.layout import HEARTBEAT
from airflow_spark_pipeline.checkpoint.lease import Lease, LeaseTerms
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import Base, CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError, StoredObject
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    CheckpointStoreError,
    CorruptCheckpointError,
    SparkPipelineError,
    SupersededError,
)
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.driver import driver as driver_module
from airflow_spark_pipeline.runtime.driver import heartbeat as process_module
from airflow_spark_pipeline.runtime.driver import main as main_module
from airflow_spark_pipeline.runtime.driver import watchdog as watchdog_module
from airflow_spark_pipeline.runtime.loop import tries as tries_module
from airflow_spark_pipeline.runtime.loop import workers as workers_module
from airflow_spark_pipeline.runtime.spark import starting as starting_module
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.fakes import DictStore
from tests.sparkless import FakeContext, FakeSpark

LEASE = 12.0
RETRIES = 2
KEY = UnitKey("default", "dag", "run", "task")
PIPELINE = "Simulated"
UNIT = unit_path(PIPELINE, KEY)
ABANDONED, TOMBSTONE = 3 * LEASE, 20 * LEASE  # ages for clean-ups; nobody sleeps for as long as the second
_FOREVER = float("inf")


@functools.lru_cache(maxsize=256)
def _read(data: bytes, base: tuple[int, bytes] | None = None) -> CheckpointState:
    """The state of a commit, and of its base where it holds changes."""
    raw = parse(data, "commit")
    return whole(raw, "commit") if base is None else changed(raw, Base(base[0], _read(base[1])), "commit")


class Violation(AssertionError):  # noqa: N818  # it is what the tests look for, not a fault of theirs
    """One of the promises was broken."""


class Death(BaseException):
    """Unwinds the threads of a process that is no more; whatever they do meanwhile has no effect."""


class Fault(enum.Enum):
    """What may happen at one operation of the store."""

    ERROR_BEFORE = "an error, and it did not take effect"
    ERROR_AFTER = "an error, and it did take effect"
    ERROR_LATE = "an error, and it takes effect later"
    EXISTS_AFTER = "the client library's own retry is told that it exists"
    OUTAGE = "the store does not answer this process for a while"
    DEATH_BEFORE = "the process dies before it takes effect"
    DEATH_AFTER = "the process dies after it took effect"
    DEATH_LATE = "the process dies, and it takes effect later"
    FREEZE_BEFORE = "the process is stopped for a while before it takes effect"
    FREEZE_AFTER = "the process is stopped for a while after it took effect"
    HANG_BEFORE = "this one operation hangs before it takes effect"
    HANG_AFTER = "this one operation hangs after it took effect"


class Thread:
    """A thread of a simulated process, with what the watchdog uses of :class:`threading.Thread`."""

    def __init__(self, process: Process, target: Callable[[], Any], name: str) -> None:
        self.process = process
        self.name = name
        self.due = 0.0  # when it may go on
        self.waits_for: Event | None = None
        self.alive = False
        self.result: Any = None
        self.greenlet: greenlet.greenlet = greenlet.greenlet(
            functools.partial(self._run, target), parent=process.world.hub
        )

    def start(self) -> None:
        world = self.process.world
        self.alive, self.due = True, world.now
        world.threads.append(self)

    def is_alive(self) -> bool:
        return self.alive

    def join(self, timeout: float | None = None) -> None:
        world = self.process.world
        deadline = _FOREVER if timeout is None else world.now + timeout
        while self.alive and world.now < deadline:
            world.block(min(0.05, deadline - world.now))

    def _run(self, target: Callable[[], Any]) -> None:
        try:
            self.result = target()
        except Death:
            pass
        except BaseException as error:  # noqa: BLE001  # the thread's last word, whatever it is
            self.process.world.violate(f"{self.process.name}, thread {self.name}: {type(error).__name__}: {error}")
        finally:
            self.alive = False


class Event:
    """What the watchdog uses of :class:`threading.Event`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        for thread in self._world.threads:
            if thread.waits_for is self:
                thread.due = min(thread.due, self._world.now)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._world.current.waits_for = self
            self._world.block(_FOREVER if timeout is None else timeout)
            self._world.current.waits_for = None
        return self._is_set


class Queue:
    """What the workers use of :class:`queue.SimpleQueue`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._items: list[Any] = []
        self._filled = Event(world)

    def put(self, item: Any) -> None:
        self._items.append(item)
        self._filled.set()

    def get(self, timeout: float | None = None) -> Any:
        if not self._items:
            self._filled = Event(self._world)
            if not self._filled.wait(timeout):
                raise queue.Empty
        return self._items.pop(0)


class Result:
    """What the workers use of :class:`concurrent.futures.Future`."""

    def __init__(self, world: World) -> None:
        self._done = Event(world)
        self._value: Any = None
        self._error: BaseException | None = None

    def set_result(self, value: Any) -> None:
        self._value = value
        self._done.set()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._done.set()

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


@dataclass(eq=False)
class Process:
    """An operator or a driver."""

    world: World
    name: str
    request: DriverRequest | None = None
    spec: PipelineSpec | None = None
    dead: bool = False
    code: int | None = None
    operations: int = 0
    faults: dict[int, tuple[Fault, float]] = field(default_factory=dict)
    unreachable_until: float = 0.0
    frozen_until: float = 0.0
    lease_until: float = 0.0  # by true time
    lost: bool = False  # it was frozen when its lease ran out: it may still be inside a component when it wakes up
    thawed_at: float = 0.0
    within: list[str] = field(default_factory=list)  # the components that it is inside of
    bereft: bool = False  # its log was deleted from outside
    late: bool = False  # its claim was not the newest when it started
    spark: SimSpark | None = None
    born: float = 0.0

    @property
    def frozen(self) -> bool:
        return self.frozen_until > self.world.now

    @property
    def inside(self) -> str | None:
        """The component that it entered last, of those that it is inside of."""
        return self.within[-1] if self.within else None

    def note_lease(self) -> None:
        if self.frozen_until >= self.lease_until > 0 and self.frozen_until > self.thawed_at:
            self.lost = self.lost or min(self.world.now, self.frozen_until) >= self.lease_until


class _NoLeftovers(contextlib.nullcontext[Any]):
    """Components of a simulated process start no threads."""

    def __init__(self, *_: Any) -> None:
        super().__init__(self)

    def mine(self) -> bool:
        return False

    def finish(self) -> None:
        pass


class SimSpark(FakeSpark):
    """A session whose jobs are the sleeps of components."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.cancelled = Event(world)
        context = self.sparkContext = _Context()
        context.session = self

    def stop(self) -> None:
        super().stop()
        self.cancelled.set()


class _Context(FakeContext):
    session: SimSpark

    def cancelJobsWithTag(self, tag: str) -> None:  # noqa: N802  # Spark's name
        self.session.cancelled.set()


@dataclass
class Sleeper(Component):
    """A component that takes a while; a stubborn one cannot be cancelled."""

    n: int
    seconds: float
    stubborn: bool = False

    def run(self, spark: Any) -> None:
        world = _World.now_running
        assert world is not None
        process, name = world.current.process, self.context.component_name
        world.oracle.enters(process, name)
        output = f"{self.context.workdir.removeprefix('sim:/')}/part-0"
        world.oracle.writes(process, output)
        try:
            end = world.now + self.seconds
            while world.now < end:
                if self.stubborn:
                    world.block(end - world.now)
                elif spark.cancelled.wait(end - world.now):
                    raise RuntimeError("the job was cancelled")
            if world.failures.get(name, 0) > 0:
                world.failures[name] -= 1
                raise RuntimeError("this component fails")
        except BaseException:
            world.oracle.leaves(process, name, self.n, done=False)
            raise
        world.oracle.leaves(process, name, self.n, done=True, output=output)


class _World:
    now_running: World | None = None
    newest: World | None = None


@dataclass(frozen=True)
class Finish:
    """A component ran to its end."""

    time: float
    process: str
    epoch: int
    name: str
    n: int
    output: str


class Oracle:
    """Sees every effect in the order in which it happened, and checks the promises.

    * the highest number is never used twice and never goes away, so something recorded never reads as nothing, until
      a clean-up removes a run that ended long ago;
    * a claim that was decided on an end counts only if that end still is the newest, or nothing is there;
    * what is recorded can be read at any time: the base of the newest commit is there, and holds what it held;
    * whoever reads is told a state that was the newest while he read;
    * what follows a commit is the same attempt's, or a claim, or a discard; nothing follows the end but a claim;
    * within an epoch progress only grows; a new epoch needs a discard, or a clear of something completed;
    * what is recorded as done has run to its end in this epoch, with the config of the attempt that recorded it;
    * a component that is recorded as done is not entered in that epoch;
    * two attempts are inside components at once only where one was frozen while its lease ran out, and that one never
      enters another component, and is out soon after it wakes up;
    * a driver whose claim was not the newest when it started records and enters nothing;
    * the outputs of what is recorded as done are there until the end, or a discard; a driver that is told to stop
      deletes none but its own;
    * a heartbeat is removed by somebody else only where its owner is dead, was frozen for too long, or has not begun;
    * who loses the log to somebody outside soon stops, and leaves nothing in the new one;
    * whoever is told that he recorded something has become the truth by it; whoever is told that he was superseded was.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.truth: Commit | None = None
        self.recorded_at = 0.0
        self.truths: set[str] = set()  # nonces
        self.told: list[tuple[float, Commit | None]] = []  # each truth, with when it began
        self.finishes: list[Finish] = []
        self.outputs: dict[str, str] = {}  # of the components that the truth says are done
        self.entries: list[tuple[float, str, str]] = []
        self.since = 0.0  # the last time at which everything was asked to run again
        self.heartbeats: dict[str, Process] = {}
        self.writers: dict[str, Process] = {}  # of outputs
        self.lost_at = 0.0  # when the log was deleted from outside

    @property
    def ended(self) -> bool:
        """Whether the truth is an end."""
        ends = (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED)
        return self.truth is not None and self.truth.state.status in ends

    # ---- the store

    def created(self, process: Process | None, number: int, present: list[int]) -> None:
        before = self.truth
        if process is not None and process.bereft:
            self.world.note(f"{process.name} creates {number}, and has lost its log")
            return
        if before is not None and number <= before.number:
            if number == max(present):
                self._violate(f"number {number} was used again and is the truth")
            return
        state = self._stored(number)
        if state is None:
            return
        end = state.decided_on if state.status is CheckpointStatus.SUBMITTED else None
        if before is not None and end is not None and end["nonce"] != before.state.nonce:
            self.world.note(f"{number} comes too late: {end['number']}, which it was decided on, was removed")
            return
        self.truth, self.recorded_at = Commit(number, state), self.world.now
        self.told.append((self.world.now, self.truth))
        self.truths.add(state.nonce)
        who = "nobody" if process is None else process.name
        self.world.note(
            f"{who} recorded {number} {state.status.value} {state.attempt_id} e{state.epoch} "
            f"{','.join(state.completed_components)}"
        )
        if process is not None and process.late and state.status is not CheckpointStatus.SUBMITTED:
            self._violate(f"{who} recorded {number} though its claim was not the newest when it started")
        if state.status is not CheckpointStatus.DISCARDED:
            self._compare_progress(process, who, before, self.truth)

    def _compare_progress(self, process: Process | None, who: str, before: Commit | None, after: Commit) -> None:
        number, state = after.number, after.state
        done, previous = set(state.completed_components), self._carried(before, after)
        self.outputs = {name: output for name, output in self.outputs.items() if name in previous}
        for name in done - previous:
            runs = [f for f in self.finishes if (f.name, f.epoch, f.process) == (name, state.epoch, who)]
            if not runs:
                self._violate(f"{number} says that {name} is done, and it never ran to its end")
                continue
            self.outputs[name] = runs[-1].output
        if process is not None and process.spec is not None and state.status is not CheckpointStatus.SUBMITTED:
            self._compare_configs(process, state)
        if state.status is CheckpointStatus.COMPLETED and len(done) != state.total_components:
            self._violate(f"{number} says completed with {len(done)} of {state.total_components} components")

    def _carried(self, before: Commit | None, after: Commit) -> set[str]:
        """Check that a commit may follow another one; returns what it takes over as done."""
        if before is None:
            return set()
        state, number = after.state, after.number
        ended = before.state.status in (CheckpointStatus.DISCARDED, CheckpointStatus.COMPLETED)
        if state.status is not CheckpointStatus.SUBMITTED and (ended or before.state.attempt_id != state.attempt_id):
            self._violate(f"{number} follows {before.number} ({before.state.status.value}), another's or an end")
        if state.epoch < before.state.epoch:
            self._violate(f"{number} is of an older epoch than {before.number}")
        if state.epoch > before.state.epoch:
            cleared = before.state.status is CheckpointStatus.COMPLETED and self.world.cleared
            if not (before.state.status is CheckpointStatus.DISCARDED or cleared):
                self._violate(f"{number} starts over though nobody asked for it")
            return set()
        previous = set(before.state.completed_components)
        if not previous <= set(state.completed_components):
            self._violate(f"{number} gives up what {before.number} had recorded")
        return previous

    def _compare_configs(self, process: Process, state: CheckpointState) -> None:
        assert process.spec is not None
        for component in process.spec.components:
            name = component.instance_name
            runs = [f for f in self.finishes if (f.name, f.epoch) == (name, state.epoch)]
            if name in state.completed_components and all(f.n != component.instance_config["n"] for f in runs):
                self._violate(f"{name} is recorded as done, and never ran with the config of {process.name}")

    def loses(self) -> None:
        """The log is deleted from outside: what wrote it has to stop, and to leave nothing that is believed."""
        self.truth, self.outputs, self.lost_at = None, {}, self.world.now
        self.told.append((self.world.now, None))
        for process in self.world.processes:
            process.bereft = process.bereft or (process.request is not None and not process.dead)

    def deleted(self, process: Process | None, name: str, present: list[int]) -> None:
        if process is not None and process.bereft:
            return
        if self.truth is not None and self.truth.number not in present:
            if self.world.now - self.recorded_at < TOMBSTONE or not self.ended:
                self._violate(f"the newest commit {self.truth.number} was deleted")
            self.world.note("the run is removed")
            self.truth, self.outputs = None, {}
            self.told.append((self.world.now, None))
        self._compare_with_what_is_stored()
        owner = self.heartbeats.get(name)
        if owner is None:
            return
        if owner is process:
            del self.heartbeats[name]  # released: whoever deletes it again deletes nothing
            return
        owner.note_lease()
        if owner.inside is None and self.world.now > owner.lease_until:
            owner.lost = True  # it hangs in the store before anything began, and must not begin
        if not (owner.dead or owner.lost):
            self._violate(f"the heartbeat of {owner.name}, which is alive, was deleted")

    def _compare_with_what_is_stored(self) -> None:
        stored = None if self.truth is None else self._stored(self.truth.number)
        if self.truth is not None and stored is not None and stored != self.truth.state:
            self._violate(f"the newest commit {self.truth.number} reads as something else than was recorded")

    def _stored(self, number: int) -> CheckpointState | None:
        try:
            return self.world.stored(number)
        except KeyError as missing:
            self._violate(f"the newest commit is {number}, and {missing}, which it needs, is not there")
            return None

    def has_read(self, since: float, found: Commit | None) -> None:
        """Check what a reader was told, who began to read at that time."""
        before = [truth for at, truth in self.told if at < since]
        possible = [*(before[-1:] or [None]), *(truth for at, truth in self.told if at >= since)]
        if found not in possible:
            what = "nothing" if found is None else f"{found.number} {','.join(found.state.completed_components)}"
            self._violate(f"a reader was told {what}, which was never the truth while he read")

    def deleted_outputs(self, process: Process | None, path: str, before: set[str]) -> None:
        gone = before - self.world.inner.objects.keys()
        lost = {} if self.ended else {name: output for name, output in self.outputs.items() if output in gone}
        if lost:
            self._violate(f"{path} was deleted, which holds the outputs of {', '.join(lost)}, recorded as done")
        if process is not None and process.request is not None:
            others = {name for name in gone if self.writers[name] is not process}
            if others:
                self._violate(f"{process.name} deleted outputs of another driver: {', '.join(others)}")

    def renewed(self, process: Process, name: str) -> None:
        process.note_lease()
        self.heartbeats[name] = process
        process.lease_until = self.world.now + LEASE

    # ---- components

    def writes(self, process: Process, output: str) -> None:
        if not process.dead:
            self.world.inner.objects[output] = b""
            self.writers[output] = process

    def enters(self, process: Process, name: str) -> None:
        self.world.note(f"{process.name} enters {name}")
        for other in self.world.processes:
            other.note_lease()
        self.entries.append((self.world.now, process.name, name))
        epoch = self.world.epoch_of(process)
        if process.bereft and self.world.now > self.lost_at + LeaseTerms(LEASE).interval + 1.0:
            self._violate(f"{process.name} enters {name} although its log is lost")
        if process.late:
            self._violate(f"{process.name} entered {name} though its claim was not the newest when it started")
        if process.lost:
            self._violate(f"{process.name} entered {name} after its lease had run out")
        truth = self.truth
        if truth is not None and truth.state.epoch == epoch and name in truth.state.completed_components:
            self._violate(f"{process.name} runs {name}, which is recorded as done")
        for other in self.world.processes:
            if other is not process and other.inside is not None and not other.dead and not other.lost:
                self._violate(f"{process.name} enters {name} while {other.name} is inside {other.inside}")
        process.within.append(name)

    def leaves(self, process: Process, name: str, n: int, *, done: bool, output: str = "") -> None:
        if process.dead:
            return
        process.within.remove(name)
        self.world.note(f"{process.name} leaves {name} ({'done' if done else 'not done'})")
        terms = LeaseTerms(LEASE)
        if process.lost and self.world.now > process.thawed_at + 2 * terms.patience + 1.0:
            self._violate(f"{process.name} was inside {name} long after it woke up without a lease")
        if done:
            epoch = self.world.epoch_of(process)
            self.finishes.append(Finish(self.world.now, process.name, epoch, name, n, output))

    # ---- what attempts are told

    def told_recorded(self, commit: Commit) -> None:
        if commit.state.nonce not in self.truths:
            self._violate(f"somebody was told that {commit.number} is recorded, and it never was the truth")

    def told_superseded(self, attempt_id: str) -> None:
        truth = self.truth
        if (
            truth is not None
            and truth.state.attempt_id == attempt_id
            and truth.state.status
            in (
                CheckpointStatus.SUBMITTED,
                CheckpointStatus.RUNNING,
            )
            and not any(p.request is not None and _attempt(p) == attempt_id for p in self.world.reruns)
        ):
            self._violate(f"{attempt_id} was told that it was superseded, and nobody had taken over")

    def success(self, state: CheckpointState, spec: PipelineSpec) -> None:
        if state.status is not CheckpointStatus.COMPLETED:
            self._violate("success was reported without a completed commit")
        for component in spec.components:
            name = component.instance_name
            if not any((f.name, f.epoch) == (name, state.epoch) and f.time >= self.since for f in self.finishes):
                self._violate(f"success was reported, and {name} did not run since it was asked for")

    def _violate(self, what: str) -> None:
        self.world.violate(what)


class World:
    """Airflow, a store, and the processes that it started.

    :param seed: of everything that is left to chance: how long operations take
    :param components: how many
    :param whole_seconds: the store's clock tells whole seconds
    :param local: processes of one machine, whose death is known
    :param stubborn: components cannot be cancelled
    :param seconds: that each component takes
    :param changes: how many commits hold changes before there is a new base; drawn from the seed unless it is given
    :param parallelism: how many components run at the same time
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        changes: int | None = None,
        components: int = 3,
        whole_seconds: bool = False,
        local: bool = False,
        stubborn: bool = False,
        seconds: float = 3.0,
        fail_fast: bool = True,
        keep_history: bool = False,
        parallelism: int = 1,
    ) -> None:
        if _World.newest is not None:
            _World.newest.close()
        _World.newest = self
        self.random = random.Random(seed)  # noqa: S311  # not a secret
        self.now = 1_000.0
        self.changes = random.Random(f"changes of {seed}").choice((0, 1, 1, 2, 3)) if changes is None else changes  # noqa: S311
        self.local = local
        self.keep_history = keep_history
        self.threads: list[Thread] = []
        self.processes: list[Process] = []
        self.reruns: list[Process] = []
        self.arriving: list[tuple[float, Callable[[], Any]]] = []
        self.inner = DictStore()
        skew = self.random.uniform(-500, 500)
        self.inner.clock = lambda: float(int(self.now + skew)) if whole_seconds else self.now + skew  # type: ignore[assignment]
        self.store = _sim_store(self, 2.0 if whole_seconds else 0.0)
        self.oracle = Oracle(self)
        self.violations: list[str] = []
        self.trace: list[str] = []
        self.failures: dict[str, int] = {}
        self.queue_seconds = 0.0  # how long the cluster lets an application wait
        self.next_faults: dict[str, dict[int, tuple[Fault, float]]] = {"operator": {}, "driver": {}}
        self.latencies: tuple[float, ...] = (0.01, 0.02, 0.05, 0.2)
        self.current: Thread = None  # type: ignore[assignment]  # set whenever anything runs
        self.hub = greenlet.getcurrent()
        self._counter = itertools.count(1)
        # Airflow's bookkeeping
        self.try_number = 0
        self.max_tries = RETRIES
        self.cleared = False
        self.success = False
        self.outcomes: list[str] = []
        self.spec = PipelineSpec(
            PIPELINE,
            tuple(
                ComponentSpec(
                    f"{__name__}.Sleeper",
                    name,
                    {"n": 1, "seconds": seconds, "stubborn": stubborn},
                    f"pipeline.pipeline-components[{index}]",
                    # with several at a time: a and b together, c after a, d after all, and so on
                    depends_on=None if parallelism == 1 or name in "dh" else ("a",) if name == "c" else (),
                )
                for index, name in enumerate("abcdefgh"[:components])
            ),
            SparkSpec(None, None, {}),
            CheckpointSpec(),
            fail_fast,
            None,
            parallelism=parallelism,
        )

    # ---- what happens from outside

    def start_try(self, *, clear: bool = False) -> Process:
        """Airflow starts the next try: a retry, or after a clear. The tries before it may still be at work."""
        if clear or self.success or self.try_number > self.max_tries:
            if self.success:
                self.oracle.since = self.now
            self.max_tries, self.cleared = self.try_number + RETRIES, True
        self.success = False
        self.try_number += 1
        caller = Caller(self.max_tries, RETRIES, self.try_number, "identity")
        self.note(f"Airflow starts try {self.try_number} of {self.max_tries + 1}")
        process = self._process("operator", spec=self.spec)
        self._spawn(process, functools.partial(self._operate_task, caller, self.spec))
        return process

    def rerun(self, process: Process) -> Process:
        """The cluster manager starts a driver again, with the same request; the first one may live."""
        assert process.request is not None
        again = self._process("driver", request=process.request, spec=process.spec)
        self.reruns.append(again)
        self._spawn(again, functools.partial(self._drive, process.request))
        return again

    def discard(self) -> None:
        """Somebody gives the progress up, on the page."""
        process = self._process("page")

        def discard() -> None:
            with contextlib.suppress(SparkPipelineError):
                self.log().discard()
            process.dead = True

        self._spawn(process, discard)

    def prune(self) -> None:
        """Somebody cleans up: what is abandoned is discarded, what ended long ago is removed."""
        process = self._process("pruner")

        def clean_up() -> None:
            with contextlib.suppress(SparkPipelineError):
                prune_module.prune(self.store, ABANDONED, tombstone_seconds=TOMBSTONE)
            process.dead = True

        if not any(not other.dead and self.now - other.born > TOMBSTONE / 2 for other in self.processes):
            self._spawn(process, clean_up)

    def look(self) -> Process:
        """Somebody reads the newest commit, as the page and the command line do."""
        process = self._process("reader")

        def read() -> None:
            began = self.now
            with contextlib.suppress(CheckpointStoreError):  # it may be told so when the store does not answer
                try:
                    self.oracle.has_read(began, self.log().latest())
                except CorruptCheckpointError as error:
                    self.violate(f"a reader was told that something is damaged: {error}")
            process.dead = True

        self._spawn(process, read)
        return process

    def damage(self, draw: random.Random) -> None:
        """A bit of a commit changes on the disk, somebody reads the log, and the bit is put right."""
        path = draw.choice([path for path in self.inner.objects if path.startswith(f"{UNIT}/") and "/0" in path])
        whole = self.inner.objects[path]
        at = draw.randrange(len(whole))
        self.inner.objects[path] = whole[:at] + bytes([whole[at] ^ (1 << draw.randrange(5))]) + whole[at + 1 :]
        try:
            self.oracle.has_read(self.now, RunLog(self.inner, UNIT, retry_seconds=0).latest())
        except CheckpointError as error:
            if path.rpartition("/")[2] not in str(error):
                self.violate(f"the error about {path} does not name it: {error}")
        self.inner.objects[path] = whole

    def lose_the_log(self) -> None:
        """Somebody deletes the directory of the unit under a driver; nobody else is at work."""
        self.note("the log is deleted")
        for path in [path for path in self.inner.objects if path.startswith(f"{UNIT}/")]:
            del self.inner.objects[path]
        self.oracle.loses()

    def edit(self, index: int) -> None:
        """Somebody edits a component's config."""
        components = list(self.spec.components)
        old = components[index]
        components[index] = replace(old, instance_config={**old.instance_config, "n": old.instance_config["n"] + 1})
        self.spec = replace(self.spec, components=tuple(components))
        self.note(f"somebody edits {old.instance_name}")

    def kill(self, process: Process) -> None:
        """SIGKILL."""
        if not process.dead:
            self.note(f"{process.name} dies")
        process.dead, process.within = True, []
        for thread in self.threads:
            if thread.process is process:
                thread.due = self.now

    def freeze(self, process: Process, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so many seconds."""
        self.note(f"{process.name} is frozen for {seconds:g} s")
        process.note_lease()
        process.frozen_until = max(process.frozen_until, self.now + seconds)

    def thaw(self, process: Process) -> None:
        """SIGCONT now."""
        process.frozen_until = self.now

    def arm(self, process: Process, after: int, fault: Fault, seconds: float = 0.0) -> None:
        """Let a fault happen at one of the process's next operations."""
        process.faults[process.operations + after] = (fault, seconds)

    # ---- time

    def run(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._run(self.now + seconds, lambda: False)

    def run_until(self, reached: Callable[[], bool], *, at_most: float = 1_000.0) -> bool:
        """Let time pass until something holds; returns whether it does."""
        self._run(self.now + at_most, reached)
        return reached()

    def settle(self, *, at_most: float = 1_000.0) -> None:
        """Let time pass until nothing goes on any more."""
        if not self.run_until(lambda: not self.threads and not self.arriving, at_most=at_most):
            alive = sorted({f"{t.process.name}/{t.name}" for t in self.threads})
            self.violate(f"still at work after {at_most:g} s: {', '.join(alive)}")

    def finish(self) -> None:
        """Nothing goes wrong any more, and Airflow goes on trying: the task succeeds."""
        self.latencies = (0.01, 0.2)  # a store that is slower than that may cost a driver its lease again and again
        self.failures.clear()
        self.queue_seconds = 0.0
        self.next_faults = {"operator": {}, "driver": {}}
        for process in self.processes:
            process.faults.clear()
            process.unreachable_until = 0.0
        self.settle()
        for _ in range(4):
            if self.success:
                break
            self.start_try()
            self.settle()
            if self.outcomes and self.outcomes[-1] == "ResumeRefusedError":
                self.discard()
                self.settle()
        if not self.success:
            self.violate(f"Airflow tried again and again, without success: {self.outcomes[-4:]}")
        self.check()

    def close(self) -> None:
        """End what still runs in this world.

        A greenlet that never ends is unwound whenever the garbage collector finds it, in the middle of another world.
        """
        self.arriving.clear()
        for process in self.processes:
            self.kill(process)
        self._run(_FOREVER, lambda: not self.threads)

    def check(self) -> None:
        """Raise the first violation, with what led to it."""
        if self.violations:
            story = "\n".join(self.trace[-80:])
            raise Violation(f"{self.violations[0]}\n{story}")

    def violate(self, what: str) -> None:
        self.note(f"VIOLATION: {what}")
        self.violations.append(what)

    def note(self, what: str) -> None:
        self.trace.append(f"{self.now - 1_000:9.2f}  {what}")

    # ---- what threads call

    def block(self, seconds: float) -> None:
        """Hand over for a while. A dead process never returns from here."""
        thread = self.current
        if thread.process.dead:
            raise Death
        thread.due = self.now + seconds
        self.hub.switch()
        if thread.process.dead:
            raise Death

    def clock(self) -> float:
        """The clock of the current process's machine, which counts suspended time."""
        process = self.current.process
        if process.dead:
            raise Death
        return self.now + 10_000.0 * (self.processes.index(process) + 1)

    def operate(self, operation: str, path: str, effect: Callable[[], Any]) -> Any:
        """One operation of the store, as the process that asks for it sees it."""
        process = self.current.process
        process.operations += 1
        fault, seconds = process.faults.pop(process.operations, (None, 0.0))
        if fault is not None:
            self.note(f"{process.name} {operation} {path.rpartition('/')[2]}: {fault.value}")
        if fault is Fault.OUTAGE:
            process.unreachable_until = self.now + seconds
        if fault is Fault.FREEZE_BEFORE:
            self.freeze(process, seconds)
        self.block(seconds if fault is Fault.HANG_BEFORE else self._latency())
        if fault in (Fault.ERROR_LATE, Fault.DEATH_LATE):
            self.arriving.append((self.now + seconds, functools.partial(self._land, process, operation, path, effect)))
        self._maybe_die(process, fault, Fault.DEATH_BEFORE, Fault.DEATH_LATE)
        if fault in (Fault.ERROR_BEFORE, Fault.ERROR_LATE) or process.unreachable_until > self.now:
            raise CheckpointStoreError("503 Slow Down")
        answer, error = self._effect(process, operation, path, effect)
        if fault is Fault.FREEZE_AFTER:
            self.freeze(process, seconds)
        self.block(seconds if fault is Fault.HANG_AFTER else self._latency())
        self._maybe_die(process, fault, Fault.DEATH_AFTER)
        if fault is Fault.ERROR_AFTER:
            error = CheckpointStoreError("the answer was lost")
        if fault is Fault.EXISTS_AFTER and operation == "create":
            error = ObjectExistsError("the client library's own retry")
        if error is not None:
            raise error
        return answer

    def _maybe_die(self, process: Process, fault: Fault | None, *deadly: Fault) -> None:
        if fault in deadly:
            self.kill(process)
            raise Death

    def log(self) -> RunLog:
        return _SimLog(self, self.store, UNIT)

    def epoch_of(self, process: Process) -> int:
        assert process.request is not None
        assert process.request.token is not None
        return self._epochs[process.request.token.attempt_id]

    # ---- inside

    @functools.cached_property
    def _epochs(self) -> dict[str, int]:
        return {}

    def _latency(self) -> float:
        return self.random.choice(self.latencies)

    def _effect(
        self, process: Process | None, operation: str, path: str, effect: Callable[[], Any]
    ) -> tuple[Any, CheckpointError | None]:
        outputs = {name for name in self.inner.objects if name.startswith("_outputs/")}
        try:
            answer = effect()
        except CheckpointError as error:
            return None, error
        name = path.rpartition("/")[2]
        if operation == "delete_tree":
            self.oracle.deleted_outputs(process, path, outputs)
        if path.startswith(f"{UNIT}/"):
            number = int(name[:-5]) if name.endswith(".json") else None
            if operation == "create" and number is not None:
                if not is_changes(parse(self.inner.objects[path], path)):
                    state = self.stored(number)
                    self._epochs[state.attempt_id] = state.epoch
                self.oracle.created(process, number, self.numbers())
            elif operation == "delete":
                self.oracle.deleted(process, name, self.numbers())
            elif operation == "write" and name.startswith(HEARTBEAT) and process is not None:
                self.oracle.renewed(process, name)
        return answer, None

    def _land(self, process: Process, operation: str, path: str, effect: Callable[[], Any]) -> None:
        self.note(f"late, from {process.name}: {operation} {path.rpartition('/')[2]}")
        self._effect(process, operation, path, effect)

    @property
    def newest(self) -> int:
        """The highest number of a commit that is there, -1 for none."""
        return max(self.numbers(), default=-1)

    def stored(self, number: int) -> CheckpointState:
        """Return the state that a commit in the store holds.

        :raises KeyError: it, or its base, is not there
        """
        data = self.inner.objects[f"{UNIT}/{number:08d}.json"]
        raw = parse(data, "commit")
        base = self.inner.objects[f"{UNIT}/{raw['base']:08d}.json"] if is_changes(raw) else None
        return _read(data) if base is None else _read(data, (raw["base"], base))

    def numbers(self) -> list[int]:
        """The numbers of the commits that are there."""
        prefix = f"{UNIT}/"
        return sorted(
            int(path[len(prefix) : -5])
            for path in self.inner.objects
            if path.startswith(prefix) and path.endswith(".json")
        )

    def _process(self, kind: str, **known: Any) -> Process:
        process = Process(self, f"{kind} {next(self._counter)}", born=self.now, **known)
        process.faults.update(self.next_faults.pop(kind, {}))
        self.next_faults.setdefault(kind, {})
        self.processes.append(process)
        return process

    def _spawn(self, process: Process, target: Callable[[], Any]) -> Thread:
        thread = Thread(process, target, "main")
        thread.start()
        return thread

    def _run(self, end: float, reached: Callable[[], bool]) -> None:
        self.hub = greenlet.getcurrent()
        with _installed(self):
            while not reached():
                thread = min(self.threads, key=_when, default=None)
                when = _FOREVER if thread is None else _when(thread)
                if self.arriving and min(self.arriving, key=lambda a: a[0])[0] <= when:
                    late = min(self.arriving, key=lambda a: a[0])
                    if late[0] > end:
                        break
                    self.arriving.remove(late)
                    self.now = max(self.now, late[0])
                    late[1]()
                    continue
                if thread is None or when > end:
                    break
                self._go(thread, when)
            else:
                return
        if end != _FOREVER:
            self.now = max(self.now, end)

    def _go(self, thread: Thread, when: float) -> None:
        process = thread.process
        self.now = max(self.now, when)
        if process.frozen_until and not process.frozen and process.thawed_at < process.frozen_until:
            process.note_lease()
            process.thawed_at = process.frozen_until
        self.current = thread
        thread.greenlet.switch()
        if not thread.alive:
            self.threads.remove(thread)
            if thread.name == "main":
                # Daemon threads die with the process.
                process.dead, process.within = True, []
                for other in self.threads:
                    if other.process is process:
                        other.due = self.now

    def _operate_task(self, caller: Caller, spec: PipelineSpec) -> None:
        """What the operator does with a try; the order is that of ``SparkPipelineOperator``."""
        process = self.current.process
        try:
            attempt = TaskAttempt(spec, self.log(), KEY, caller, auto_resume=True)
            with contextlib.suppress(AlreadyCompletedError):
                outlook = attempt.decide()
                if outlook.decision.kind is ClaimKind.REPORT and outlook.latest is not None:
                    raise AlreadyCompletedError(outlook.latest.state)
                token = attempt.claim()
                request = DriverRequest(
                    spec.to_dict(), "sim://", unit=UNIT, token=token, lease_seconds=LEASE, local=self.local
                )
                driver = self._process("driver", request=request, spec=spec)
                self.note(f"{process.name} submits {driver.name}, claim {token.number} {token.attempt_id}")
                submitted = Thread(driver, functools.partial(self._drive, request), "main")
                submitted.start()
                submitted.due = self.now + self.queue_seconds
                while submitted.alive:
                    self.block(0.5)
            state = attempt.outcome()
            self.block(self._latency())
            if caller.try_number == self.try_number:  # Airflow does not listen to others
                self.oracle.success(state, spec)
                self.success = True
                self.note(f"Airflow stores the success of try {caller.try_number}")
            self.outcomes.append("success")
            attempt.retire(keep_history=self.keep_history)
        except SparkPipelineError as error:
            self.outcomes.append(type(error).__name__)
            self.note(f"{process.name} ends: {type(error).__name__}: {error}")

    def _drive(self, request: DriverRequest) -> None:
        process, truth = self.current.process, self.oracle.truth
        assert request.token is not None
        process.late = truth is None or (
            truth.state.attempt_id != request.token.attempt_id or truth.state.status is CheckpointStatus.DISCARDED
        )
        process.code = main_module.drive(request)
        self.note(f"{process.name} exits with {process.code}")


def _when(thread: Thread) -> float:
    if thread.process.dead:
        return thread.due if thread.due < _FOREVER else 0.0
    return max(thread.due, thread.process.frozen_until)


def _attempt(process: Process) -> str:
    assert process.request is not None
    assert process.request.token is not None
    return process.request.token.attempt_id


class _SimLog(RunLog):
    """The log, with a check of what it tells its writer."""

    def __init__(self, world: World, store: CheckpointStore, path: str) -> None:
        super().__init__(store, path, retry_seconds=LEASE / 3, clock=world.clock, sleep=world.block)
        self._world = world

    def claim(self, build: Callable[[Commit | None], CheckpointState]) -> Commit:
        commit = super().claim(build)
        self._world.oracle.told_recorded(commit)
        return commit

    def append(self, commit: Commit, state: CheckpointState, **options: Any) -> Commit:
        try:
            successor = super().append(commit, state, **options)
        except SupersededError:
            if state.status is not CheckpointStatus.DISCARDED:  # which is recorded in another's name
                self._world.oracle.told_superseded(state.attempt_id)
            raise
        self._world.oracle.told_recorded(successor)
        return successor


def _sim_store(world: World, slack: float) -> CheckpointStore:
    """Return a store whose every operation, whatever the interface has, goes through the world."""

    def operation(name: str) -> Callable[..., Any]:
        def call(self: CheckpointStore, path: str, *arguments: Any) -> Any:
            return world.operate(name, path, lambda: getattr(world.inner, name)(path, *arguments))

        return call

    members: dict[str, Any] = {name: operation(name) for name in CheckpointStore.__abstractmethods__}
    store: CheckpointStore = type("SimStore", (CheckpointStore,), {**members, "clock_slack": slack})("sim://")
    return store


@contextlib.contextmanager
def _installed(world: World) -> Iterator[None]:
    """Put the world's store, time, threads and Spark in place of the real ones, while it runs."""
    if _World.now_running is world:
        yield
        return

    def thread(target: Callable[..., Any], name: str = "", daemon: bool = True, args: tuple[Any, ...] = ()) -> Thread:
        return Thread(world.current.process, functools.partial(target, *args), name)

    def within(seconds: float, call: Callable[[], Any], name: str) -> None:
        started = thread(call, name)
        started.start()
        started.join(seconds)

    def exit_now(code: int) -> None:
        world.current.process.code = code
        world.note(f"{world.current.process.name} ends itself with {code}")
        world.kill(world.current.process)
        raise Death

    def session(config: object) -> SimSpark:
        return SimSpark(world)

    def gone(identity: Any) -> bool:
        return bool(identity) and world.processes[identity["index"]].dead

    patches: dict[Any, dict[str, Any]] = {
        main_module: {"open_log": lambda *_: world.log()},
        driver_module: {
            "close_session": lambda spark: spark.stop(),
            "Lease": functools.partial(Lease, clock=world.clock),
            "time": types.SimpleNamespace(sleep=world.block, monotonic=world.clock),
            "within": within,
        },
        starting_module: {"open_session": session},
        process_module: {
            "identify": lambda *_: {"index": world.processes.index(world.current.process)},
        },
        watchdog_module: {
            "threading": types.SimpleNamespace(Thread=thread, Event=lambda: Event(world)),
            "os": types.SimpleNamespace(_exit=exit_now),
        },
        lease_module: {"all_gone": gone},
        changes_module: {"most_changes": lambda components: world.changes},
        # Standard output and the threads that a component starts belong to a process, and all of these share one.
        tries_module: {"KeptOutput": contextlib.nullcontext, "Leftovers": _NoLeftovers},
        workers_module: {
            "KeptOutput": contextlib.nullcontext,
            "threading": types.SimpleNamespace(Thread=thread),
            "queue": types.SimpleNamespace(SimpleQueue=lambda: Queue(world), Empty=queue.Empty),
            "Future": lambda: Result(world),
            "time": types.SimpleNamespace(monotonic=world.clock),
        },
        catalog_module: {"RunLog": lambda store, path, **_: _SimLog(world, store, path)},
        prune_module: {"RunLog": lambda store, path, **_: _SimLog(world, store, path)},
    }
    with contextlib.ExitStack() as stack:
        for module, names in patches.items():
            stack.enter_context(mock.patch.multiple(module, **names))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        _World.now_running = world
        try:
            yield
        finally:
            _World.now_running = None


__all__ = ["KEY", "LEASE", "UNIT", "Fault", "Process", "StoredObject", "Violation", "World", "protocol"]
