"""Finished runs: read from their units, and from the copies that ``cleanup-on-success = false`` keeps.

Guarantees: hints and copies are listed once per pipeline, and only the newest requested ones are read; an unreadable
one does not hide others. Not guaranteed: completeness, since ``prune`` removes both when they are old. The one after a
success in Airflow spares runs that have a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, pipelines, read_run
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.key import is_unit_path, parse_run_id, pipeline_slug
from airflow_spark_pipeline.checkpoint.layout import ENDED, HISTORY
from airflow_spark_pipeline.checkpoint.liveness import ReaderClock
from airflow_spark_pipeline.checkpoint.parallel import in_parallel
from airflow_spark_pipeline.checkpoint.state import Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError
from airflow_spark_pipeline.exceptions import CheckpointError

_COPY = re.compile(r"(?P<unit>.+)-(?P<number>\d{8,18})\.json", re.ASCII)
_DELETE = "Nothing depends on it: delete it, or restore it from a backup."


class _Ended(NamedTuple):
    """A hint or a copy of a run that ended.

    :param at: time of the hint or copy, in seconds by the store's clock
    :param number: number of the copied commit; ``None`` for a hint, whose unit is to be read
    """

    at: float
    path: str
    number: int | None


def finished_runs(
    store: CheckpointStore, pipeline_name: str | None = None, *, limit: int | None = None, since: float | None = None
) -> Iterator[RunEntry]:
    """Yield the runs that ended, the newest first.

    :param limit: maximum number of runs
    :param since: earliest end time, in seconds since 1970 by the store's clock
    :raises CheckpointError: the location cannot be listed
    """
    names = pipelines(store) if pipeline_name is None else [pipeline_slug(pipeline_name)]
    found = [each for pipeline in names for each in (*_copies(store, pipeline), *_hints(store, pipeline))]
    clock, given = ReaderClock(store), set[tuple[str, int | None]]()
    # If both a hint and a copy exist for one end, the copy comes first: it is kept longer.
    newest = sorted(found, key=lambda each: (-each.at, each.number is None))
    wanted = [each for each in newest if since is None or each.at >= since]
    for entry in in_parallel(store, lambda each: _entry(store, each, clock), wanted, ahead=limit):
        if entry is None or (entry.path, entry.number) in given:
            continue
        given.add((entry.path, entry.number))
        yield entry
        if limit is not None and len(given) >= limit:
            return


def find_finished(store: CheckpointStore, run_id: str) -> RunEntry | None:
    """Return the kept copy of the finished run with this id, or ``None`` if there is none.

    :param run_id: run id of any attempt of the run
    :raises ValueError: it is not a run id
    :raises CheckpointError: the copies cannot be listed
    """
    path, claim = parse_run_id(run_id)
    ends = [each for each in _copies(store, path.partition("/")[0]) if each.path == path]
    later = [each for each in ends if each.number is not None and each.number >= claim]
    # Numbers only grow, so an attempt belongs to the first end after its claim. Example: claims 0 and 7, ends 5 and 9:
    # the attempt of claim 7 belongs to 9.
    first = min(later, key=lambda each: each.number or 0, default=None)
    return None if first is None else _entry(store, first, ReaderClock(store))


def newest_copy(store: CheckpointStore, path: str) -> RunEntry | None:
    """Return the newest kept copy of a unit's finished runs, or ``None`` if there is none.

    :raises CheckpointError: the copies cannot be listed
    """
    ends = [each for each in _copies(store, path.partition("/")[0]) if each.path == path]
    newest = max(ends, key=lambda each: each.number or 0, default=None)
    return None if newest is None else _entry(store, newest, ReaderClock(store))


def copied_units(store: CheckpointStore, pipeline: str) -> set[str]:
    """Return the units of a pipeline of which a finished run is kept as a copy.

    :raises CheckpointError: the copies cannot be listed
    """
    return {each.path for each in _copies(store, pipeline)}


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
        entry = read_run(store, ended.path, clock)
        return entry if entry is not None and entry.ended else None  # claimed again or removed in the meantime
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
