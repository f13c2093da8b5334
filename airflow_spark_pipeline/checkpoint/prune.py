"""Removes what is no longer needed: discards abandoned runs, and deletes the remaining objects of ended runs.

Guarantees: a run that is alive is never touched; pruning is safe while drivers or another ``prune`` are running.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, pipelines, read_run, units
from airflow_spark_pipeline.checkpoint.finished import copied_units
from airflow_spark_pipeline.checkpoint.kept import keeps
from airflow_spark_pipeline.checkpoint.key import pipeline_slug
from airflow_spark_pipeline.checkpoint.layout import HISTORY, commit_numbers, ended_hint, outputs_path
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.parallel import read_listed
from airflow_spark_pipeline.checkpoint.staged import prune_staged
from airflow_spark_pipeline.checkpoint.state import ENDED_STATUSES, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.exceptions import CheckpointError, SupersededError

log = logging.getLogger(__name__)

#: A last commit is kept for at least this many seconds, far above any pause of a process: three days.
TOMBSTONE_SECONDS = 3 * 24 * 3600.0


@dataclass(slots=True)
class PruneReport:
    """The runs that :func:`prune` removed or discarded, or would in a dry run.

    :param outputs: runs whose saved outputs were kept longer than ``keep-for``, and are deleted now
    """

    discarded: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    staged: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def add(self, other: PruneReport) -> None:
        """Add the runs of another report."""
        for name in self.__dataclass_fields__:
            getattr(self, name).extend(getattr(other, name))


def prune(
    store: CheckpointStore,
    older_than: float,
    *,
    pipeline_name: str | None = None,
    tombstone_seconds: float = TOMBSTONE_SECONDS,
    abandoned: bool = True,
    copied: bool = True,
    at_most: int | None = None,
    dry_run: bool = False,
) -> PruneReport:
    """Discard abandoned runs, and remove the remaining objects of ended runs.

    :param older_than: minimum age of the newest object of a run, in seconds by the store's clock
    :param pipeline_name: name of the pipeline whose runs to prune; default: all pipelines
    :param tombstone_seconds: minimum age of the last commit of an ended run in seconds, regardless of ``older_than``
    :param abandoned: whether to discard runs that did not end, too
    :param copied: whether to remove the runs that ``cleanup-on-success = false`` keeps, with their copies, too
    :param at_most: maximum number of runs to check per pipeline, chosen at random, so that frequent calls reach all
    :param dry_run: whether to report only, without changing anything
    :raises CheckpointError: the location cannot be listed
    """
    report, now = PruneReport(), ReaderClock(store)
    for pipeline in [pipeline_slug(pipeline_name)] if pipeline_name is not None else pipelines(store):
        paths, with_outputs = units(store, pipeline), _with_outputs(store, pipeline)
        # A run is kept with its last commit: if only its copy stayed, a run that starts at 0 again could end on the
        # number of that copy.
        kept = set() if copied else copied_units(store, pipeline)
        paths = [path for path in paths if path not in kept or path in with_outputs]  # of the others nothing goes
        if at_most is not None and at_most < len(paths):
            paths = random.sample(paths, at_most)
        if paths:
            now()  # before the listings it is compared with

        def one(
            path: str,
            listed: list[StoredObject] | None,
            with_outputs: set[str] = with_outputs,
            kept: set[str] = kept,
        ) -> PruneReport:
            work = _Pruning(
                store, path, now, older_than, tombstone_seconds, abandoned, path in with_outputs, path in kept
            )
            return PruneReport() if listed and work.is_spared(listed) else work.prune(dry_run=dry_run)

        for each in read_listed(store, one, paths):
            report.add(each)
        if copied and not dry_run:
            _delete_copies(store, pipeline, now, older_than)
    if pipeline_name is None:

        def is_alive(unit: str) -> bool:
            entry = read_run(store, unit, now)
            return entry is not None and entry.alive

        report.staged += prune_staged(store.at_location or store, now, older_than, is_alive, dry_run=dry_run)
    return report


def _delete_copies(store: CheckpointStore, pipeline: str, now: ReaderClock, older_than: float) -> None:
    for found in store.list_objects(f"{pipeline}/{HISTORY}"):
        if now() - found.modified > older_than:
            store.delete(f"{pipeline}/{HISTORY}/{found.name}")


def _with_outputs(store: CheckpointStore, pipeline: str) -> set[str]:
    """Return the units of a pipeline that have saved outputs."""
    return {f"{pipeline}/{name}" for name in (store.at_location or store).list_directories(outputs_path(pipeline))}


@dataclass(frozen=True, slots=True)
class _Pruning:
    """The pruning of one unit of work."""

    store: CheckpointStore
    path: str
    clock: ReaderClock
    older_than: float
    tombstone_seconds: float
    abandoned: bool
    has_outputs: bool
    is_kept: bool

    def is_spared(self, listed: list[StoredObject]) -> bool:
        """Whether nothing has to be done, even if more was written since the listing: that only makes it younger."""
        age = self.clock() - max(found.modified for found in listed)
        return not self._is_old(age) and not self.has_outputs

    def _is_old(self, age: float) -> bool:
        return age > self.older_than and not self.is_kept

    def prune(self, *, dry_run: bool) -> PruneReport:
        report = PruneReport()
        try:
            self._prune(report, dry_run=dry_run)
        except CheckpointError as error:
            log.warning("The run in %s could not be pruned: %s", self.path, error)
            report.unreadable.append(self.path)
        return report

    def _prune(self, report: PruneReport, *, dry_run: bool) -> None:
        now = self.clock()  # before the listing it is compared with
        seen = self.store.list_objects(self.path)
        age = now - max((found.modified for found in seen), default=now)
        is_old = self._is_old(age)
        entry = read_run(self.store, self.path, now) if is_old or self.has_outputs else None
        if entry is None or (entry.commit is not None and keeps(entry.commit.state, age)):
            return
        if entry.number is not None and entry.number not in commit_numbers(found.name for found in seen):
            return  # it was recorded since the listing that the age is of
        if not is_old:
            self._delete_kept_outputs(entry, report, dry_run=dry_run)
        elif entry.alive:
            report.alive.append(self.path)
        elif entry.commit is None:
            report.unreadable.append(self.path)
        elif entry.commit.state.status not in ENDED_STATUSES:
            if self.abandoned and (dry_run or self._discard(entry.commit)):
                report.discarded.append(self.path)
        elif age > self.tombstone_seconds:
            if not dry_run:
                self._remove(entry.commit, [found.name for found in seen])
            report.removed.append(self.path)

    def _delete_kept_outputs(self, entry: RunEntry, report: PruneReport, *, dry_run: bool) -> None:
        """Delete the saved outputs of a completed run whose ``keep-for`` is over; the rest follows when it is old."""
        commit = entry.commit
        if entry.alive or commit is None or commit.state.kept_seconds is None:
            return
        if commit.state.status is CheckpointStatus.COMPLETED:
            if not dry_run:
                RunLog(self.store, self.path).delete_outputs(commit)
            report.outputs.append(self.path)

    def _discard(self, commit: Commit) -> bool:
        try:
            RunLog(self.store, self.path).discard(number=commit.number)
        except SupersededError:
            return False  # a driver is running in it again
        return True

    def _remove(self, commit: Commit, seen: list[str]) -> None:
        """Delete only the objects that were listed: a task that is cleared now may be claiming the unit.

        Nothing was written here for longer than any process can be paused, so no late writer can find its number free.
        """
        log = RunLog(self.store, self.path)
        log.retire(commit)
        newest = log.name_of(commit.number)
        for name in sorted(seen, key=lambda name: name == newest):  # last, so that a crash here loses nothing
            log.delete(name)
        self.store.delete(ended_hint(self.path))
        self.store.remove_if_empty(self.path)
