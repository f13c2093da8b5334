"""The oracle of the simulation: sees every effect in its order, and checks the promises of the protocol."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.decoding import CommitObject, changed, parse, whole
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.lease import LeaseTerms
from airflow_spark_pipeline.checkpoint.state import Base, CheckpointState, CheckpointStatus, Commit, ComponentAction
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from tests.unit.protocol.oracle_of_parts import PartsOracle
from tests.unit.protocol.processes import Process, attempt_of

if TYPE_CHECKING:
    from tests.unit.protocol.simulation import World

LEASE = 12.0
RETRIES = 2
KEY = UnitKey("default", "dag", "run", "task")
PIPELINE = "Simulated"
UNIT = unit_path(PIPELINE, KEY)
ABANDONED, TOMBSTONE = 3 * LEASE, 20 * LEASE  # ages for clean-ups; nobody sleeps for as long as the second


@functools.lru_cache(maxsize=256)
def read_commit(data: bytes, base: tuple[int, bytes] | None = None) -> CheckpointState:
    """The state of a commit, and of its base where it holds changes."""
    stored = CommitObject("commit")
    raw = parse(data, stored)
    return whole(raw, stored) if base is None else changed(raw, Base(base[0], read_commit(base[1])), stored)


def _left_out(state: CheckpointState) -> list[str]:
    """The components that are left out because one before them finished the run early."""
    return [record.name for record in state.components if record.action is ComponentAction.OMITTED]


class Violation(AssertionError):  # noqa: N818  # it is what the tests look for, not a fault of theirs
    """One of the promises was broken."""


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
    * a component starts when those that it names in ``depends_on`` are recorded as done;
    * what is left out because a component finished the run early does not run in that epoch;
    * of parts, see ``oracle_of_parts.py``;
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
        self.author: Process | None = None  # of the truth
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
        self.parts = PartsOracle(world)

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
        self.truth, self.author, self.recorded_at = Commit(number, state), process, self.world.now
        self.told.append((self.world.now, self.truth))
        self.truths.add(state.nonce)
        who = "nobody" if process is None else process.name
        self.world.note(
            f"{who} recorded {number} {state.status.value} {state.attempt_id} e{state.epoch} "
            f"{','.join(state.completed_components)}"
        )
        if process is not None and process.late and state.status is not CheckpointStatus.SUBMITTED:
            self._violate(f"{who} recorded {number} though its claim was not the newest when it started")
        if process is not None and process.request is not None and state.attempt_id != attempt_of(process):
            self._violate(f"{who} recorded {number} in the name of {state.attempt_id}")
        if state.status is not CheckpointStatus.DISCARDED:
            self._compare_progress(process, who, before, self.truth)

    def _compare_progress(self, process: Process | None, who: str, before: Commit | None, after: Commit) -> None:
        number, state = after.number, after.state
        done, previous = set(state.completed_components), self._carried(process, before, after)
        self.outputs = {name: output for name, output in self.outputs.items() if name in previous}
        for name in done - previous:
            runs = [f for f in self.finishes if (f.name, f.epoch, f.process) == (name, state.epoch, who)]
            if not runs:
                self._violate(f"{number} says that {name} is done, and it never ran to its end")
                continue
            self.outputs[name] = runs[-1].output
        if process is not None and process.spec is not None and state.status is not CheckpointStatus.SUBMITTED:
            self._compare_configs(process, state)
        self.parts.compare(process, who, before, after)
        left_out = _left_out(state)
        if left_out and not any(c.finished and c.name in done for c in state.components):
            self._violate(f"{number} leaves out {','.join(left_out)}, and nobody finished the run")
        if state.status is CheckpointStatus.COMPLETED and len(done) + len(left_out) != state.total_components:
            self._violate(f"{number} says completed with {len(done)} of {state.total_components} components")

    def _carried(self, process: Process | None, before: Commit | None, after: Commit) -> set[str]:
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
            if process is not None and process.starts_over:
                return set()
            if not (before.state.status is CheckpointStatus.DISCARDED or cleared):
                self._violate(f"{number} starts over though nobody asked for it")
            return set()
        previous = set(before.state.completed_components)
        if not previous <= set(state.completed_components):
            self._violate(f"{number} gives up what {before.number} had recorded")
        if missing := set(_left_out(before.state)) - set(_left_out(state)):
            self._violate(f"{number} no longer leaves out {','.join(sorted(missing))}")
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
        if truth is not None and truth.state.epoch == epoch:
            self._compare_with_others(process, name, truth.state)
        for other in self.world.processes:
            if other is not process and other.inside is not None and not other.dead and not other.lost:
                self._violate(f"{process.name} enters {name} while {other.name} is inside {other.inside}")
        process.within.append(name)

    def _compare_with_others(self, process: Process, name: str, state: CheckpointState) -> None:
        """Check that a component may start, after those that it depends on, and before an early end."""
        # A driver that does not know yet of a later try's claim, or that the cluster manager has started another driver
        # of its attempt, may still enter what it was about to start.
        drivers = self.world.processes
        is_newer = self.author in drivers and drivers.index(self.author) > drivers.index(process)
        if is_newer or state.attempt_id != attempt_of(process):
            return
        if name in _left_out(state):
            self._violate(f"{process.name} runs {name}, although the run was finished early")
        assert process.spec is not None
        needs = next(c.depends_on or () for c in process.spec.components if c.instance_name == name)
        missing = [need for need in needs if need not in state.completed_components]
        if missing and state.status is CheckpointStatus.RUNNING:
            self._violate(f"{process.name} runs {name} before {','.join(missing)}, which it depends on")

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
            and not any(p.request is not None and attempt_of(p) == attempt_id for p in self.world.reruns)
        ):
            self._violate(f"{attempt_id} was told that it was superseded, and nobody had taken over")

    def success(self, state: CheckpointState, spec: PipelineSpec) -> None:
        if state.status is not CheckpointStatus.COMPLETED:
            self._violate("success was reported without a completed commit")
        for component in spec.components:
            name = component.instance_name
            if name in _left_out(state):
                continue
            if not any((f.name, f.epoch) == (name, state.epoch) and f.time >= self.since for f in self.finishes):
                self._violate(f"success was reported, and {name} did not run since it was asked for")

    def _violate(self, what: str) -> None:
        self.world.violate(what)
