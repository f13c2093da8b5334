"""The log of one unit of work: numbered, immutable commits. The highest number counts.

A commit holds the whole state (a base), or what changed since its base (see ``changes``); ``reading`` reads both.

Guarantees: a number is used only once, ever; of several writers at most one gets a number, and every other gets
:class:`SupersededError` and has recorded nothing; a writer that lost the store's answer finds out whether it has won; a
commit on a number that a clean-up had freed is detected before anything relies on it. Not guaranteed: that no other
driver is running *now*. A writer learns of its successor when it records.

Example: commit 7 is the newest, and two attempts try to claim with number 8. The store creates ``8`` for one of them.
The other reads ``8``, finds a foreign nonce, and decides again from there.

One file holds these operations, because each relies on what the others leave behind: read them together.

Operations, by their names in the protocol: CLAIM (``claim``), the driver's start (``adopt``), COMMIT (``append``), TRIM
(``_trim``), CLEANUP (``retire``), DISCARD (``discard``); ``writing`` has CREATE and CHECK.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.changes import changes_since, to_trim
from airflow_spark_pipeline.checkpoint.discard import given_up, newest_readable, unknown
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.layout import HISTORY, ended_hint, open_hint, outputs_path
from airflow_spark_pipeline.checkpoint.state import (
    ENDED_STATUSES,
    Base,
    CheckpointState,
    CheckpointStatus,
    Commit,
    utc_now,
)
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.writing import LogWriter, LostError
from airflow_spark_pipeline.exceptions import (
    CorruptCheckpointError,
    SupersededError,
    UnsupportedCheckpointError,
)

_CLAIM_ROUNDS = 8  # how often a lost claim is decided again before it fails


class RunLog(LogWriter):
    """The log in one directory of a store.

    :param store: store that holds the log
    :param path: directory of the unit, relative to the store's location
    :param retry_seconds: how long to retry a transient error of the store, in seconds per operation
    :param clock: function that returns monotonic seconds
    :param sleep: function that waits for some seconds
    """

    @property
    def outputs(self) -> CheckpointStore:
        """The store that holds saved outputs."""
        return self.store.at_location or self.store

    def claim(self, build: Callable[[Commit | None], CheckpointState]) -> Commit:
        """Claim the unit: read the newest commit, let ``build`` decide, record what it returns.

        :param build: function from the newest commit to the state of the claim, whose nonce and claim number are set
            here; an exception ends the claim. It is called again if another writer was faster.
        :raises SupersededError: others were faster, again and again
        """
        for _ in range(_CLAIM_ROUNDS):
            with contextlib.suppress(LostError):
                return self._claim(self.latest(), build)
        raise SupersededError(
            f"{self.store.describe(self.path)}: other attempts were faster {_CLAIM_ROUNDS} times in a row. If no other "
            "one is running, try again."
        )

    def _claim(self, latest: Commit | None, build: Callable[[Commit | None], CheckpointState]) -> Commit:
        nonce, end = uuid.uuid4().hex, _end(latest)

        def make(number: int) -> tuple[Commit, bytes]:
            before = None if latest is None else replace(latest, number=number - 1)
            state = replace(build(before), claim_number=number, nonce=nonce, updated_at=utc_now(), decided_on=end)
            self._hint()
            return Commit(number, state), encode(state, number)

        claimed = self._create_next(latest, make)
        try:
            late = self.is_late(claimed, self._check(claimed))
        except SupersededError:
            # A clean-up had freed the number. Whoever freed it was faster, and may even have completed the run.
            raise LostError from None
        if late:
            raise LostError  # it stays, and counts for nobody
        if end is not None:
            self._hint()  # the clean-up of that end may have deleted it after the first time, before the claim
        return claimed

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
        return replace(latest, base=None)  # a driver that is started again begins with a new base

    def append(
        self, commit: Commit, state: CheckpointState, *, announce: Callable[[int], None] | None = None
    ) -> Commit:
        """Record the successor of a commit that this writer made.

        :param announce: function that is called with the number before it is created
        :raises SupersededError: another attempt has taken over; nothing was recorded, or the recorded commit does not
            count
        :raises CheckpointLostError: the log was deleted or replaced in the meantime; nothing is recorded
        """
        # As soon as an end is recorded, any process may delete the commits below it; of a running attempt, only itself
        # deletes commits, and not the newest. Example: 4 below a new 5 must still be listed, unless 5 is an end.
        return self._follow(commit, state, mine=state.status is not CheckpointStatus.COMPLETED, announce=announce)

    def _follow(
        self,
        commit: Commit,
        state: CheckpointState,
        *,
        mine: bool,
        announce: Callable[[int], None] | None = None,
    ) -> Commit:
        """Record the successor of a commit.

        :param mine: whether that commit is this writer's, and cannot have been cleaned up yet
        """
        state = replace(state, nonce=uuid.uuid4().hex, updated_at=utc_now())

        def make(number: int) -> tuple[Commit, bytes]:
            if announce is not None:
                announce(number)
            changes = None if commit.base is None else changes_since(commit.base, number, state)
            if changes is not None:
                return Commit(number, state, commit.base), changes
            return Commit(number, state, Base(number, state)), encode(state, number)

        try:
            recorded = self._create_next(commit, make)
        except LostError:
            raise self.superseded(self.newest_state()) from None
        numbers = self._check(recorded)
        if mine and commit.number not in numbers:
            # The directory was replaced. Delete the new commit: a reader would otherwise take it for the state of this
            # log.
            self._delete(self._name(recorded.number))
            raise self.lost()
        if recorded.base is not commit.base and state.status is CheckpointStatus.RUNNING:
            self._trim(recorded.number, state, numbers)
        return recorded

    def _trim(self, base: int, state: CheckpointState, numbers: list[int]) -> None:
        """TRIM: delete commits below a new base that was created and checked; no truth rests on them any more.

        A writer that was frozen here learns nothing from its deletes, so the driver is asked again whether it must stop
        before it enters the next component.
        """
        names = [self._name(number) for number in to_trim(numbers, base, state)]
        self.retried(lambda: self.store.delete_all(names))

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
        return self._discard(latest, given_up(latest.state))

    def _discard_unreadable(self, number: int | None) -> Commit:
        numbers = self._numbers()
        if not numbers or number not in (None, numbers[-1]):
            raise self.superseded(None)
        known = newest_readable(self.read, numbers)
        state = unknown(self.path, numbers[-1] + 1) if known is None else given_up(known.state)
        return self._discard(Commit(numbers[-1], state), state)

    def _discard(self, latest: Commit, state: CheckpointState) -> Commit:
        discarded = self._follow(latest, state, mine=False)
        self.retire(discarded)
        return discarded

    def retire(self, commit: Commit, *, keep_history: bool = False, keep_outputs: bool = False) -> None:
        """Clean up below the last commit, which stays: without it the number of a late writer would be free again.

        Example: commits 0 to 5, a frozen writer about to create 3. If only 5 stays, its check after the create lists 5
        and fails. If nothing stayed, 3 would count as the newest commit.

        :param keep_history: whether to keep a copy of the commit until ``spark-pipeline prune`` removes it
        :param keep_outputs: whether to keep the saved outputs: the run may run again from a component on
        """
        if keep_history:
            pipeline, unit = self.path.split("/", 1)
            copy = f"{pipeline}/{HISTORY}/{unit}-{commit.number:08d}.json"
            # The copy exists if an earlier clean-up died halfway, or if only a copy was left of a run that was pruned.
            self.retried(lambda: self.store.write(copy, encode(commit.state, commit.number)))
        # Before the other hint is deleted: a process that waits for the end of a run finds it by one of the two.
        self.retried(lambda: self.store.write(ended_hint(self.path), b""))
        if not keep_outputs:
            self.delete_outputs(commit)
        for number in self._numbers():
            if number < commit.number:
                self._delete(self._name(number))
        self._delete(open_hint(self.path))
        if self.is_passed(commit.number, self._numbers()):
            self._hint()  # another attempt claimed the unit meanwhile: restore its hint

    def delete_outputs(self, commit: Commit) -> None:
        """Delete saved outputs up to this commit's claim; those of a newer attempt are in use."""
        state = commit.state
        last = commit.number if state.status is CheckpointStatus.DISCARDED else state.claim_number
        outputs = self.outputs
        for attempt in self.retried(lambda: outputs.list_directories(outputs_path(self.path))):
            number = attempt.partition("-")[0]
            if number.isdigit() and int(number) <= last:
                self.retried(functools.partial(outputs.delete_tree, f"{outputs_path(self.path)}/{attempt}"))
        outputs.remove_if_empty(outputs_path(self.path))  # otherwise every prune would look for outputs again

    def delete(self, name: str) -> None:
        """Remove an object of the unit's directory."""
        self._delete(f"{self.path}/{name}")


def _end(latest: Commit | None) -> dict[str, Any] | None:
    """Return which end a claim was decided on; ``None`` if the newest commit was not an end."""
    if latest is None or latest.state.status not in ENDED_STATUSES:
        return None
    return {"number": latest.number, "nonce": latest.state.nonce}
