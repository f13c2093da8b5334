"""What the routes answer: the runs of all locations that the user may see.

A location is read in its own threads, and waited for until a deadline. Queries of Airflow's database run in the
server's thread pool, as in Airflow's own routes. The event loop is never blocked.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow
from airflow_spark_pipeline.deployment.locations import configured
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError
from airflow_spark_pipeline.plugins.page.configured_locations import configured_places
from airflow_spark_pipeline.plugins.page.filters import Filters, Item, matches, sort
from airflow_spark_pipeline.plugins.page.finder import Finder, Found
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts, TaskKey, task_facts
from airflow_spark_pipeline.plugins.page.models import Location, Run, RunList
from airflow_spark_pipeline.plugins.page.rights import Rights
from airflow_spark_pipeline.plugins.page.run_models import make_row, task_keys
from airflow_spark_pipeline.plugins.page.tries import Kept, kept_of

#: Seconds that a list waits for the locations before it shows what is cached.
LIST_SECONDS = 3.0
#: Seconds that a request for one task instance waits for them.
FIND_SECONDS = 10.0
#: Seconds that it still waits for the others once one of them has answered it.
GRACE_SECONDS = 0.5
_MOMENT = 0.05  # for those that were late the last time, once another one has answered

#: States of runs that ended: they are listed only if a filter names them.
ENDED = (Standing.COMPLETED, Standing.DISCARDED)
#: Standings of a run that may change soon.
MOVING = {Standing.RUNNING, Standing.SUBMITTED}


_LocationState = Literal["ok", "loading", "slow", "error", "missing"]
T = TypeVar("T")


class Service:
    """The locations of this deployment; there is one instance for each API server process."""

    def __init__(self) -> None:
        take_names_of_airflow()  # as in the tasks: their fingerprints are compared
        self.namespace = configured("namespace") or "default"
        self.misconfigured: str | None = None
        self._slow: set[str] = set()  # ids of locations that were late the last time
        self._items: dict[tuple[str, str, int | None], Item] = {}  # of the last listing
        self.caches: list[LocationCache] = []
        try:
            self.caches = [LocationCache(place) for place in configured_places()]
        except CheckpointLocationError as error:
            self.misconfigured = str(error)
        self.finders = {cache.place.id: Finder(cache, self.namespace) for cache in self.caches}

    async def refreshed(self) -> set[str]:
        """Wait until every location is refreshed, or the time is over. Returns the ids of those that are late."""
        running = {cache.place.id: cache.refresh() for cache in self.caches}
        late = await self._answered(running, lambda _: True, LIST_SECONDS)
        return {cache.place.id for cache in self.caches if cache.place.id in late and not cache.loading}

    async def look_again(self, cache: LocationCache) -> None:
        """Wait until a location was looked at after a change, or the time is over; the others are not asked."""
        await _late({cache.place.id: cache.refresh(now=True)}, LIST_SECONDS)

    async def look_at_finished(self) -> set[str]:
        """Wait until the ended runs of every location are read. Returns the ids of those that are late."""
        running = {cache.place.id: cache.in_background(cache.look_at_finished) for cache in self.caches}
        late = await _late(running, FIND_SECONDS)
        for cache in self.caches:
            if cache.place.id in late:
                running[cache.place.id].cancel()
                continue
            with self._told(cache):
                running[cache.place.id].result()
        return late

    def locations(self, late: set[str], rights: Rights) -> list[Location]:
        """Return for each location whether it could be read."""
        found = [self._location(cache, late, rights) for cache in self.caches]
        if self.misconfigured is not None:
            found.append(Location(name="airflow.cfg", state="error", message=self.misconfigured))
        return found

    def runs(self, filters: Filters, rights: Rights, late: set[str]) -> RunList:
        """Return the runs that the user may see and that pass the filters; ended ones if a filter names them."""
        items = self._readable(rights, finished=filters.state in ENDED)
        matching = [item for item in items if matches(item, filters)]
        counts = Counter(item.state.value for item in matching)
        if filters.state is not None:
            matching = [item for item in matching if item.state is filters.state]
        sort(matching, filters.order_by)
        shown = rows(matching[filters.offset : filters.offset + filters.limit], rights)
        return RunList(
            runs=shown,
            total=len(matching),
            visible=len(items),
            counts=dict(sorted(counts.items())),
            dag_ids=sorted({item.key[0] for item in items}),
            pipelines=sorted({item.pipeline for item in items}),
            locations=self.locations(late, rights),
            active=any(item.state in MOVING for item in items)
            or any(row.task_pending or row.task_state == "up_for_retry" for row in shown)
            or any(cache.loading or (cache.place.id in late and not cache.seen) for cache in self.caches),
        )

    async def find(self, key: TaskKey, *, history: bool = False) -> tuple[list[tuple[LocationCache, Found]], set[str]]:
        """Return the units of a task instance in every location, and the ids of the locations that did not answer."""
        running = {
            cache.place.id: cache.in_background(
                functools.partial(self.finders[cache.place.id].find, key, history=history)
            )
            for cache in self.caches
        }
        late = await self._answered(running, lambda found: any(self._ours(each.entry, key) for each in found))
        for name in late:
            running[name].cancel()  # otherwise requests would pile up behind a location that hangs
        found: list[tuple[LocationCache, Found]] = []
        for cache in self.caches:
            if cache.place.id in late:
                continue
            with self._told(cache):
                found += [(cache, each) for each in running[cache.place.id].result() if self._ours(each.entry, key)]
        return found, late

    async def find_all(
        self, keys: list[TaskKey], *, history: bool = False
    ) -> tuple[list[tuple[TaskKey, LocationCache, Found]], set[str]]:
        """Return the units of several task instances, in their order."""
        answers = await asyncio.gather(*(self.find(key, history=history) for key in keys))
        found = [(key, cache, each) for key, (some, _) in zip(keys, answers, strict=True) for cache, each in some]
        return found, set().union(*(late for _, late in answers))

    async def _answered(
        self, running: Mapping[str, Future[T]], enough: Callable[[T], bool], seconds: float = FIND_SECONDS
    ) -> set[str]:
        """Wait for the locations' answers, for so long at most. Returns the ids of those that are late.

        Once one has found something, the others get only a short time; so does one that was late the last time.
        """
        waiting = {name: asyncio.wrap_future(future) for name, future in running.items()}
        until = time.monotonic() + seconds
        while open_ones := {name for name, future in waiting.items() if not future.done()}:
            found = any(_succeeded(future) and enough(future.result()) for future in waiting.values())
            slow = open_ones <= self._slow
            moment = seconds if not (found or slow) else _MOMENT if found and slow else GRACE_SECONDS
            left = min(moment, until - time.monotonic())
            if left <= 0:
                break
            done, _ = await asyncio.wait(
                [waiting[name] for name in open_ones], timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
        late = {name for name, future in running.items() if not future.done()}
        self._slow = (self._slow - running.keys()) | late
        return late

    @staticmethod
    @contextlib.contextmanager
    def _told(cache: LocationCache) -> Iterator[None]:
        """Note in the location's state what went wrong."""
        try:
            yield
        except CheckpointError as error:
            cache.find_trouble = str(error)
        else:
            cache.find_trouble = None

    def _ours(self, entry: RunEntry, key: TaskKey) -> bool:
        return self._key(entry) == key

    def _readable(self, rights: Rights, *, finished: bool) -> list[Item]:
        known, items = self._items, {}
        for cache in self.caches:
            for entry in (*cache.entries(), *(cache.finished() if finished else ())):
                name = (cache.place.id, entry.path, entry.number)  # several ends of a unit may be kept
                item = known.get(name)
                if item is None or item.entry is not entry:  # an entry never changes: what changed is another one
                    item = self._item(cache, entry)
                if item is not None:
                    items[name] = item
        self._items = items
        readable = rights.readable({item.key[0] for item in items.values()})
        return [item for item in items.values() if item.key[0] in readable]

    def _item(self, cache: LocationCache, entry: RunEntry) -> Item | None:
        key = self._key(entry)
        return None if key is None else Item(cache, entry, entry.standing, key)

    def _key(self, entry: RunEntry) -> TaskKey | None:
        """Return the owner of a unit; ``None`` for another deployment's unit, and for a run without a DAG."""
        if entry.recorded is None:
            return None
        key = entry.recorded.state.key
        if key.namespace != self.namespace or not key.dag_id:
            return None
        return TaskKey(key.dag_id, key.run_id, key.task_id, key.map_index, key.iteration)

    def _location(self, cache: LocationCache, late: set[str], rights: Rights) -> Location:
        broken = [entry for entry in cache.entries() if entry.commit is None]
        named = broken if broken and rights.administers() else []
        state: _LocationState
        if cache.place.id in late:
            state, message = "slow", "It does not answer in time; what is shown may be old."
        elif (trouble := cache.trouble or cache.find_trouble) is not None:
            state, message = "error", cache.place.hide_password(trouble)
        elif cache.loading:
            state, message = "loading", f"{cache.loading} runs are still to be read."
        elif cache.missing:
            state, message = "missing", "No run has recorded anything here yet, or the name is misspelled."
        else:
            state, message = "ok", ""
        return Location(
            name=cache.place.name,
            state=state,
            message=message or None,
            temporary=cache.place.temporary,
            unreadable=len(broken),
            problems=[cache.place.hide_password(str(entry.error)) for entry in named],
        )


def rows(items: list[Item], rights: Rights) -> list[Run]:
    """Return the rows of runs, with what Airflow knows of their tasks."""
    facts = task_facts([key for item in items for key in task_keys(item.recorded)], rights)
    kept = kept_of((item.key for item in items), descriptions=False)
    return [make_row(item.entry, item.cache.place.name, facts, kept.get(item.key, Kept())) for item in items]


def is_moving(task: TaskFacts) -> bool:
    """Whether the run, and with it the task's log, may change soon."""
    return task.pending or task.state == "up_for_retry"


async def _late(running: Mapping[str, Future[Any]], seconds: float) -> set[str]:
    """Wait, and return what is not done. What has started continues unattended; the rest is cancelled."""
    if not running:
        return set()
    waiting = {name: asyncio.wrap_future(future) for name, future in running.items()}
    await asyncio.wait(waiting.values(), timeout=seconds)
    return {name for name, future in running.items() if not future.done()}


def _succeeded(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
