"""The runs in a checkpoint location: lists unfinished runs, and finds a run by its id.

Guarantees: the cost of listing unfinished runs grows with their number, not with history; one unreadable run does not
hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from airflow_spark_pipeline.checkpoint.discard import given_up, newest_readable, unknown
from airflow_spark_pipeline.checkpoint.key import is_pipeline_name, is_unit_path, parse_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.layout import OPEN, Listing, listing_of
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock, signs_of_life
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.parallel import read_listed
from airflow_spark_pipeline.checkpoint.standing import Standing, standing_of
from airflow_spark_pipeline.checkpoint.state import ENDED_STATUSES, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError, StoredObject
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    CorruptCheckpointError,
    UnsupportedCheckpointError,
)


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A unit of work in a listing.

    :param path: directory of the unit, relative to the location
    :param commit: newest commit, or ``None`` if it cannot be read
    :param error: why the newest commit cannot be read
    :param alive: whether a driver sent a heartbeat within its lease
    :param number: number of the newest commit, even if that cannot be read
    :param known: newest readable commit, if the newest cannot be read; it tells whose run it is, never what is done
    :param last_sign: time of a dead driver's last heartbeat, in seconds by the store's clock, if it was asked for
    """

    path: str
    commit: Commit | None
    error: CheckpointError | None = None
    alive: bool = False
    number: int | None = None
    known: Commit | None = None
    last_sign: float | None = None

    @property
    def ended(self) -> bool:
        """Whether the run is known to be completed or discarded."""
        return self.commit is not None and self.commit.state.status in ENDED_STATUSES

    @property
    def standing(self) -> Standing:
        """How the run is doing."""
        if self.commit is None:
            return Standing.UNREADABLE
        return standing_of(self.commit.state.status, alive=self.alive)

    @property
    def since(self) -> float:
        """Start of this standing, in seconds since 1970: the newest commit, or a dead driver's last heartbeat."""
        if self.commit is None:
            return 0.0
        committed = datetime.fromisoformat(self.commit.state.updated_at).timestamp()
        return max(committed, self.last_sign or 0.0)

    @property
    def recorded(self) -> Commit | None:
        """The newest commit; for an unreadable run an older one, which tells whose run it is but not its progress."""
        if self.commit is not None or self.number is None:
            return self.commit
        state = unknown(self.path, self.number) if self.known is None else given_up(self.known.state)
        return Commit(self.number, state)


def unfinished_runs(store: CheckpointStore, pipeline_name: str | None = None) -> Iterator[RunEntry]:
    """Yield the units of work that are neither completed nor discarded: one list request, and two per unit at most.

    :param pipeline_name: name of the pipeline whose units to return; default: all pipelines
    :raises CheckpointError: the location cannot be listed
    """
    prefix = "" if pipeline_name is None else f"{pipeline_slug(pipeline_name)}/"
    paths = [path for path in sorted(open_units(store)) if path.startswith(prefix)]
    for entry in read_runs(store, paths, ReaderClock(store)):
        if entry is not None and not entry.ended:
            yield entry


def all_runs(store: CheckpointStore, pipeline_name: str | None = None) -> Iterator[RunEntry]:
    """Yield all units of work, ended or not. Costs a list and a read request for each, so it grows with history.

    :param pipeline_name: name of the pipeline whose units to return; default: all pipelines
    :raises CheckpointError: the location cannot be listed
    """
    now = ReaderClock(store)
    for pipeline in [pipeline_slug(pipeline_name)] if pipeline_name is not None else pipelines(store):
        found = read_runs(store, units(store, pipeline), now)
        yield from (entry for entry in found if entry is not None)


def pipelines(store: CheckpointStore) -> list[str]:
    """Return the directories of the pipelines in this location; other directories are left out.

    :raises CheckpointError: the location cannot be listed
    """
    return [name for name in store.list_directories("") if is_pipeline_name(name)]


def units(store: CheckpointStore, pipeline: str) -> list[str]:
    """Return the directories of all units of a pipeline, ended or not.

    :param pipeline: directory of the pipeline, relative to the location
    :raises CheckpointError: the units cannot be listed
    """
    found = (f"{pipeline}/{name}" for name in store.list_directories(pipeline))
    return [path for path in found if is_unit_path(path)]


def open_units(store: CheckpointStore) -> dict[str, float]:
    """Return the directories of the units that may be unfinished, with one list request.

    The number is the time of the unit's last claim, by the store's clock: a hint is written right before each claim. A
    unit in the result may have ended already; read it before relying on it.

    :raises CheckpointError: the location cannot be listed
    """
    found = {hint.name.replace("~", "/", 1): hint.modified for hint in store.list_objects(OPEN)}
    return {path: modified for path, modified in found.items() if is_unit_path(path)}


