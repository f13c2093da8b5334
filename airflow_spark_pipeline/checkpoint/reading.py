"""Reads the log of one unit of work: every process that needs a commit gets it from here.

Guarantees: the newest commit costs one list and at most two reads, however many commits there are, and one more list if
it is a claim; a commit that was cleaned up, or whose base was, in between leads to the newer one; a claim that arrived
after its log had been removed and begun anew does not count; an unreadable commit is an error that names it, and is
never "nothing recorded".

Example: 7 holds changes and names 5 as its base. A reader lists 5, 6, 7 and reads 7. Meanwhile the writer creates 8, a
new base, and deletes 5 to 7. The reader finds no 5, lists again, finds 8, and reads it.

Example of a number that is used again: a try finds 0, decides to claim 1, and is frozen. The driver creates 1, and a
reader lists 0 and 1. The driver goes on to 5, a new base, and deletes 0 to 4. The try wakes up and creates its claim 1,
which counts for nobody. The reader reads 1: it is a claim, so the reader lists again, finds 5, and reads it.

Example of a late claim: a try finds the discarded commit 5, decides to start over, and is frozen. A prune removes 5, as
it is days old, and the next try begins again with 0, 1, 2. The first try wakes up and creates 6. Whoever lists 0, 1, 2
and 6 finds that 6 was decided on 5, which is not there: the newest commit is 2.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from airflow_spark_pipeline.checkpoint.changes import is_changes
from airflow_spark_pipeline.checkpoint.decoding import CommitObject, changed, parse, whole
from airflow_spark_pipeline.checkpoint.discard import discard_advice
from airflow_spark_pipeline.checkpoint.layout import Listing, commit_name, commit_numbers, listing_of
from airflow_spark_pipeline.checkpoint.state import Base, CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    CheckpointStoreError,
    CorruptCheckpointError,
    UnsupportedCheckpointError,
)

_SOON = 1.0  # seconds; no driver takes over faster: it waits for the lease of the one before
_ROUNDS = 3  # how often a reader lists again at least: a writer that is fast may clean up between any two requests

T = TypeVar("T")


class _BaseNotFoundError(ObjectNotFoundError):
    """A commit was read, and its base is not there: it was cleaned up, or somebody deleted it.

    :param number: number of the commit
    """

    def __init__(self, message: str, *, number: int, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.number = number


class LogReader:
    """Reads the log in one directory of a store.

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

    def latest(self) -> Commit | None:
        """Return the newest commit, or ``None`` if nothing was ever recorded.

        :raises CorruptCheckpointError: the newest commit exists and cannot be read
        :raises CheckpointError: the store could not answer
        """
        for rounds, pause in enumerate(self._pauses(_ROUNDS), start=1):
            began, numbers = self._clock(), self._numbers()
            if not numbers:
                return None
            try:
                commit = self.newest_of(numbers)
                if rounds >= _ROUNDS or self.is_the_listed_one(commit, numbers, self._clock() - began):
                    return commit
            except _BaseNotFoundError as error:
                # Whoever deletes a base has recorded something higher before.
                if _above(error.number, self._numbers()) == _above(error.number, numbers):
                    raise self._without_base(error.number, error) from None
            except ObjectNotFoundError:
                # It was cleaned up between list and read, so a higher number exists now. Example: 3 is listed; a
                # clean-up keeps 4 and deletes 3; the next list shows 4.
                self._sleep(pause)
        raise CheckpointStoreError(
            f"{self.store.describe(self.path)}: the listing names commits that cannot be found", path=self.path
        )

    def newest_of(self, numbers: list[int], known: Commit | None = None) -> Commit:
        """Return the newest commit of a listing that counts.

        :param numbers: numbers of the commits, ascending, at least one
        :param known: commit of this unit that was read before
        :raises ObjectNotFoundError: it, or what it refers to, was cleaned up since the listing
        :raises CheckpointError: the commit cannot be read
        """
        commits = (known if known and known.number == n else self.read(n, known) for n in reversed(numbers))
        return next(commit for commit in commits if not self.is_late(commit, numbers))

    def is_the_listed_one(self, commit: Commit, numbers: list[int], seconds: float) -> bool:
        """Whether a commit that was read is the one that had its number in the listing.

        A clean-up frees the number, and a writer that was frozen creates it anew: a claim at any moment, a commit of a
        driver only after its successor has taken over. Before a number is freed, a higher one is recorded.

        :param numbers: numbers of the commits, ascending
        :param seconds: how long ago they were listed
        """
        if commit.state.status is not CheckpointStatus.SUBMITTED and seconds < _SOON:
            return True
        return _above(commit.number, self._numbers()) == _above(commit.number, numbers)

    def is_late(self, commit: Commit, numbers: list[int]) -> bool:
        """Whether a claim was decided on an end that a prune removed before the claim was created.

        Only a claim that follows an end can be: nothing else is ever removed together with everything below it. It
        counts if nothing else is there: then there is nothing that it could hide.

        :param numbers: numbers of the commits, ascending
        :raises ObjectNotFoundError: the end was removed since the listing
        """
        end = commit.state.decided_on
        if end is None or commit.state.status is not CheckpointStatus.SUBMITTED or commit.number == numbers[0]:
            return False
        if end["number"] not in numbers:
            return True
        try:
            return self.nonce_of(end["number"]) != str(end["nonce"])
        except (CorruptCheckpointError, UnsupportedCheckpointError):
            return False  # it is there; whether it is damaged is no matter to who claimed after it

    def is_passed(self, number: int, numbers: list[int]) -> bool:
        """Whether a listing has a higher number that counts, as nearly every higher number does.

        Only this listing is judged. A newer one may have what the asking driver itself has recorded meanwhile.
        """
        try:
            return any(not self.is_late(self.read(each), numbers) for each in _above(number, numbers))
        except CheckpointError:
            return True  # cleaned up since the listing, or damaged: whatever it was, it does not have to be late

    def newest_state(self) -> CheckpointState | None:
        """Return the state of the newest commit, or ``None`` if there is none."""
        latest = self.latest()
        return None if latest is None else latest.state

    def listing(self) -> Listing:
        """LIST the unit's directory once, without retries.

        :raises CheckpointError: the store could not answer
        """
        return listing_of(self.store.list_objects(self.path))

    def read(self, number: int, known: Commit | None = None) -> Commit:
        """Return the commit with this number, which never changes.

        :param known: commit of this unit that was read before; its base is not read again
        :raises ObjectNotFoundError: there is no such commit, or it or its base was cleaned up
        :raises CheckpointError: the commit cannot be read
        """
        raw, stored = self._object(number), self._stored(number)
        if not is_changes(raw):
            state = whole(raw, stored)
            return Commit(number, state, Base(number, state))
        base = self._base(raw, number, None if known is None else known.base)
        return Commit(number, changed(raw, base, stored), base)

    def nonce_of(self, number: int) -> str:
        """Return the nonce of a commit, with one read.

        :raises ObjectNotFoundError: there is no such commit
        :raises CheckpointError: the commit cannot be read
        """
        return str(self._object(number).get("nonce"))

    def _object(self, number: int) -> dict[str, Any]:
        name, stored = self._name(number), self._stored(number)
        try:
            data = self.retried(lambda: self.store.read(name))
        except CorruptCheckpointError as error:
            raise CorruptCheckpointError(f"{error} {stored.way_out}", path=error.path) from None
        return parse(data, stored)

    def _base(self, raw: dict[str, Any], number: int, known: Base | None) -> Base:
        """Return the base of a commit of changes."""
        name = f"{self.store.describe(self._name(number))} holds changes of {commit_name(raw['base'])}"
        if known is not None and (known.number, known.state.nonce) == (raw["base"], raw["baseNonce"]):
            return known
        try:
            found = self._object(raw["base"])
        except ObjectNotFoundError:
            why = f"{name}, which does not exist"
            raise _BaseNotFoundError(why, number=number, path=self._name(number)) from None
        # A late writer may have created the number again after the base was cleaned up.
        if is_changes(found) or found.get("nonce") != raw["baseNonce"]:
            why = f"{name}, and under that name is another commit"
            raise _BaseNotFoundError(why, number=number, path=self._name(number))
        return Base(raw["base"], whole(found, self._stored(raw["base"])))

    def _without_base(self, number: int, error: _BaseNotFoundError) -> CorruptCheckpointError:
        why = f"{error}. Nothing is skipped without a readable record. Restore the object from a backup."
        return CorruptCheckpointError(f"{why} {discard_advice(self.store, self.path, number)}", path=error.path)

    def _stored(self, number: int) -> CommitObject:
        way_out = discard_advice(self.store, self.path, number)
        return CommitObject(self.store.describe(self._name(number)), self.path, number, way_out)

    def _numbers(self) -> list[int]:
        return commit_numbers(self.retried(lambda: self.store.list_names(self.path)))

    @staticmethod
    def name_of(number: int) -> str:
        """Return the object name of the commit with this number in the unit's directory."""
        return commit_name(number)

    def _name(self, number: int) -> str:
        return f"{self.path}/{commit_name(number)}"

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

    def _pauses(self, at_least: int = 1) -> Iterator[float]:
        """Yield the pauses between tries, growing from 0.05 s to 2 s, until the time for retries is over.

        :param at_least: number of tries, whatever the time
        """
        deadline, pause = self._clock() + self._retry_seconds, 0.05
        for tries in itertools.count():
            if tries >= at_least and self._clock() >= deadline:
                return
            yield pause
            pause = min(pause * 2, 2.0)


def _above(number: int, numbers: list[int]) -> list[int]:
    return [each for each in numbers if each > number]
