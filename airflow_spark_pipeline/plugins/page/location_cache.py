"""What one location holds, as it was last seen.

Guarantees: a commit is read only once. A refresh costs one list request, and one more for each unit that may have
changed. Only one refresh runs at a time, in threads of this location. A caller gets the cached runs at once, and can
wait for the refresh. Not guaranteed: that the cached runs are current; :attr:`LocationCache.trouble` and
:attr:`LocationCache.loading` say what is missing.

A unit whose attempt has failed only changes when it is claimed again, and a claim writes its hint again. So it is not
read while its hint is unchanged. The hint is written before the claim, so a new hint does not prove a claim yet.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, open_units, read_run
from airflow_spark_pipeline.checkpoint.finished import finished_runs
from airflow_spark_pipeline.checkpoint.liveness import store_time
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.parallel import read_listed
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.deployment.locations import open_location
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError

log = logging.getLogger(__name__)

_FINDERS = 4  # requests at a time for single runs
_FRESH_SECONDS = 1.5  # a younger result also answers the next request
_RESTS = 5  # times as long as a refresh took: listing 10,000 hints on S3 takes seconds of the API server's processor
_CLOCK_SECONDS = 300.0  # how long a comparison of the store's clock with ours holds
_CLAIM_SECONDS = 120.0  # when a hint is this old, its claim was made or abandoned long ago
_SETTLED_SECONDS = 600.0  # even units that cannot have changed are read again after this time
_SILENT_SECONDS = 15.0  # interval for units whose driver is silent, or has not started

#: Maximum number of ended runs that are shown of a location; the command line lists more.
FINISHED = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A unit, and when it was read.

    :param hint: time of its hint, by the store's clock
    :param due: time when it has to be read again, by our clock
    """

    entry: RunEntry | None
    hint: float
    due: float


