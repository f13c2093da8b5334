"""Runs that have ended: what their units still hold, and the copies that ``cleanup-on-success = false`` keeps for good.

Promises: hints and copies are listed once for each pipeline, and only the newest ones that are asked for are read; one
that cannot be read hides no other. Does not promise completeness: ``prune`` removes both when they are old.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, look, pipelines
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.key import is_unit_path, parse_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock
from airflow_spark_pipeline.checkpoint.log import ENDED, HISTORY
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import CheckpointError

_COPY = re.compile(r"(?P<unit>.+)-(?P<number>\d{8,18})\.json", re.ASCII)
_DELETE = "Nothing depends on it: delete it, or restore it from a backup."


class _Ended(NamedTuple):
    """Something that says that a run ended.

    :param at: by the store's clock
    :param number: of the commit that was copied; ``None`` where the unit itself is to be looked at
    """

    at: float
    path: str
    number: int | None


def finished_runs(
    store: CheckpointStore, pipeline_name: str | None = None, *, limit: int | None = None, since: float | None = None
) -> Iterator[RunEntry]:
    """Give the runs that ended, the newest first.

    :param limit: at most so many
    :param since: ended at this moment or later, in seconds since 1970 by the store's clock
    :raises CheckpointError: the location cannot be listed
    """
    names = pipelines(store) if pipeline_name is None else [pipeline_slug(pipeline_name)]
    found = [each for pipeline in names for each in (*_copies(store, pipeline), *_hints(store, pipeline))]
    clock, given = ReaderClock(store), set[tuple[str, int | None]]()
    # Of the two that tell of one end the copy comes first: it is kept longer.
    for each in sorted(found, key=lambda each: (-each.at, each.number is None)):
        if since is not None and each.at < since:
            return
        entry = _entry(store, each, clock)
        if entry is None or (entry.path, entry.number) in given:
            continue
        given.add((entry.path, entry.number))
        yield entry
        if limit is not None and len(given) >= limit:
            return


def find_finished(store: CheckpointStore, run_id: str) -> RunEntry | None:
    """Return the copy that is kept of the finished run of this id, ``None`` where none is.

    :param run_id: of any of its attempts
    :raises ValueError: it is not a run id
    :raises CheckpointError: the copies cannot be listed
    """
    path, claim = parse_run_id(run_id)
    ends = [each for each in _copies(store, path.partition("/")[0]) if each.path == path]
    later = [each for each in ends if each.number is not None and each.number >= claim]
    # Numbers only grow: an attempt belongs to the first end that comes after its claim.
    first = min(later, key=lambda each: each.number or 0, default=None)
    return None if first is None else _entry(store, first, ReaderClock(store))


def newest_copy(store: CheckpointStore, path: str) -> RunEntry | None:
    """Return the newest copy that is kept of a unit's finished runs, ``None`` where none is.

    :raises CheckpointError: the copies cannot be listed
    """
    ends = [each for each in _copies(store, path.partition("/")[0]) if each.path == path]
    newest = max(ends, key=lambda each: each.number or 0, default=None)
    return None if newest is None else _entry(store, newest, ReaderClock(store))


def _copies(store: CheckpointStore, pipeline: str) -> Iterator[_Ended]:
    for found in store.list_objects(f"{pipeline}/{HISTORY}"):
        match = _COPY.fullmatch(found.name)
        if match is not None and is_unit_path(f"{pipeline}/{match['unit']}"):
            yield _Ended(found.modified, f"{pipeline}/{match['unit']}", int(match["number"]))


def _hints(store: CheckpointStore, pipeline: str) -> Iterator[_Ended]:
    for found in store.list_objects(f"{pipeline}/{ENDED}"):
        if is_unit_path(f"{pipeline}/{found.name}"):
            yield _Ended(found.modified, f"{pipeline}/{found.name}", None)


def _entry(store: CheckpointStore, ended: _Ended, clock: ReaderClock) -> RunEntry | None:
    if ended.number is None:
        entry = look(store, ended.path, clock)
        return entry if entry is not None and entry.ended else None  # claimed again meanwhile, or removed
    pipeline, _, unit = ended.path.partition("/")
    name = f"{pipeline}/{HISTORY}/{unit}-{ended.number:08d}.json"
    try:
        data, where = store.read(name), store.describe(name)
        state = decode(data, where, unit=ended.path, number=ended.number, way_out=_DELETE)
    except ObjectNotFoundError:
        return None
    except CheckpointError as error:
        return RunEntry(ended.path, None, error, number=ended.number)
    return RunEntry(ended.path, Commit(ended.number, state), number=ended.number)
