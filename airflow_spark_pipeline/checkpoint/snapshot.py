"""A snapshot of a location, which answers any number of questions about its runs.

Guarantees: within a snapshot each listing is made once, and a commit is read once during the lifetime of its
:class:`SnapshotCache`, since a commit never changes; one unreadable run does not hide the others; a run whose driver
ends while the snapshot is made is never taken for dead. Not guaranteed: that the answers are still true; they are as
old as the snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, open_units, pipelines, read_run
from airflow_spark_pipeline.checkpoint.key import is_unit_path
from airflow_spark_pipeline.checkpoint.layout import ENDED, OPEN
from airflow_spark_pipeline.checkpoint.liveness import reader_time
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.parallel import read_listed
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointStoreError

T = TypeVar("T")

_ROUNDS = 5  # how often a unit that changes meanwhile is listed again


@dataclass(slots=True)
class SnapshotCache:
    """What a snapshot passes to the next: the newest commit of each unit, and the ended units."""

    commits: dict[str, Commit] = field(default_factory=dict)
    ended: dict[str, tuple[float, RunEntry | None]] = field(default_factory=dict)


class Snapshot:
    """The content of a store at one point in time. Not thread-safe.

    :param cache: cache of the previous snapshot
    """

    def __init__(self, store: CheckpointStore, cache: SnapshotCache | None = None) -> None:
        self.store = store
        self.cache = SnapshotCache()
        self._before = SnapshotCache() if cache is None else cache
        self._lock = threading.Lock()  # several units are read at a time
        self._time: float | None = None
        self._listings: dict[str, Any] = {}
        self._seen: dict[str, RunEntry | None] = {}

    @property
    def time(self) -> float:
        """The time by the store's clock, determined once; the times of the store's objects are compared with it."""
        with self._lock:
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

    def ended(self, path: str, ended: float) -> RunEntry | None:
        """Return a unit of :meth:`ended_units`, without a request if its hint has not changed."""
        known = self._before.ended.get(path)
        if known is None or known[0] != ended:
            known = (ended, self.run(path))
        if known[1] is None or known[1].error is None:
            self.cache.ended[path] = known
        return known[1]

    def all_ended(self, ends: Mapping[str, float]) -> list[RunEntry | None]:
        """Return some units of :meth:`ended_units`, in order: several are read at a time, if the store allows it."""
        self.runs(path for path, ended in ends.items() if self._before.ended.get(path, (None,))[0] != ended)
        return [self.ended(path, ended) for path, ended in ends.items()]

    def run(self, path: str) -> RunEntry | None:
        """Return a unit of work, or ``None`` if nothing is recorded."""
        return self.runs([path])[0]

    def runs(self, paths: Iterable[str]) -> list[RunEntry | None]:
        """Return some units of work, in order: several are read at a time, if the store allows it."""
        wanted = list(paths)
        missing = [path for path in dict.fromkeys(wanted) if path not in self._seen]
        for path, found in zip(missing, read_listed(self.store, self._read, missing), strict=True):
            self._seen[path] = found
            if found is not None and found.commit is not None:
                self.cache.commits[path] = found.commit
        return [self._seen[path] for path in wanted]

    def _read(self, path: str, listed: list[StoredObject] | None) -> RunEntry | None:
        known = self._before.commits.get(path)
        # The time costs a request, so ask for it only if a driver may be running: time 0 makes every driver look alive.
        # The time may also have been determined after ``listed``, and then a heartbeat would look older than it is.
        time = None if listed is not None else self._time
        for _ in range(_ROUNDS):
            entry = read_run(self.store, path, time or 0.0, known, listed=listed)
            if entry is None or entry.commit is None or entry.commit.state.status is not CheckpointStatus.RUNNING:
                return entry
            known = entry.commit
            if entry.alive and time is not None:
                return entry
            if entry.alive:
                time, listed = self.time, None  # before the listing it is compared with
                continue
            log = RunLog(self.store, path, retry_seconds=0)
            try:
                listing = log.listing()
            except CheckpointError as error:
                return RunEntry(path, None, error)
            # A driver that ends between two requests removes its heartbeat and leaves a commit.
            number = entry.commit.number
            if number in listing.numbers and not log.is_passed(number, listing.numbers):
                return replace(entry, last_sign=max(listing.heartbeats.values(), default=None))
            listed = None  # it is older than what was read since
        return RunEntry(path, None, CheckpointStoreError(f"{self.store.describe(path)} changes all the time"))

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
