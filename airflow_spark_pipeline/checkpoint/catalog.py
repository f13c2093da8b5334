"""What a location holds: the unfinished runs, the run of an id, and the clean-up of what nobody needs any more.

Promises: listing unfinished runs costs in proportion to them, not to history; one unreadable run does not hide the
others; ``prune`` never touches a run that is alive, and is safe beside running drivers and beside another ``prune``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_spark_pipeline.checkpoint.discard import given_up, newest_readable, unknown
from airflow_spark_pipeline.checkpoint.key import is_pipeline_name, is_unit_path, parse_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock, signs_of_life
from airflow_spark_pipeline.checkpoint.log import HISTORY, OPEN, Listing, RunLog, ended_hint
from airflow_spark_pipeline.checkpoint.standing import Standing, standing_of
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    CorruptCheckpointError,
    SupersededError,
    UnsupportedCheckpointError,
)

_ENDED = (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED)

#: A last commit is kept for at least this many seconds, far above any pause of a process: three days.
TOMBSTONE_SECONDS = 3 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A unit of work in a listing.

    :param path: its directory, relative to the location
    :param commit: the newest commit, ``None`` where it cannot be read
    :param error: why it cannot be read
    :param alive: whether a driver showed a sign of life within its lease
    :param number: of the newest commit, also where that cannot be read
    :param known: where it cannot, the newest commit that can: for whose run it is, never for what is done
    """

    path: str
    commit: Commit | None
    error: CheckpointError | None = None
    alive: bool = False
    number: int | None = None
    known: Commit | None = None

    @property
    def ended(self) -> bool:
        """Whether it is known to be completed or discarded."""
        return self.commit is not None and self.commit.state.status in _ENDED

    @property
    def standing(self) -> Standing:
        """How the run is doing."""
        if self.commit is None:
            return Standing.UNREADABLE
        return standing_of(self.commit.state.status, alive=self.alive)

    @property
    def recorded(self) -> Commit | None:
        """The newest commit; of a run that cannot be read one that says whose it is, and of no progress."""
        if self.commit is not None or self.number is None:
            return self.commit
        state = unknown(self.path, self.number) if self.known is None else given_up(self.known.state)
        return Commit(self.number, state)


@dataclass(slots=True)
class PruneReport:
    """What :func:`prune` did, or would do."""

    discarded: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def unfinished_runs(store: CheckpointStore, pipeline_name: str | None = None) -> Iterator[RunEntry]:
    """Give the units of work that are neither completed nor discarded: one list, and two requests for each.

    :param pipeline_name: only those of this pipeline
    :raises CheckpointError: the location cannot be listed
    """
    prefix = "" if pipeline_name is None else f"{pipeline_slug(pipeline_name)}/"
    now = ReaderClock(store)
    for path in sorted(open_units(store)):
        if not path.startswith(prefix):
            continue
        entry = look(store, path, now)
        if entry is not None and not entry.ended:
            yield entry


def all_runs(store: CheckpointStore, pipeline_name: str | None = None) -> Iterator[RunEntry]:
    """Give every unit of work that is kept, ended or not: a list and a read for each, so it costs what history costs.

    :param pipeline_name: only those of this pipeline
    :raises CheckpointError: the location cannot be listed
    """
    now = ReaderClock(store)
    for pipeline in [pipeline_slug(pipeline_name)] if pipeline_name is not None else pipelines(store):
        for path in units(store, pipeline):
            entry = look(store, path, now)
            if entry is not None:
                yield entry


def pipelines(store: CheckpointStore) -> list[str]:
    """Return the directories of the pipelines of which anything is stored; what others keep there is left out.

    :raises CheckpointError: the location cannot be listed
    """
    return [name for name in store.list_directories("") if is_pipeline_name(name)]


def units(store: CheckpointStore, pipeline: str) -> list[str]:
    """Return the directories of all units of a pipeline, ended or not.

    :param pipeline: its directory
    :raises CheckpointError: they cannot be listed
    """
    found = (f"{pipeline}/{name}" for name in store.list_directories(pipeline))
    return [path for path in found if is_unit_path(path)]


def open_units(store: CheckpointStore) -> dict[str, float]:
    """Return the directories of the units that may be unfinished, by one list.

    The number is when the unit was last claimed, by the store's clock: a hint is written right before each claim. What
    is named here may have ended all the same; look at it before you believe it.

    :raises CheckpointError: the location cannot be listed
    """
    found = {hint.name.replace("~", "/", 1): hint.modified for hint in store.list_objects(OPEN)}
    return {path: modified for path, modified in found.items() if is_unit_path(path)}


def foreign_hints(store: CheckpointStore) -> list[str]:
    """Return the full names of what is among the hints and does not name a unit: damaged, or not ours.

    :raises CheckpointError: the location cannot be listed
    """
    names = [hint.name for hint in store.list_objects(OPEN)]
    return [store.describe(f"{OPEN}/{name}") for name in names if not is_unit_path(name.replace("~", "/", 1))]


def look(store: CheckpointStore, path: str, now: float | ReaderClock, known: Commit | None = None) -> RunEntry | None:
    """Return what a unit of work is like now, ``None`` where nothing is recorded: one list, and one read at most.

    :param path: its directory
    :param now: the time by the store's clock; a clock is asked only where a driver may be running
    :param known: a commit of this unit that was read before; where it is still the newest, nothing is read
    """
    log = RunLog(store, path, retry_seconds=0)
    try:
        listing = log.listing()
        if not listing.numbers:
            return None
        number = listing.numbers[-1]
        commit = known if known is not None and known.number == number else log.read(number)
        if isinstance(now, ReaderClock):
            if not listing.heartbeats or commit.state.status in _ENDED:
                return RunEntry(path, commit, number=commit.number)
            if not now.was_asked:
                now()  # before the listing that it is compared with, or a driver would look older than it is
                return look(store, path, now, commit)
            now = now()
    except ObjectNotFoundError:
        return _look_again(log, path)
    except (CorruptCheckpointError, UnsupportedCheckpointError) as error:
        return _unreadable(log, error)
    except CheckpointError as error:
        return RunEntry(path, None, error)
    return _entry_of(store, path, commit, listing, now)


