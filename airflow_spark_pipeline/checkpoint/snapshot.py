"""One look at a location, which answers any number of questions about its runs.

Promises: within one look each listing is made once, and a commit is read once for as long as its :class:`Memory` lives,
since a commit never changes; one unreadable run does not hide the others; a run whose driver ends while it is looked
at is never taken for dead. Does not promise that what it says still holds: it is as old as the look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, look, open_units, pipelines
from airflow_spark_pipeline.checkpoint.key import is_unit_path
from airflow_spark_pipeline.checkpoint.liveness import reader_time
from airflow_spark_pipeline.checkpoint.log import ENDED, OPEN, RunLog
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointStoreError

T = TypeVar("T")

_ROUNDS = 5  # how often a unit that changes under the look is listed again


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A unit of work as a look found it.

    :param entry: what is recorded
    :param last_sign: when a dead driver showed its last sign of life, in seconds by the store's clock; ``None`` where
        none is left
    """

    entry: RunEntry
    last_sign: float | None = None

    @property
    def standing(self) -> Standing:
        """How the run stands."""
        return self.entry.standing

    @property
    def since(self) -> float:
        """Since when it stands so, in seconds since 1970: its newest commit, or a dead driver's last sign of life."""
        if self.entry.commit is None:
            return 0.0
        committed = datetime.fromisoformat(self.entry.commit.state.updated_at).timestamp()
        return max(committed, self.last_sign or 0.0)


@dataclass(slots=True)
class Memory:
    """What one look leaves to the next: the newest commit of each unit, and which ended units did not change."""

    commits: dict[str, Commit] = field(default_factory=dict)
    ended: dict[str, tuple[float, SeenRun | None]] = field(default_factory=dict)


class Look:
    """What a store holds at one moment. Not for several threads at once.

    :param memory: of the look before it
    """

    def __init__(self, store: CheckpointStore, memory: Memory | None = None) -> None:
        self.store = store
        self.memory = Memory()
        self._before = Memory() if memory is None else memory
        self._time: float | None = None
        self._listings: dict[str, Any] = {}
        self._seen: dict[str, SeenRun | None] = {}

    @property
    def time(self) -> float:
        """The time by the store's own clock when it was first asked for: what its objects' times compare with."""
        if self._time is None:
            self._time = reader_time(self.store)
        return self._time

    def open_units(self, pipeline: str | None = None) -> list[str]:
        """Return the directories of the units that may be unfinished; none is missed.

        :param pipeline: only those below this directory
        :raises CheckpointError: the location cannot be listed
        """
        found: dict[str, list[str]] = self._once(OPEN, lambda: _by_pipeline(open_units(self.store)))
        return [path for paths in found.values() for path in paths] if pipeline is None else found.get(pipeline, [])

    def ended_units(self, pipeline: str) -> dict[str, float]:
        """Return the directories of a pipeline's units that ended, and when, in seconds by the store's clock.

        :raises CheckpointError: they cannot be listed
        """

        def listed() -> dict[str, float]:
            found = self.store.list_objects(f"{pipeline}/{ENDED}")
            ended = {f"{pipeline}/{each.name}": each.modified for each in found}
            return {path: modified for path, modified in ended.items() if is_unit_path(path)}

        return self._once(f"{pipeline}/{ENDED}", listed)

    def pipelines(self) -> list[str]:
        """Return the directories of the pipelines of which anything is stored.

        :raises CheckpointError: they cannot be listed
        """
        names: list[str] = self._once("", lambda: pipelines(self.store))
        return names

    def ended(self, path: str, ended: float) -> SeenRun | None:
        """Return a unit of :meth:`ended_units`, without a request where its hint is as old as it was."""
        known = self._before.ended.get(path)
        if known is None or known[0] != ended:
            known = (ended, self.run(path))
        if known[1] is None or known[1].entry.error is None:
            self.memory.ended[path] = known
        return known[1]

    def run(self, path: str) -> SeenRun | None:
        """Return a unit of work, ``None`` where nothing is recorded."""
        if path not in self._seen:
            self._seen[path] = found = self._look(path)
            if found is not None and found.entry.commit is not None:
                self.memory.commits[path] = found.entry.commit
        return self._seen[path]

    def _look(self, path: str) -> SeenRun | None:
        known = self._before.commits.get(path)
        for _ in range(_ROUNDS):
            # Without a time every driver looks alive, and only then is one worth a request.
            entry = look(self.store, path, self._time or 0.0, known)
            if entry is None or entry.commit is None or entry.commit.state.status is not CheckpointStatus.RUNNING:
                return None if entry is None else SeenRun(entry)
            known = entry.commit
            if entry.alive and self._time is not None:
                return SeenRun(entry)
            if entry.alive:
                _ = self.time  # before the listing that it is compared with, or a driver would look older than it is
                continue
            log = RunLog(self.store, path, retry_seconds=0)
            try:
                listing = log.listing()
            except CheckpointError as error:
                return SeenRun(RunEntry(path, None, error))
            # A driver that ends between two requests takes its sign of life away, and leaves a commit.
            if listing.numbers[-1:] == [entry.commit.number]:
                return SeenRun(entry, max(listing.heartbeats.values(), default=None))
        return SeenRun(RunEntry(path, None, CheckpointStoreError(f"{self.store.describe(path)} changes all the time")))

    def _once(self, directory: str, list_it: Callable[[], T]) -> T:
        """Return a listing, or raise its error, however often it is asked for."""
        if directory not in self._listings:
            try:
                self._listings[directory] = list_it()
            except CheckpointError as error:
                self._listings[directory] = error
        found = self._listings[directory]
        if isinstance(found, CheckpointError):
            raise found.with_traceback(None)
        return found  # type: ignore[no-any-return]


def _by_pipeline(units: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(units):
        found.setdefault(path.partition("/")[0], []).append(path)
    return found
