"""The processes of the simulation: their threads as greenlets, the faults they meet, and the components they run."""

from __future__ import annotations

import contextlib
import enum
import functools
import queue
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import greenlet  # type: ignore[import-untyped]  # its stubs are in a separate package

from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.component.base import Component
from tests.sparkless import FakeContext, FakeSpark

if TYPE_CHECKING:
    from tests.unit.protocol.simulation import World

FOREVER = float("inf")
PARTS = tuple("12345678")  # their keys


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
        deadline = FOREVER if timeout is None else world.now + timeout
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
            self._world.block(FOREVER if timeout is None else timeout)
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
        self.any_done = Event(world)  # of the results that somebody waits for together
        self._value: Any = None
        self._error: BaseException | None = None

    def set_result(self, value: Any) -> None:
        self._value = value
        self._done.set()
        self.any_done.set()

    def set_exception(self, error: BaseException) -> None:
        self._error = error
        self._done.set()
        self.any_done.set()

    def done(self) -> bool:
        return self._done.is_set()

    def exception(self) -> BaseException | None:
        self._done.wait()
        return self._error

    def result(self) -> Any:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._value


class Pool:
    """What parts use of :class:`concurrent.futures.ThreadPoolExecutor`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._threads: list[Thread] = []

    def __enter__(self) -> Pool:  # noqa: PYI034  # Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def submit(self, work: Callable[[], Any]) -> Result:
        result = Result(self._world)

        def target() -> None:
            try:
                result.set_result(work())
            except Exception as error:  # noqa: BLE001  # whoever asked for the work is told
                result.set_exception(error)

        thread = Thread(self._world.current.process, target, "part")
        self._threads.append(thread)
        thread.start()
        return result


def wait_for_any(world: World, results: Iterable[Result]) -> tuple[set[Result], set[Result]]:
    """What parts use of :func:`concurrent.futures.wait`."""
    known = set(results)
    if not any(result.done() for result in known):
        event = Event(world)
        for result in known:
            result.any_done = event
        event.wait()
    done = {result for result in known if result.done()}
    return done, known - done


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
    starts_over: bool = False  # auto-resume is off
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


class NoLeftovers(contextlib.nullcontext[Any]):
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
    """A component that takes a while; a stubborn one cannot be cancelled.

    :param parts: how many parts it has, or 0
    :param at_once: how many of its parts run at the same time
    :param finishes: whether it finishes the run early
    """

    n: int
    seconds: float
    stubborn: bool = False
    parts: int = 0
    at_once: int = 1
    finishes: bool = False

    def run(self, spark: Any) -> None:
        world = Worlds.now_running
        assert world is not None
        process, name = world.current.process, self.context.component_name
        world.oracle.enters(process, name)
        output = f"{self.context.workdir.removeprefix('sim:/')}/part-0"
        world.oracle.writes(process, output)
        try:
            if self.parts:
                self._run_parts(world, process, spark)
            else:
                self._work(world, spark, self.seconds)
                self._maybe_fail(world)
            if self.finishes:
                self.context.finish("nothing is new")
        except BaseException:
            world.oracle.leaves(process, name, self.n, done=False)
            raise
        world.oracle.leaves(process, name, self.n, done=True, output=output)

    def _run_parts(self, world: World, process: Process, spark: Any) -> None:
        name = self.context.component_name

        def work(part: str) -> None:
            world.oracle.parts.begins(process, name, part)
            self._work(world, spark, self.seconds / self.parts)
            if part == PARTS[self.parts // 2]:
                self._maybe_fail(world)
            world.oracle.parts.ends(process, name, part, self.n)

        if self.at_once > 1:
            self.context.each_part(PARTS[: self.parts], work, parallelism=self.at_once)
            return
        for part in self.context.parts(PARTS[: self.parts]):
            work(part)

    def _work(self, world: World, spark: Any, seconds: float) -> None:
        end = world.now + seconds
        while world.now < end:
            if self.stubborn:
                world.block(end - world.now)
            elif spark.cancelled.wait(end - world.now):
                raise RuntimeError("the job was cancelled")

    def _maybe_fail(self, world: World) -> None:
        name = self.context.component_name
        if world.failures.get(name, 0) > 0:
            world.failures[name] -= 1
            raise RuntimeError("this component fails")


class Worlds:
    now_running: World | None = None
    newest: World | None = None


def attempt_of(process: Process) -> str:
    assert process.request is not None
    assert process.request.token is not None
    return process.request.token.attempt_id