def foreign_hints(store: CheckpointStore) -> list[str]:
    """Return the full names of objects among the hints that do not name a unit: damaged, or foreign.

    :raises CheckpointError: the location cannot be listed
    """
    names = [hint.name for hint in store.list_objects(OPEN)]
    return [store.describe(f"{OPEN}/{name}") for name in names if not is_unit_path(name.replace("~", "/", 1))]


def read_runs(store: CheckpointStore, paths: Sequence[str], now: ReaderClock) -> Iterator[RunEntry | None]:
    """Return the results of :func:`read_run` for some units, in order; many may be listed with one request."""
    return read_listed(store, lambda path, listed: read_run(store, path, now, listed=listed), paths)


def read_run(
    store: CheckpointStore,
    path: str,
    now: float | ReaderClock,
    known: Commit | None = None,
    *,
    listed: list[StoredObject] | None = None,
) -> RunEntry | None:
    """Return the current state of a unit of work, or ``None`` if nothing is recorded.

    One list and at most two reads, and one more list if the newest commit is a claim and ``listed`` is ``None``.

    :param path: directory of the unit, relative to the location
    :param now: time by the store's clock, or a clock that is called only if a driver may be running
    :param known: commit of this unit that was read before; if it is still the newest, nothing is read
    :param listed: a listing of the unit, instead of the list request. It is never older than ``now``, if that is a
        number. What was recorded since is not seen, as if this had been called when it was made.
    """
    log = RunLog(store, path, retry_seconds=0)
    was_asked = isinstance(now, ReaderClock) and now.was_asked and listed is None
    try:
        listing = log.listing() if listed is None else listing_of(listed)
        if not listing.numbers:
            return None
        commit = log.newest_of(listing.numbers, known)
        # Units that were listed together would cost a list each; docs/protocol.md says what is shown instead.
        alone = listed is None and commit is not known
        if alone and not log.is_the_listed_one(commit, listing.numbers, 0.0):
            return _look_again(log, path, now)
        if isinstance(now, ReaderClock):
            if not listing.heartbeats or commit.state.status in ENDED_STATUSES:
                return RunEntry(path, commit, number=commit.number)
            if not was_asked:
                now()  # before the listing it is compared with; otherwise a heartbeat would look older than it is
                return read_run(store, path, now, commit)
            now = now()
    except ObjectNotFoundError:
        return _look_again(log, path, now)
    except (CorruptCheckpointError, UnsupportedCheckpointError) as error:
        return _unreadable(log, error)
    except CheckpointError as error:
        return RunEntry(path, None, error)
    return _entry_of(store, path, commit, listing, now)


def find_run(store: CheckpointStore, run_id: str) -> RunEntry | None:
    """Return the unit of work that has an attempt with this run id, or ``None`` if nothing is recorded.

    :raises ValueError: this is not a run id
    :raises CheckpointError: the store could not answer
    """
    path, _ = parse_run_id(run_id)
    return read_run(store, path, ReaderClock(store))


def discard(store: CheckpointStore, run_id: str, *, number: int | None = None) -> bool:
    """Discard the progress of a unit of work, so that its next attempt starts over. Returns whether there was any.

    A running driver stops at its next heartbeat or commit, whichever comes first.

    :param number: number of the commit that the decision is based on; if it is no longer the newest, nothing is
        discarded
    :raises ValueError: this is not a run id
    :raises SupersededError: another process recorded something at the same time; read the run again
    """
    path, _ = parse_run_id(run_id)
    return RunLog(store, path).discard(number=number) is not None


def _look_again(log: RunLog, path: str, now: float | ReaderClock) -> RunEntry | None:
    """Read the unit again: its newest commit, or its base, was cleaned up between list and read, so a newer exists.

    The one who cleaned up may be its driver, which is alive.
    """
    try:
        commit = log.latest()
        if commit is not None and commit.state.status not in ENDED_STATUSES:
            time = now() if isinstance(now, ReaderClock) else now  # before the listing it is compared with
            return _entry_of(log.store, path, commit, log.listing(), time)
    except (CorruptCheckpointError, UnsupportedCheckpointError) as error:
        return _unreadable(log, error)
    except CheckpointError as error:
        return RunEntry(path, None, error)
    return None if commit is None else RunEntry(path, commit, number=commit.number)


def _unreadable(log: RunLog, error: CheckpointError) -> RunEntry | None:
    """Return the entry of a run whose newest commit is damaged; an older commit may tell whose run it is."""
    try:
        numbers = log.listing().numbers
        known = newest_readable(log.read, numbers)
    except CheckpointError:
        return RunEntry(log.path, None, error)
    return RunEntry(log.path, None, error, number=numbers[-1] if numbers else None, known=known)


def _entry_of(store: CheckpointStore, path: str, commit: Commit, listing: Listing, now: float) -> RunEntry:
    return RunEntry(path, commit, number=commit.number, alive=bool(signs_of_life(store, commit, listing, now)))
