"""The log of one unit of work: numbered, immutable commits. Each holds the whole state; the highest number counts.

Guarantees: a number is used only once, ever; of several writers at most one gets a number, and every other gets
:class:`SupersededError` and has recorded nothing; a writer that lost the store's answer finds out whether it has won; a
commit on a number that a clean-up had freed is detected before anything relies on it. Not guaranteed: that no other
driver is running *now*. A writer learns of its successor when it records.

Example: commit 7 is the newest, and two attempts try to claim with number 8. The store creates ``8`` for one of them.
The other reads ``8``, finds a foreign nonce, and decides again from there.

One file holds all operations, because each relies on what the others leave behind: read them together.

Operations, by their names in the protocol: CREATE (``_create``), CHECK (``_check``), CLAIM (``claim``), the driver's
start (``adopt``), COMMIT (``append``), CLEANUP (``retire``), DISCARD (``discard``).
"""

from __future__ import annotations

import contextlib
import functools
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.discard import discard_advice, given_up, newest_readable, unknown
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, encode, utc_now
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import (
    CheckpointLostError,
    CheckpointStoreError,
    CorruptCheckpointError,
    SupersededError,
    UnsupportedCheckpointError,
)

HEARTBEAT = "hb-"  # prefix of heartbeat objects
OPEN = "_open"  # directory of hints for unfinished units; only for listings, never for a decision
ENDED = "_ended"  # directory, below a pipeline's, of hints for ended units; a hint's time is the unit's end
HISTORY = "_history"  # directory, below a pipeline's, of copies of finished runs
_COMMIT = re.compile(r"(\d{8}|[1-9]\d{8,17})\.json", re.ASCII)
_CLAIM_ROUNDS = 8  # how often a lost claim is decided again before it fails

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """The result of one LIST of the unit's directory.

    :param numbers: numbers of the commits, ascending
    :param heartbeats: map from the name of each heartbeat object to its time, in seconds by the store's clock
    :param written: map from the number of each commit to its time, in seconds by the store's clock
    """

    numbers: list[int]
    heartbeats: dict[str, float]
    written: dict[int, float] = field(default_factory=dict)


class _LostError(Exception):
    """Another writer got the number; nothing was recorded."""


def _commit_numbers(names: Iterable[str]) -> list[int]:
    return sorted(int(match[1]) for match in map(_COMMIT.fullmatch, names) if match)


def outputs_path(unit: str) -> str:
    """Return the path of a unit's saved outputs: one directory per attempt, named after its claim number."""
    return f"_outputs/{unit}"


def ended_hint(unit: str) -> str:
    """Return the name of the hint that a unit has ended; only for listings, never for a decision."""
    pipeline, name = unit.split("/", 1)
    return f"{pipeline}/{ENDED}/{name}"