class LocationCache:
    """The units of one location.

    :param place: the location
    :param clock: returns monotonic seconds
    """

    def __init__(self, place: StoreLocation, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        #: Why the last refresh failed; ``None`` if it succeeded.
        self.trouble: str | None = None
        #: Why the last search for single runs failed; ``None`` if it succeeded.
        self.find_trouble: str | None = None
        #: Whether its directory does not exist; an object store cannot tell.
        self.missing = False
        #: Number of units that still have to be read for the first time.
        self.loading = 0
        self._clock = clock
        self._store: CheckpointStore | None = None
        self._finished: list[RunEntry] = []
        self._kept: dict[str, _Kept] = {}
        self._commits: dict[tuple[str, int, str], Commit] = {}
        self._refreshed: float | None = None
        self._fresh_seconds = _FRESH_SECONDS
        self._offset: tuple[float, float] | None = None  # (the store's clock minus ours, when it was measured)
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._refresher = ThreadPoolExecutor(1, thread_name_prefix=f"spark-pipeline-page-{place.id}")
        # Two pools: otherwise a request for one run would wait until thousands are read for the first time.
        self._finders = ThreadPoolExecutor(_FINDERS, thread_name_prefix=f"spark-pipeline-find-{place.id}")

    @property
    def store(self) -> CheckpointStore:
        """The location's store.

        :raises CheckpointLocationError: the location cannot be opened
        """
        store = self._store  # another thread may forget it at any time
        if store is None:
            store = self._store = open_location(self.place)
        return store

    def entries(self) -> list[RunEntry]:
        """Return the cached unfinished units, including unreadable ones."""
        found = [kept.entry for kept in list(self._kept.values())]
        return [entry for entry in found if entry is not None and not entry.ended]

    def finished(self) -> list[RunEntry]:
        """Return the cached runs that ended."""
        return list(self._finished)

    def look_at_finished(self) -> None:
        """Read the newest runs that ended. Only on request: they are many, and do not change any more.

        :raises CheckpointError: the location cannot be read
        """
        try:
            self._finished = [entry for entry in finished_runs(self.store, limit=FINISHED) if entry.commit is not None]
        except CheckpointLocationError:
            self._store = None  # as in look
            raise

    @property
    def seen(self) -> bool:
        """Whether the location was listed at least once."""
        return self._refreshed is not None

    def refresh(self, *, now: bool = False) -> Future[None]:
        """Start a refresh, unless one is running or has just ended. The future never raises.

        :param now: refresh even if the last one has just ended
        """
        with self._lock:
            if self._running is not None and not self._running.done():
                return self._running
            if not now and self._refreshed is not None and self._clock() - self._refreshed < self._fresh_seconds:
                done: Future[None] = Future()
                done.set_result(None)
                return done
            self._running = self._refresher.submit(self._refresh)
            return self._running

    def in_background(self, work: Callable[[], T]) -> Future[T]:
        """Call a function that uses this location in one of its threads."""
        return self._finders.submit(work)

    def look(self, path: str) -> RunEntry | None:
        """Read one unit now. ``path`` comes from a listing, or is computed from a key."""
        kept = self._kept.get(path)
        known = None if kept is None or kept.entry is None else kept.entry.commit
        entry = read_run(self.store, path, self._now(), known)
        if entry is not None and isinstance(entry.error, CheckpointLocationError):
            self._store = None  # to be opened again, with the connection's current credentials
            entry = read_run(self.store, path, self._now(), known)
        return entry

    def commit(self, path: str, number: int, run_id: str) -> Commit | None:
        """Return a commit of a unit, or ``None`` if it was cleaned up or cannot be read.

        :param run_id: id of the commit's attempt, so that a commit of another log with the same number is not returned
        """
        key = (path, number, run_id)
        found = self._commits.get(key)
        if found is None:
            try:
                found = RunLog(self.store, path, retry_seconds=0).read(number)
            except CheckpointError:
                return None
            self._commits[key] = found
        return found if found.state.run_id == run_id else None

    def _refresh(self) -> None:
        started, first = self._clock(), 0
        try:
            hints = open_units(self.store)
            self.missing = not hints and not self.place.temporary and is_absent(self.store)
            now = self._now() if hints else 0.0  # asking for the time writes, which would create the directory
            self._forget(hints)
            due = [path for path, hint in hints.items() if self._is_due(path, hint)]
            self.loading = first = sum(path not in self._kept for path in due)
            for _ in read_listed(self.store, lambda path, listed: self._see(path, hints[path], now, listed), due):
                pass
            self.trouble = None
        except CheckpointError as error:
            self._store = None  # as in look
            self.trouble = str(error)
        except Exception as error:  # any error of a client library: the page shows it
            log.exception("The checkpoint location %s could not be read", self.place.name)
            self._store = None
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.loading = 0
            self._refreshed = self._clock()
            repeats = not first and self.trouble is None  # units are read for the first time only once
            took = self._refreshed - started if repeats else 0.0
            self._fresh_seconds = max(_FRESH_SECONDS, _RESTS * took)

    def _forget(self, hints: dict[str, float]) -> None:
        for path in self._kept.keys() - hints.keys():
            del self._kept[path]
        # A copy of the keys: requests add commits meanwhile.
        for key in [key for key in list(self._commits) if key[0] not in hints][:-1000]:
            self._commits.pop(key, None)

    def _is_due(self, path: str, hint: float) -> bool:
        kept = self._kept.get(path)
        return kept is None or kept.hint != hint or self._clock() >= kept.due

    def _see(self, path: str, hint: float, now: float, listed: list[StoredObject] | None) -> None:
        kept = self._kept.get(path)
        same = kept is not None and kept.entry is not None and kept.hint == hint
        known = kept.entry.commit if same and kept is not None and kept.entry is not None else None
        entry = read_run(self.store, path, now, known, listed=listed)
        self._kept[path] = _Kept(entry, hint, self._clock() + _pause(entry, now - hint))
        if kept is None:
            self.loading = max(0, self.loading - 1)

    def _now(self) -> float:
        """Return the time by the store's clock, which is compared with ours only now and then."""
        if self._offset is None or self._clock() - self._offset[1] > _CLOCK_SECONDS:
            try:
                theirs = store_time(self.store)
            except CheckpointLocationError:
                theirs = time.time()  # asking for the time writes; a server that may only read uses its clock
            ours = self._clock()  # after the answer: a driver counts as alive slightly too long, never too short
            self._offset = (theirs - ours, ours)
        return self._clock() + self._offset[0]


def is_absent(store: CheckpointStore) -> bool:
    """Whether the location is a local directory that does not exist."""
    return isinstance(store, LocalStore) and not store.root.exists()


def _pause(entry: RunEntry | None, age: float) -> float:
    """Return the seconds after which a unit is read again even if its hint is unchanged."""
    if age < _CLAIM_SECONDS or (entry is not None and entry.alive):
        return 0.0
    if entry is None or entry.commit is None:
        return _SILENT_SECONDS
    return _SETTLED_SECONDS if entry.commit.state.status is CheckpointStatus.FAILED or entry.ended else _SILENT_SECONDS
