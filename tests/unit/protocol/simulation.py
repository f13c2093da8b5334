"""A small world in which the real operator side and the real driver run against each other, one step at a time.

Everything that takes part is the package's own: :class:`TaskAttempt`, ``main.drive`` with its log, lease, watchdog,
recorder and runner. Simulated are only the store (a dictionary), time, threads, and Airflow's bookkeeping. Each process
has its threads as greenlets, which hand over at each store operation (before it takes effect, and before its answer is
there), at each sleep and at each wait; the world lets one of them go at a time, in the order of simulated time. A world
with the same seed and the same calls does the same thing again.

The world sees everything, so it checks what no attempt could: see ``oracle.py``. What it finds is kept in
``violations`` (the code under test catches exceptions, on purpose) and raised by :meth:`World.check`.
"""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import queue
import random
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import greenlet  # type: ignore[import-untyped]  # its stubs are in a separate package

from airflow_spark_pipeline import protocol
from airflow_spark_pipeline.checkpoint import catalog as catalog_module
from airflow_spark_pipeline.checkpoint import changes as changes_module
from airflow_spark_pipeline.checkpoint import lease as lease_module
from airflow_spark_pipeline.checkpoint import prune as prune_module
from airflow_spark_pipeline.checkpoint.changes import is_changes
from airflow_spark_pipeline.checkpoint.claim import ClaimKind
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.decoding import CommitObject, parse
from airflow_spark_pipeline.checkpoint.layout import HEARTBEAT
from airflow_spark_pipeline.checkpoint.lease import Lease
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError, StoredObject
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    CheckpointStoreError,
    CorruptCheckpointError,
    SparkPipelineError,
    SupersededError,
)
from airflow_spark_pipeline.pipeline.code_digests import CodeFiles, user_roots
from airflow_spark_pipeline.pipeline.policies import RetryPolicy
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component import code_version as code_module
from airflow_spark_pipeline.runtime.component import parts as parts_module
from airflow_spark_pipeline.runtime.driver import driver as driver_module
from airflow_spark_pipeline.runtime.driver import heartbeat as process_module
from airflow_spark_pipeline.runtime.driver import main as main_module
from airflow_spark_pipeline.runtime.driver import watchdog as watchdog_module
from airflow_spark_pipeline.runtime.loop import tries as tries_module
from airflow_spark_pipeline.runtime.loop import workers as workers_module
from airflow_spark_pipeline.runtime.spark import starting as starting_module
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.fakes import DictStore
from tests.unit.protocol.oracle import (
    ABANDONED,
    KEY,
    LEASE,
    PIPELINE,
    RETRIES,
    TOMBSTONE,
    UNIT,
    Oracle,
    Violation,
    read_commit,
)
from tests.unit.protocol.processes import (
    FOREVER,
    Death,
    Event,
    Fault,
    NoLeftovers,
    Pool,
    Process,
    Queue,
    Result,
    SimSpark,
    Sleeper,
    Thread,
    Worlds,
    wait_for_any,
)


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
    :param parts: how many parts each second component has
    :param at_once: how many of them run at the same time
    :param finisher: the component that finishes the run early
    :param retries: how often a component that fails is tried again in the same job
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
        parts: int = 0,
        at_once: int = 1,
        finisher: str = "",
        retries: int = 0,
    ) -> None:
        if Worlds.newest is not None:
            Worlds.newest.close()
        Worlds.newest = self
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
                    f"{Sleeper.__module__}.Sleeper",
                    name,
                    {
                        "n": 1,
                        "seconds": seconds,
                        "stubborn": stubborn,
                        "parts": parts * (index % 2),
                        "at-once": at_once,
                        "finishes": name == finisher,
                    },
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
            retry_policy=RetryPolicy(retries, initial_delay_ms=200) if retries else None,
            parallelism=parallelism,
        )

    # ---- what happens from outside

    def start_try(self, *, clear: bool = False, start_over: bool = False) -> Process:
        """Airflow starts the next try: a retry, or after a clear. The tries before it may still be running.

        :param start_over: auto-resume is off for this try
        """
        if clear or self.success or self.try_number > self.max_tries:
            if self.success:
                self.oracle.since = self.now
            self.max_tries, self.cleared = self.try_number + RETRIES, True
        self.success = False
        self.try_number += 1
        caller = Caller(self.max_tries, RETRIES, self.try_number, "identity")
        self.note(f"Airflow starts try {self.try_number} of {self.max_tries + 1}")
        process = self._process("operator", spec=self.spec, starts_over=start_over)
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
        """Somebody deletes the directory of the unit under a driver; nobody else is running."""
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
            self.violate(f"still running after {at_most:g} s: {', '.join(alive)}")

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
        self._run(FOREVER, lambda: not self.threads)

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
                if not is_changes(parse(self.inner.objects[path], CommitObject(path))):
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
        raw = parse(data, CommitObject("commit"))
        base = self.inner.objects[f"{UNIT}/{raw['base']:08d}.json"] if is_changes(raw) else None
        return read_commit(data) if base is None else read_commit(data, (raw["base"], base))

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
                when = FOREVER if thread is None else _when(thread)
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
        if end != FOREVER:
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
            attempt = TaskAttempt(spec, self.log(), KEY, caller, auto_resume=not process.starts_over)
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
        return thread.due if thread.due < FOREVER else 0.0
    return max(thread.due, thread.process.frozen_until)


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


@functools.cache
def _the_code() -> CodeFiles:
    return CodeFiles(user_roots())


@contextlib.contextmanager
def _installed(world: World) -> Iterator[None]:
    """Put the world's store, time, threads and Spark in place of the real ones, while it runs."""
    if Worlds.now_running is world:
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
        # The code does not change while the worlds run: to read it anew takes each driver a third of its time.
        code_module: {"CodeFiles": lambda _: _the_code()},
        changes_module: {"most_changes": lambda components: world.changes},
        # Standard output and the threads that a component starts belong to a process, and all of these share one.
        tries_module: {"KeptOutput": contextlib.nullcontext, "Leftovers": NoLeftovers},
        workers_module: {
            "KeptOutput": contextlib.nullcontext,
            "threading": types.SimpleNamespace(Thread=thread),
            "queue": types.SimpleNamespace(SimpleQueue=lambda: Queue(world), Empty=queue.Empty),
            "Future": lambda: Result(world),
            "time": types.SimpleNamespace(monotonic=world.clock),
        },
        parts_module: {
            "threading": types.SimpleNamespace(Thread=thread, Lock=contextlib.nullcontext),
            "ThreadPoolExecutor": lambda *_, **__: Pool(world),
            "wait": lambda results, **_: wait_for_any(world, results),
        },
        catalog_module: {"RunLog": lambda store, path, **_: _SimLog(world, store, path)},
        prune_module: {"RunLog": lambda store, path, **_: _SimLog(world, store, path)},
    }
    with contextlib.ExitStack() as stack:
        for module, names in patches.items():
            stack.enter_context(mock.patch.multiple(module, **names))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        Worlds.now_running = world
        try:
            yield
        finally:
            Worlds.now_running = None


__all__ = [
    "KEY",
    "LEASE",
    "PIPELINE",
    "TOMBSTONE",
    "UNIT",
    "Fault",
    "Process",
    "StoredObject",
    "Violation",
    "World",
    "protocol",
]
