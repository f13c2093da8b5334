"""Finds the units of work of a task instance. The names are computed from its key, never taken from a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, pipelines
from airflow_spark_pipeline.checkpoint.discard import unknown
from airflow_spark_pipeline.checkpoint.finished import newest_copy
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.plugins.page.attempts import attempts
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey
from airflow_spark_pipeline.plugins.page.models import Attempt

_ABSENT_SECONDS = 30.0  # how long an answer is kept that a location has nothing of a task instance


@dataclass(frozen=True, slots=True)
class Found:
    """A unit of work, and what its attempts did if that was asked for."""

    entry: RunEntry
    attempts: list[Attempt]


class Finder:
    """Finds units in one location.

    :param namespace: namespace of this deployment; what others recorded is never found
    :param clock: returns monotonic seconds
    """

    def __init__(self, cache: LocationCache, namespace: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._namespace = namespace
        self._clock = clock
        self._pipelines: dict[tuple[str, str], str] = {}
        self._absent: dict[str, float] = {}

    def find(self, key: TaskKey, *, history: bool = False) -> list[Found]:
        """Return the current state of a task instance's units.

        :param history: whether to add what each attempt did
        :raises CheckpointError: the location cannot be read
        """
        directory = UnitKey(self._namespace, *key).directory
        found = [self._cache.look(path) for path in self._open(directory)]
        entries = [entry for entry in found if entry is not None] or self._search(key, directory)
        for entry in entries:
            if entry.number is None and entry.error is not None:  # the store gave no answer, which is not "nothing"
                raise entry.error
        named = [self._named(entry, key) for entry in entries]
        return [Found(entry, self._history(entry) if history else []) for entry in named]

    def _named(self, entry: RunEntry, key: TaskKey) -> RunEntry:
        """Give an unreadable unit the key from which its directory was computed."""
        if entry.number is None or entry.commit is not None or entry.known is not None:
            return entry
        state = replace(unknown(entry.path, entry.number), key=UnitKey(self._namespace, *key))
        return replace(entry, known=Commit(entry.number, state))

    def _open(self, directory: str) -> list[str]:
        return [entry.path for entry in self._cache.entries() if entry.path.partition("/")[2] == directory]

    def _search(self, key: TaskKey, directory: str) -> list[RunEntry]:
        """Look for the unit in each pipeline of the location: ended runs are not in a list of hints."""
        task = (key[0], key[2])
        usual = self._pipelines.get(task)
        if usual is not None and (entry := self._cache.look(f"{usual}/{directory}")) is not None:
            return [entry]
        if self._clock() < self._absent.get(directory, 0.0):
            return []
        for pipeline in pipelines(self._cache.store):
            entry = self._cache.look(f"{pipeline}/{directory}")
            if entry is not None:
                self._pipelines[task] = pipeline
                return [entry]
        for pipeline in pipelines(self._cache.store):  # removed by prune; otherwise kept forever
            entry = newest_copy(self._cache.store, f"{pipeline}/{directory}")
            if entry is not None:
                return [entry]
        self._absent[directory] = self._clock() + _ABSENT_SECONDS
        return []

    def _history(self, entry: RunEntry) -> list[Attempt]:
        if entry.commit is None:
            return []
        return attempts(
            entry.commit, entry.standing, lambda number, run_id: self._cache.commit(entry.path, number, run_id)
        )
