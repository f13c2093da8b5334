"""A snapshot of a location, which answers any number of questions about its runs.

Guarantees: within a snapshot each listing is made once, and a commit is read once during the lifetime of its
:class:`Memory`, since a commit never changes; one unreadable run does not hide the others; a run whose driver ends
while the snapshot is made is never taken for dead. Not guaranteed: that the answers are still true; they are as old as
the snapshot.
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

_ROUNDS = 5  # how often a unit that changes meanwhile is listed again


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A unit of work as a snapshot found it.

    :param entry: recorded state of the unit
    :param last_sign: time of a dead driver's last heartbeat, in seconds by the store's clock; ``None`` if there is none
    """

    entry: RunEntry
    last_sign: float | None = None

    @property
    def standing(self) -> Standing:
        """The standing of the run."""
        return self.entry.standing

    @property
    def since(self) -> float:
        """Start of this standing, in seconds since 1970: the newest commit, or a dead driver's last heartbeat."""
        if self.entry.commit is None:
            return 0.0
        committed = datetime.fromisoformat(self.entry.commit.state.updated_at).timestamp()
        return max(committed, self.last_sign or 0.0)


@dataclass(slots=True)
class Memory:
    """What a snapshot passes to the next: the newest commit of each unit, and the ended units."""

    commits: dict[str, Commit] = field(default_factory=dict)
    ended: dict[str, tuple[float, SeenRun | None]] = field(default_factory=dict)


class Look:
    """The content of a store at one point in time. Not thread-safe.

    :param memory: memory of the previous snapshot
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
        """The time by the store's clock, determined once; the times of the store's objects are compared with it."""
        if self._time is None:
            self._time = reader_time(self.store)
        return self._time

    def open_units(self, pipeline: str | None = None) -> list[str]:
        """Return the directories of the units that may be unfinished; none is missed.

        :param pipeline: directory of the pipeline whose units to return; default: all pipelines
        :raises CheckpointError: the location cannot be listed
        """
        found: dict[str, list[str]] = self._once(OPEN, lambda: _by_pipeline(open_units(self.store)))
        return [path for paths in found.values() for path in paths] if pipeline is None else found.get(pipeline, [])

    def ended_units(self, pipeline: str) -> dict[str, float]:
        """Return the directories of a pipeline's ended units, with their end time in seconds by the store's clock.

        :raises CheckpointError: the units cannot be listed
        """

        def listed() -> dict[str, float]:
            found = self.store.list_objects(f"{pipeline}/{ENDED}")
            ended = {f"{pipeline}/{each.name}": each.modified for each in found}
            return {path: modified for path, modified in ended.items() if is_unit_path(path)}

        return self._once(f"{pipeline}/{ENDED}", listed)

    def pipelines(self) -> list[str]:
        """Return the directories of the pipelines in the location.

        :raises CheckpointError: the pipelines cannot be listed
        """
        names: list[str] = self._once("", lambda: pipelines(self.store))
        return names

    def ended(self, path: str, ended: float) -> SeenRun | None:
        """Return a unit of :meth:`ended_units`, without a request if its hint has not changed."""
        known = self._before.ended.get(path)
        if known is None or known[0] != ended:
            known = (ended, self.run(path))
        if known[1] is None or known[1].entry.error is None:
            self.memory.ended[path] = known
        return known[1]

    def run(self, path: str) -> SeenRun | None:
        """Return a unit of work, or ``None`` if nothing is recorded."""
        if path not in self._seen:
            self._seen[path] = found = self._look(path)
            if found is not None and found.entry.commit is not None:
                self.memory.commits[path] = found.entry.commit
        return self._seen[path]

    def _look(self, path: str) -> SeenRun | None:
        known = self._before.commits.get(path)
        for _ in range(_ROUNDS):
            # The time costs a request, so ask for it only if a driver may be running: time 0 makes every driver look
            # alive.
            entry = look(self.store, path, self._time or 0.0, known)
            if entry is None or entry.commit is None or entry.commit.state.status is not CheckpointStatus.RUNNING:
                return None if entry is None else SeenRun(entry)
            known = entry.commit
            if entry.alive and self._time is not None:
                return SeenRun(entry)
            if entry.alive:
                # before the listing it is compared with; otherwise a heartbeat would look older than it is
                _ = self.time
                continue
            log = RunLog(self.store, path, retry_seconds=0)
            try:
                listing = log.listing()
            except CheckpointError as error:
                return SeenRun(RunEntry(path, None, error))
            # A driver that ends between two requests removes its heartbeat and leaves a commit.
            if listing.numbers[-1:] == [entry.commit.number]:
                return SeenRun(entry, max(listing.heartbeats.values(), default=None))
        return SeenRun(RunEntry(path, None, CheckpointStoreError(f"{self.store.describe(path)} changes all the time")))

    def _once(self, directory: str, list_it: Callable[[], T]) -> T:
        """Return a listing or raise its error; repeated calls give the same result."""
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