class RunLog:
    """The log in one directory of a store.

    :param store: store that holds the log
    :param path: directory of the unit, relative to the store's location
    :param retry_seconds: how long to retry a transient error of the store, in seconds per operation
    :param clock: function that returns monotonic seconds
    :param sleep: function that waits for some seconds
    """

    def __init__(
        self,
        store: CheckpointStore,
        path: str,
        *,
        retry_seconds: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.store = store
        self.path = path
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._sleep = sleep

    def bound_retries(self, seconds: float) -> None:
        """Limit the time for retries of each operation."""
        self._retry_seconds = min(self._retry_seconds, seconds)

    @property
    def outputs(self) -> CheckpointStore:
        """The store that holds saved outputs."""
        return self.store.at_location or self.store

    def latest(self) -> Commit | None:
        """Return the newest commit, or ``None`` if nothing was ever recorded.

        :raises CorruptCheckpointError: the newest commit exists and cannot be read
        :raises CheckpointError: the store could not answer
        """
        for pause in self._pauses():
            numbers = self._numbers()
            if not numbers:
                return None
            try:
                return self.read(numbers[-1])
            except ObjectNotFoundError:
                # It was cleaned up between list and read, so a higher number exists now. Example: 3 is listed; a
                # clean-up keeps 4 and deletes 3; the next list shows 4.
                self._sleep(pause)
        raise CheckpointStoreError(
            f"{self.store.describe(self.path)}: the listing names commits that cannot be found", path=self.path
        )

    def listing(self) -> Listing:
        """LIST the unit's directory once, without retries.

        :raises CheckpointError: the store could not answer
        """
        found = self.store.list_objects(self.path)
        written = {int(match[1]): each.modified for each in found if (match := _COMMIT.fullmatch(each.name))}
        return Listing(
            sorted(written),
            {each.name: each.modified for each in found if each.name.startswith(HEARTBEAT)},
            written,
        )

    def read(self, number: int) -> Commit:
        """Return the commit with this number, which never changes.

        :raises ObjectNotFoundError: there is no such commit, or it was cleaned up
        :raises CheckpointError: the commit cannot be read
        """
        name = self._name(number)
        way_out = discard_advice(self.store, self.path, number)
        try:
            data = self.retried(lambda: self.store.read(name))
        except CorruptCheckpointError as error:
            raise CorruptCheckpointError(f"{error} {way_out}", path=error.path) from None
        state = decode(data, self.store.describe(name), unit=self.path, number=number, way_out=way_out)
        return Commit(number, state)

    def claim(self, build: Callable[[Commit | None], CheckpointState]) -> Commit:
        """Claim the unit: read the newest commit, let ``build`` decide, record what it returns.

        :param build: function from the newest commit to the state of the claim, whose nonce and claim number are set
            here; an exception ends the claim. It is called again if another writer was faster.
        :raises SupersededError: a newer attempt has claimed
        """
        for _ in range(_CLAIM_ROUNDS):
            latest = self.latest()
            number = 0 if latest is None else latest.number + 1
            state = replace(build(latest), claim_number=number, nonce=uuid.uuid4().hex, updated_at=utc_now())
            self._hint()
            try:
                self._create(number, state)
            except _LostError:
                continue
            self._check(number, state)
            return Commit(number, state)
        raise SupersededError(
            f"{self.store.describe(self.path)}: lost the claim to others {_CLAIM_ROUNDS} times in a row"
        )

    def adopt(self, number: int, attempt_id: str, nonce: str) -> Commit:
        """Return the commit that a driver with this token continues from.

        That is the claim, or a later commit of the same attempt if the cluster manager restarted the driver.

        :raises SupersededError: the newest commit belongs to another attempt, or discards this attempt's progress
        """
        latest = self.latest()
        if latest is None:
            raise SupersededError(f"{self.store.describe(self.path)}: the claim of this driver no longer exists")
        mine = latest.state.attempt_id == attempt_id and (latest.number > number or latest.state.nonce == nonce)
        if not mine or latest.state.status is CheckpointStatus.DISCARDED:  # a discard carries the attempt's id
            raise self.superseded(latest.state)
        return latest

    def append(self, commit: Commit, state: CheckpointState) -> Commit:
        """Record the successor of a commit that this writer made.

        :raises SupersededError: another attempt has taken over; nothing was recorded, or the recorded commit does not
            count
        :raises CheckpointLostError: the log was deleted or replaced in the meantime; nothing is recorded
        """
        # As soon as an end is recorded, any process may delete the commits below it; below other commits nothing is
        # deleted. Example: 4 below a new 5 must still be listed, unless 5 is an end.
        return self._follow(commit.number, state, mine=state.status is not CheckpointStatus.COMPLETED)

    def _follow(self, number: int, state: CheckpointState, *, mine: bool) -> Commit:
        """Record the successor of the commit with this number.

        :param mine: whether that commit is this writer's, and cannot have been cleaned up yet
        """
        state = replace(state, nonce=uuid.uuid4().hex, updated_at=utc_now())
        try:
            self._create(number + 1, state)
        except _LostError:
            raise self.superseded(self.newest_state()) from None
        numbers = self._check(number + 1, state)
        if mine and number not in numbers:
            # The directory was replaced. Delete the new commit: a reader would otherwise take it for the state of this
            # log.
            self._delete(self._name(number + 1))
            raise self.lost()
        return Commit(number + 1, state)

    def discard(self, *, number: int | None = None) -> Commit | None:
        """Discard the progress, so that the next attempt starts from the beginning. Returns the discarding commit.

        This also works if the log cannot be read.

        :param number: number of the newest commit that the caller has seen; ``None`` discards any commit
        :raises SupersededError: another process recorded something in the meantime; read the log again
        :raises UnsupportedCheckpointError: a newer version of this package wrote it
        """
        try:
            latest = self.latest()
        except (CorruptCheckpointError, UnsupportedCheckpointError) as error:
            if isinstance(error, UnsupportedCheckpointError) and error.newer:
                raise
            return self._discard_unreadable(number)
        if latest is None or latest.state.status is CheckpointStatus.DISCARDED:
            return latest
        if number is not None and latest.number != number:
            raise self.superseded(latest.state)
        return self._discard(latest.number, given_up(latest.state))

    def _discard_unreadable(self, number: int | None) -> Commit:
        numbers = self._numbers()
        if not numbers or number not in (None, numbers[-1]):
            raise self.superseded(None)
        known = newest_readable(self.read, numbers)
        return self._discard(
            numbers[-1], unknown(self.path, numbers[-1] + 1) if known is None else given_up(known.state)
        )

    def _discard(self, number: int, state: CheckpointState) -> Commit:
        discarded = self._follow(number, state, mine=False)
        self.retire(discarded)
        return discarded

    def retire(self, commit: Commit, *, keep_history: bool = False) -> None:
        """Clean up below the last commit, which stays: without it the number of a late writer would be free again.

        Example: commits 0 to 5, a frozen writer about to create 3. If only 5 stays, its check after the create lists 5
        and fails. If nothing stayed, 3 would count as the newest commit.

        :param keep_history: whether to keep a copy of the commit permanently
        """
        if keep_history:
            pipeline, unit = self.path.split("/", 1)
            copy = f"{pipeline}/{HISTORY}/{unit}-{commit.number:08d}.json"
            # The copy exists if an earlier clean-up died halfway; it is always a copy of this same commit.
            with contextlib.suppress(ObjectExistsError):
                self.retried(lambda: self.store.create(copy, encode(commit.state, commit.number)))
        # Before the other hint is deleted: a process that waits for the end of a run finds it by one of the two.
        self.retried(lambda: self.store.write(ended_hint(self.path), b""))
        self._delete_outputs(commit)
        for number in self._numbers():
            if number < commit.number:
                self._delete(self._name(number))
        self._delete(self._hint_path)
        if any(number > commit.number for number in self._numbers()):
            self._hint()  # another attempt claimed the unit meanwhile: restore its hint

    def _delete_outputs(self, commit: Commit) -> None:
        """Delete saved outputs up to this commit's claim; those of a newer attempt are in use."""
        state = commit.state
        last = commit.number if state.status is CheckpointStatus.DISCARDED else state.claim_number
        outputs = self.outputs
        for attempt in self.retried(lambda: outputs.list_directories(outputs_path(self.path))):
            number = attempt.partition("-")[0]
            if number.isdigit() and int(number) <= last:
                self.retried(functools.partial(outputs.delete_tree, f"{outputs_path(self.path)}/{attempt}"))

    def delete(self, name: str) -> None:
        """Remove an object of the unit's directory."""
        self._delete(f"{self.path}/{name}")

    # ---- the store, with retries and read-back

    def _create(self, number: int, state: CheckpointState) -> None:
        """CREATE: find out whether this writer got the number, whatever the store answers."""
        data, name = encode(state, number), self._name(number)
        last: Exception | None = None
        for pause in self._pauses():
            try:
                self.store.create(name, data)
                return
            except (ObjectExistsError, CheckpointStoreError) as error:
                last = error
            try:
                # The answer may have been lost after the create took effect; a retry inside the client then reports
                # "exists". The nonce tells: if it is this writer's, the create has won.
                if self.read(number).state.nonce == state.nonce:
                    return
                raise _LostError
            except ObjectNotFoundError:
                if any(n > number for n in self._numbers()):
                    raise _LostError from None
            self._sleep(pause)
        raise CheckpointStoreError(
            f"{self.store.describe(name)} could not be written within {self._retry_seconds:g} s: {last}", path=name
        ) from last

    def _check(self, number: int, state: CheckpointState) -> list[int]:
        """CHECK: a create on a number that a clean-up has freed does not count. Returns the numbers."""
        numbers = self._numbers()
        if not numbers or numbers[-1] < number:
            raise self.lost()
        if numbers[-1] != number:
            newest = self.newest_state()
            raise self.superseded(newest if newest is not None and newest.attempt_id != state.attempt_id else None)
        return numbers

    def _numbers(self) -> list[int]:
        return _commit_numbers(self.retried(lambda: self.store.list_names(self.path)))

    def newest_state(self) -> CheckpointState | None:
        """Return the state of the newest commit, or ``None`` if there is none."""
        latest = self.latest()
        return None if latest is None else latest.state

    def _hint(self) -> None:
        """Write the hint by which listings find unfinished units; before the claim, so that none is missed."""
        self.retried(lambda: self.store.write(self._hint_path, b""))

    @property
    def _hint_path(self) -> str:
        return f"{OPEN}/{self.path.replace('/', '~')}"

    def _delete(self, name: str) -> None:
        self.retried(lambda: self.store.delete(name))

    @staticmethod
    def name_of(number: int) -> str:
        """Return the object name of the commit with this number in the unit's directory."""
        return f"{number:08d}.json"

    def _name(self, number: int) -> str:
        return f"{self.path}/{self.name_of(number)}"

    def retried(self, operation: Callable[[], T]) -> T:
        """Run an operation that may be repeated; transient errors are retried for a limited time."""
        last: CheckpointStoreError | None = None
        for pause in self._pauses():
            try:
                return operation()
            except CheckpointStoreError as error:
                last = error
                self._sleep(pause)
        assert last is not None  # noqa: S101  # the loop runs at least once
        raise last

    def _pauses(self) -> Iterator[float]:
        """Yield the pauses between tries, growing from 0.05 s to 2 s, until the time for retries is over."""
        deadline, pause = self._clock() + self._retry_seconds, 0.05
        yield pause
        while self._clock() < deadline:
            pause = min(pause * 2, 2.0)
            yield pause

    def lost(self) -> CheckpointLostError:
        """Return the error of an attempt whose log no longer exists."""
        path = self.store.describe(self.path)
        return CheckpointLostError(
            f"{path} no longer contains what this attempt has recorded there: the directory was "
            "deleted, emptied or replaced, or the location now leads elsewhere (a mount, a link, a "
            "bucket). This attempt stops and records nothing more. Restore the location before the "
            "next try; if it is lost, clear the task, or run the pipeline again, to start over.",
            path=path,
        )

    @staticmethod
    def superseded(by: CheckpointState | None) -> SupersededError:
        """Return the error of an attempt that was superseded by another."""
        if by is None:
            return SupersededError("This attempt was superseded; it stops and records nothing more.")
        return SupersededError(
            f"This attempt was superseded by attempt {by.attempt} (run {by.run_id}, {by.status.value}, started "
            f"{by.started_at}); it stops and records nothing more.",
            by=by.run_id,
        )
