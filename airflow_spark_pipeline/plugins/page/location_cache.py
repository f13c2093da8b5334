"""What one location holds, as it was last seen.

Promises: what was read is kept, and a commit that was read is not read again; a refresh costs one list, and one more
for each unit that may have changed; it runs once at a time, in threads of the location's own. Whoever asks gets what
is known, at once, and may wait for the refresh or not. Does not promise that it is current:
:attr:`LocationCache.trouble` and :attr:`LocationCache.loading` say what is wrong with it.

A unit whose attempt has failed changes when it is claimed again, and then its hint is written anew; so it need not be
looked at while its hint is the same. The hint comes before the claim, so a fresh one proves nothing yet.
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
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.deployment.locations import open_location
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError

log = logging.getLogger(__name__)

_LOOKERS = 8  # requests at a time to one location
_FINDERS = 4  # questions at a time about single runs
_FRESH_SECONDS = 1.5  # a look that is younger answers the next question, too
_CLOCK_SECONDS = 300.0  # how long a comparison of the store's clock with ours holds
_CLAIM_SECONDS = 120.0  # a claim has long been made, or given up, when its hint is that old
_SETTLED_SECONDS = 600.0  # even what cannot have changed is looked at again after so long
_SILENT_SECONDS = 15.0  # a driver that is silent, or has not started, is looked at that often

#: How many runs that ended are shown of a location; the command line lists more.
FINISHED = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A unit as it was seen.

    :param hint: when it was claimed, by the store's clock
    :param due: when it has to be looked at again, by ours
    """

    entry: RunEntry | None
    hint: float
    due: float


