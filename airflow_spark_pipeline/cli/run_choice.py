"""Which run a command means: a whole id, the beginning of one, the number of a row of ``runs``, or the last run.

The number of a row counts all unfinished runs of the location, newest first, so it is the same in every listing.
"""

from __future__ import annotations

from collections.abc import Iterable

from airflow_spark_pipeline.checkpoint import catalog
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.key import parse_run_id
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.cli.printing import age_of, ago
from airflow_spark_pipeline.exceptions import AmbiguousRunError, NothingToResumeError

_SHOWN = 10
_DIGITS = 18


def newest_first(entries: Iterable[RunEntry]) -> list[RunEntry]:
    """Return the entries by the time of their last update; runs that cannot be read come last."""
    by_path = sorted(entries, key=lambda entry: entry.path)
    return sorted(by_path, key=lambda e: "" if e.commit is None else e.commit.state.updated_at, reverse=True)


def numbers_of(entries: Iterable[RunEntry]) -> dict[str, int]:
    """Return the number of each unfinished run, by its path."""
    unfinished = (entry for entry in newest_first(entries) if not entry.ended)
    return {entry.path: number for number, entry in enumerate(unfinished, 1)}


def last_run(store: CheckpointStore, pipeline_name: str) -> str:
    """Return the id of the newest unfinished run of a pipeline.

    :raises NothingToResumeError: there is none
    :raises CheckpointError: the location cannot be listed
    """
    entry = next(iter(newest_first(catalog.unfinished_runs(store, pipeline_name))), None)
    run_id = None if entry is None else _id_of(entry)
    if run_id is None:
        raise NothingToResumeError(
            f"No unfinished run of {pipeline_name!r} exists in {store.location}. Start one with "
            "`spark-pipeline run`, or name another location.",
            run_id="",
        )
    return run_id


def run_id_of(store: CheckpointStore, text: str, *, finished: bool = False) -> str:
    """Return the run id that a text means.

    :param text: a run id, the beginning of one, or the number of a row of ``runs``
    :param finished: whether finished runs count as well
    :raises AmbiguousRunError: several runs have an id that begins like this
    :raises NothingToResumeError: there is no such run
    :raises CheckpointError: the location cannot be listed
    """
    if _is_whole(text):
        return text
    unfinished = newest_first(catalog.unfinished_runs(store))
    if text.isdecimal():
        return _of_row(unfinished, text, store)
    found = [entry for entry in unfinished if text and (_id_of(entry) or "").startswith(text)]
    if finished:
        from airflow_spark_pipeline.checkpoint.finished import finished_runs

        paths = {entry.path for entry in found}
        ended = (entry for entry in finished_runs(store) if (_id_of(entry) or "").startswith(text))
        found += [entry for entry in ended if text and entry.path not in paths]
    if not found:
        raise NothingToResumeError(
            f"No run in {store.location} has an id that begins with {text!r}. `spark-pipeline runs` lists the "
            "unfinished ones.",
            run_id=text,
        )
    if len(found) > 1:
        raise AmbiguousRunError(_candidates(text, found), run_id=text)
    return _id_of(found[0]) or text


def _is_whole(text: str) -> bool:
    try:
        parse_run_id(text)
    except ValueError:
        return False
    return True


def _of_row(unfinished: list[RunEntry], text: str, store: CheckpointStore) -> str:
    # Python does not read a number of thousands of digits.
    number, shown = (int(text), text) if len(text) <= _DIGITS else (0, f"with {len(text)} digits")
    run_id = _id_of(unfinished[number - 1]) if 1 <= number <= len(unfinished) else None
    if run_id is None:
        raise NothingToResumeError(
            f"There is no run {shown} in {store.location}: `spark-pipeline runs` has {len(unfinished)} "
            f"{'row' if len(unfinished) == 1 else 'rows'}.",
            run_id=text,
        )
    return run_id


def _candidates(text: str, found: list[RunEntry]) -> str:
    lines = [f"{len(found)} runs have an id that begins with {text!r}; write more of it:"]
    for entry in found[:_SHOWN]:
        age = "" if entry.commit is None else f", {ago(age_of(entry.commit.state))}"
        lines.append(f"    {_id_of(entry)}  ({entry.standing.value}{age})")
    return "\n".join([*lines, f"    … and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else lines)


def _id_of(entry: RunEntry) -> str | None:
    return None if entry.recorded is None else entry.recorded.state.run_id