def find_run(store: CheckpointStore, run_id: str) -> RunEntry | None:
    """Return the unit of work that the id of any of its attempts names, ``None`` where nothing is recorded.

    :raises ValueError: it is no run id
    :raises CheckpointError: the store could not answer
    """
    path, _ = parse_run_id(run_id)
    return look(store, path, ReaderClock(store))


def discard(store: CheckpointStore, run_id: str, *, number: int | None = None) -> bool:
    """Give up the progress of a unit of work, so that its next attempt starts over. Returns whether there was any.

    A driver that is at work stops at its next heartbeat or commit, whichever comes first.

    :param number: of the commit that the decision rests on; where it is not the newest any more, nothing is discarded
    :raises ValueError: it is no run id
    :raises SupersededError: somebody recorded something at the same moment; look again
    """
    path, _ = parse_run_id(run_id)
    return RunLog(store, path).discard(number=number) is not None


def prune(
    store: CheckpointStore,
    older_than: float,
    *,
    pipeline_name: str | None = None,
    tombstone_seconds: float = TOMBSTONE_SECONDS,
    abandoned: bool = True,
    at_most: int | None = None,
    dry_run: bool = False,
) -> PruneReport:
    """Discard abandoned runs, and remove what is left of ended ones.

    :param older_than: age in seconds, by the store's clock, of the newest object of a run
    :param pipeline_name: only runs of this pipeline
    :param tombstone_seconds: the last commit of an ended run stays for at least this long, whatever ``older_than`` says
    :param abandoned: also discard runs that did not end
    :param at_most: look at no more than this many runs of each pipeline, drawn at random: called often, it gets to all
    :param dry_run: only report
    :raises CheckpointError: the location cannot be listed
    """
    report, now = PruneReport(), ReaderClock(store)
    for pipeline in [pipeline_slug(pipeline_name)] if pipeline_name is not None else pipelines(store):
        paths = units(store, pipeline)
        if at_most is not None and at_most < len(paths):
            paths = random.sample(paths, at_most)
        for path in paths:
            work = _Pruning(store, path, now, older_than, tombstone_seconds, abandoned=abandoned)
            work.prune(report, dry_run=dry_run)
        if not dry_run:
            for found in store.list_objects(f"{pipeline}/{HISTORY}"):
                if now() - found.modified > older_than:
                    store.delete(f"{pipeline}/{HISTORY}/{found.name}")
    return report


@dataclass(frozen=True, slots=True)
class _Pruning:
    """What is to be done about one unit of work."""

    store: CheckpointStore
    path: str
    clock: ReaderClock
    older_than: float
    tombstone_seconds: float
    abandoned: bool

    def prune(self, report: PruneReport, *, dry_run: bool) -> None:
        now = self.clock()  # before the listing that it is compared with
        seen = self.store.list_objects(self.path)
        age = now - max((found.modified for found in seen), default=now)
        entry = look(self.store, self.path, now) if age > self.older_than else None
        if entry is None:
            return
        if entry.alive:
            report.alive.append(self.path)
        elif entry.commit is None:
            report.unreadable.append(self.path)
        elif entry.commit.state.status not in _ENDED:
            if self.abandoned and (dry_run or self._discard(entry.commit)):
                report.discarded.append(self.path)
        elif age > self.tombstone_seconds:
            report.removed.append(self.path)
            if not dry_run:
                self._remove(entry.commit, [found.name for found in seen])

    def _discard(self, commit: Commit) -> bool:
        try:
            RunLog(self.store, self.path).discard(number=commit.number)
        except SupersededError:
            return False  # it came back to life
        return True

    def _remove(self, commit: Commit, seen: list[str]) -> None:
        """Delete what was seen, and nothing else: a task that is cleared now may be claiming the unit.

        Nobody has written here for longer than any process sleeps, so no late writer can find its number free.
        """
        log = RunLog(self.store, self.path)
        log.retire(commit)
        newest = log.name_of(commit.number)
        for name in sorted(seen, key=lambda name: name == newest):  # last, so that who dies here has lost nothing
            log.delete(name)
        self.store.delete(ended_hint(self.path))


def _look_again(log: RunLog, path: str) -> RunEntry | None:
    """The newest commit was cleaned up between the list and the read: a newer one is there by now."""
    try:
        commit = log.latest()
    except CheckpointError as error:
        return RunEntry(path, None, error)
    return None if commit is None else RunEntry(path, commit, number=commit.number)


def _unreadable(log: RunLog, error: CheckpointError) -> RunEntry | None:
    """A run whose newest commit is damaged: whose it is may be told by an older one."""
    try:
        numbers = log.listing().numbers
        known = newest_readable(log, numbers)
    except CheckpointError:
        return RunEntry(log.path, None, error)
    return RunEntry(log.path, None, error, number=numbers[-1] if numbers else None, known=known)


def _entry_of(store: CheckpointStore, path: str, commit: Commit, listing: Listing, now: float) -> RunEntry:
    return RunEntry(path, commit, number=commit.number, alive=bool(signs_of_life(store, commit, listing, now)))