class LocationCache:
    """The units of one location.

    :param place: which
    :param clock: monotonic seconds
    """

    def __init__(self, place: StoreLocation, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.place = place
        #: Why the last refresh did not succeed, ``None`` where it did.
        self.trouble: str | None = None
        #: Whether its folder does not exist; of an object store that cannot be told.
        self.missing = False
        #: How many units have still to be looked at for the first time.
        self.loading = 0
        self._clock = clock
        self._store: CheckpointStore | None = None
        self._finished: list[RunEntry] = []
        self._kept: dict[str, _Kept] = {}
        self._commits: dict[tuple[str, int, str], Commit] = {}
        self._refreshed: float | None = None
        self._offset: tuple[float, float] | None = None  # (the store's clock minus ours, when it was measured)
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._refresher = ThreadPoolExecutor(1, thread_name_prefix=f"spark-pipeline-page-{place.id}")
        self._lookers = ThreadPoolExecutor(_LOOKERS, thread_name_prefix=f"spark-pipeline-look-{place.id}")
        # Not the same: a question about one run would wait for the first look at thousands.
        self._finders = ThreadPoolExecutor(_FINDERS, thread_name_prefix=f"spark-pipeline-find-{place.id}")

    @property
    def store(self) -> CheckpointStore:
        """The location's store.

        :raises CheckpointLocationError: it cannot be served
        """
        if self._store is None:
            self._store = open_location(self.place)
        return self._store

    def entries(self) -> list[RunEntry]:
        """Return the unfinished units as they were last seen, those that cannot be read included."""
        found = [kept.entry for kept in list(self._kept.values())]
        return [entry for entry in found if entry is not None and not entry.ended]

    def finished(self) -> list[RunEntry]:
        """Return the runs that ended, as they were last seen."""
        return list(self._finished)

    def look_at_finished(self) -> None:
        """Look at the newest runs that ended: for whoever asks for them, since they are many and change no more.

        :raises CheckpointError: the location cannot be read
        """
        self._finished = [entry for entry in finished_runs(self.store, limit=FINISHED) if entry.commit is not None]

    @property
    def seen(self) -> bool:
        """Whether the location has been listed at least once."""
        return self._refreshed is not None

    def refresh(self, *, now: bool = False) -> Future[None]:
        """Start to look again, unless somebody does already, or did just now. The future never raises.

        :param now: also where the last look is fresh
        """
        with self._lock:
            if self._running is not None and not self._running.done():
                return self._running
            if not now and self._refreshed is not None and self._clock() - self._refreshed < _FRESH_SECONDS:
                done: Future[None] = Future()
                done.set_result(None)
                return done
            self._running = self._refresher.submit(self._refresh)
            return self._running

    def in_background(self, work: Callable[[], T]) -> Future[T]:
        """Do something with this location in one of its own threads."""
        return self._finders.submit(work)

    def look(self, path: str) -> RunEntry | None:
        """Look at one unit now. ``path`` comes from a listing, or is computed from a key."""
        kept = self._kept.get(path)
        known = None if kept is None or kept.entry is None else kept.entry.commit
        return read_run(self.store, path, self._now(), known)

    def commit(self, path: str, number: int, run_id: str) -> Commit | None:
        """Return a commit of a unit, ``None`` where it was cleaned up or cannot be read.

        :param run_id: of the attempt that it belongs to; with it the same number of another log is not mixed up
        """
        key = (path, number, run_id)
        if key not in self._commits:
            try:
                self._commits[key] = RunLog(self.store, path, retry_seconds=0).read(number)
            except CheckpointError:
                return None
        found = self._commits[key]
        return found if found.state.run_id == run_id else None

    def _refresh(self) -> None:
        try:
            hints = open_units(self.store)
            self.missing = not hints and not self.place.temporary and is_absent(self.store)
            now = self._now() if hints else 0.0  # to ask for the time writes, and would make a folder for nothing
            self._forget(hints)
            due = [path for path, hint in hints.items() if self._is_due(path, hint)]
            self.loading = sum(path not in self._kept for path in due)
            list(self._lookers.map(lambda path: self._see(path, hints[path], now), due))
            self.trouble = None
        except CheckpointError as error:
            self.trouble = str(error)
        except Exception as error:  # whatever a client library raises: the page says so, and goes on
            log.exception("The checkpoint location %s could not be read", self.place.name)
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.loading = 0
            self._refreshed = self._clock()

    def _forget(self, hints: dict[str, float]) -> None:
        for path in self._kept.keys() - hints.keys():
            del self._kept[path]
        for key in [key for key in self._commits if key[0] not in hints][:-1000]:
            del self._commits[key]

    def _is_due(self, path: str, hint: float) -> bool:
        kept = self._kept.get(path)
        return kept is None or kept.hint != hint or self._clock() >= kept.due

    def _see(self, path: str, hint: float, now: float) -> None:
        kept = self._kept.get(path)
        same = kept is not None and kept.entry is not None and kept.hint == hint
        known = kept.entry.commit if same and kept is not None and kept.entry is not None else None
        entry = read_run(self.store, path, now, known)
        self._kept[path] = _Kept(entry, hint, self._clock() + _pause(entry, now - hint))
        if kept is None:
            self.loading = max(0, self.loading - 1)

    def _now(self) -> float:
        """Return the time by the store's clock, which is asked for now and then only."""
        if self._offset is None or self._clock() - self._offset[1] > _CLOCK_SECONDS:
            try:
                theirs = store_time(self.store)
            except CheckpointLocationError:
                theirs = time.time()  # to ask for the time writes; a server that may only read trusts its own clock
            ours = self._clock()  # after the answer: a driver is rather taken for alive a moment too long
            self._offset = (theirs - ours, ours)
        return self._clock() + self._offset[0]


def is_absent(store: CheckpointStore) -> bool:
    """Whether the store is a folder that does not exist."""
    return isinstance(store, LocalStore) and not store.root.exists()


def _pause(entry: RunEntry | None, age: float) -> float:
    """Return after how many seconds a unit has to be looked at again, if its hint stays as it is."""
    if age < _CLAIM_SECONDS or (entry is not None and entry.alive):
        return 0.0
    if entry is None or entry.commit is None:
        return _SILENT_SECONDS
    return _SETTLED_SECONDS if entry.commit.state.status is CheckpointStatus.FAILED or entry.ended else _SILENT_SECONDS
