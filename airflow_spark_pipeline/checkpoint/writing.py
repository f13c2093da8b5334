"""Writes a commit to the log of one unit of work, and finds out whether it counts: CREATE and CHECK of the protocol.

Guarantees: of several writers at most one gets a number; a writer that lost the store's answer finds out whether it has
won; a commit on a number that a clean-up had freed is detected. See ``log`` for who writes what, and when.

Example: a late claim has number 6 (see ``reading``), and the driver that has recorded 5 is next. It finds a foreign
nonce in 6, and that 5 still is the newest commit. So nobody relies on 6, nor on what comes next: it creates 7.
"""

from __future__ import annotations

from collections.abc import Callable

from airflow_spark_pipeline.checkpoint.layout import open_hint
from airflow_spark_pipeline.checkpoint.reading import LogReader
from airflow_spark_pipeline.checkpoint.state import CheckpointState, Commit
from airflow_spark_pipeline.checkpoint.stores.base import ObjectExistsError, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import CheckpointLostError, CheckpointStoreError, SupersededError


class LostError(Exception):
    """Another writer got the number; nothing was recorded."""


class LogWriter(LogReader):
    """Writes commits to the log in one directory of a store. The parameters are those of ``LogReader``."""

    def _create_next(self, before: Commit | None, make: Callable[[int], tuple[Commit, bytes]]) -> Commit:
        """CREATE the commit after another one, and pass over the numbers of late claims, which do not count.

        :param make: function from a number to the commit and its bytes
        :raises LostError: another writer got the number
        """
        number = 0 if before is None else before.number + 1
        while True:
            commit, data = make(number)
            try:
                self._create(number, commit.state.nonce, data)
                return commit
            except LostError:
                if not self._is_newest(before):
                    raise
            number += 1

    def _create(self, number: int, nonce: str, data: bytes) -> None:
        """CREATE: find out whether this writer got the number, whatever the store answers."""
        name = self._name(number)
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
                if self.nonce_of(number) == nonce:
                    return
                raise LostError
            except ObjectNotFoundError:
                if self.is_passed(number, self._numbers()):
                    raise LostError from None
            self._sleep(pause)
        raise CheckpointStoreError(
            f"{self.store.describe(name)} could not be written within {self._retry_seconds:g} s: {last}", path=name
        ) from last

    def _check(self, commit: Commit) -> list[int]:
        """CHECK: a create on a number that a clean-up has freed does not count. Returns the numbers.

        :param commit: commit that was just created
        """
        numbers = self._numbers()
        if not numbers or numbers[-1] < commit.number:
            raise self.lost()
        if self.is_passed(commit.number, numbers):
            newest = self.newest_state()
            other = newest is not None and newest.attempt_id != commit.state.attempt_id
            raise self.superseded(newest if other else None)
        return numbers

    def _is_newest(self, commit: Commit | None) -> bool:
        """Whether a commit still is the newest, so that whatever has the number after it is a late claim."""
        latest = self.latest()
        if latest is None or commit is None:
            return False
        return (latest.number, latest.state.nonce) == (commit.number, commit.state.nonce)

    def _hint(self) -> None:
        """Write the hint by which listings find unfinished units; before the claim, so that none is missed."""
        self.retried(lambda: self.store.write(open_hint(self.path), b""))

    def _delete(self, name: str) -> None:
        self.retried(lambda: self.store.delete(name))

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
