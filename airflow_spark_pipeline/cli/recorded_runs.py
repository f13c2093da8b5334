"""The commands that look at recorded runs and manage them. Each function returns an exit code."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator

from airflow_spark_pipeline.checkpoint import catalog
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.cli.command_table import FINISHED_SHOWN
from airflow_spark_pipeline.cli.location_choice import open_place, open_to_read
from airflow_spark_pipeline.cli.output import OUTPUT
from airflow_spark_pipeline.cli.printing import err, out
from airflow_spark_pipeline.cli.run_choice import newest_first, numbers_of, run_id_of
from airflow_spark_pipeline.exceptions import NothingToResumeError

_DONE, _CANNOT = 0, 2
#: What rarely occurs in a clean-up, and what to say of it.
_DONE_TO = {"staged": "removed", "outputs": "saved outputs removed"}


def runs(arguments: Namespace) -> int:
    """List runs."""
    store = open_to_read(arguments).store
    entries = newest_first(entry for entry in _entries(store, arguments) if _wanted(entry, arguments))
    for name in catalog.foreign_hints(store):
        err(f"{name} does not name a run, so an unfinished run may be missing here; --all lists every run.")
    if arguments.json:
        printing.as_json([printing.run_data(entry) for entry in entries])
        return _DONE
    rows = _numbered(store, entries)
    for entry, lines in zip(entries, printing.columns(rows, cut=True), strict=True):
        for line in lines:
            out(line)
        if entry.recorded is not None:
            out(f"    {entry.recorded.state.run_id}")
    if not entries:
        err(f"No such run in {store.location}.")
    return _DONE


def show(arguments: Namespace) -> int:
    """Show a run."""
    store = open_to_read(arguments).store
    arguments.run_id = run_id_of(store, arguments.run_id, finished=True)
    entry = _find(store, arguments.run_id, finished=True)
    if entry.commit is None:
        raise entry.error or NothingToResumeError("it cannot be read", run_id=arguments.run_id)
    if arguments.json:
        from airflow_spark_pipeline.checkpoint.encoding import to_json

        printing.as_json({**to_json(entry.commit.state), "state": entry.standing.value})
    else:
        printing.show_run(entry, entry.commit.state, traceback=arguments.traceback)
    return _DONE


def discard(arguments: Namespace) -> int:
    """Discard a run."""
    place = open_place(arguments)
    place.require()
    store = place.store
    arguments.run_id = run_id_of(store, arguments.run_id)
    entry = _find(store, arguments.run_id)
    if entry.commit is None and entry.number is None:  # the store gave no answer
        raise entry.error or NothingToResumeError("it cannot be read", run_id=arguments.run_id)
    printing.table([printing.run_line(entry)])
    if entry.ended:
        err("It has ended; there is no progress to discard.")
        return _DONE
    if not arguments.yes and not _confirmed("Discard its progress?"):
        err("Nothing was done. Use --yes to discard without a question.")
        return _CANNOT
    catalog.discard(store, arguments.run_id, number=entry.number)
    err("Discarded: the next attempt starts over.")
    return _DONE


def prune(arguments: Namespace) -> int:
    """Clean a location up."""
    from airflow_spark_pipeline.checkpoint.prune import prune as prune_location

    if arguments.dry_run:
        place = open_to_read(arguments)
    else:
        place = open_place(arguments)
        place.require()
    err(f"Looking through {place.store.location} …")
    report = prune_location(
        place.store, arguments.older_than, pipeline_name=arguments.pipeline, dry_run=arguments.dry_run
    )
    found = {
        "discarded": report.discarded,
        "removed": report.removed,
        "alive": report.alive,
        "unreadable": report.unreadable,
        "staged": report.staged,
        "outputs": report.outputs,
    }
    if arguments.json:
        printing.as_json({"dryRun": arguments.dry_run, **found})
        return _DONE
    for what, paths in found.items():
        would = "would be " if arguments.dry_run and what in ("discarded", "removed", "staged", "outputs") else ""
        for path in paths:
            out(f"{would}{_DONE_TO.get(what, what)}  {path}")
    err(", ".join(f"{len(paths)} {what}" for what, paths in found.items() if paths or what not in _DONE_TO))
    return _DONE


def _numbered(store: CheckpointStore, entries: list[RunEntry]) -> list[list[str]]:
    """Return the cells of the rows; the number of a row does not depend on the filters."""
    rows = [printing.run_line(entry) for entry in entries]
    if all(entry.ended for entry in entries):
        return rows
    numbers = numbers_of(catalog.unfinished_runs(store))
    return [[str(numbers.get(entry.path, "")), *row] for entry, row in zip(entries, rows, strict=True)]


def _entries(store: CheckpointStore, arguments: Namespace) -> Iterator[RunEntry]:
    if arguments.finished:
        from airflow_spark_pipeline.checkpoint.finished import finished_runs

        since = None if arguments.since is None else time.time() - arguments.since
        yield from finished_runs(store, arguments.pipeline, limit=arguments.limit or FINISHED_SHOWN, since=since)
        return
    if not arguments.all:
        yield from catalog.unfinished_runs(store, arguments.pipeline)
        return
    yield from catalog.all_runs(store, arguments.pipeline)


def _wanted(entry: RunEntry, arguments: Namespace) -> bool:
    if arguments.state is not None and entry.standing.value != arguments.state:
        return False
    if entry.commit is None:
        return True
    age = max(printing.age_of(entry.commit.state), 0.0)  # another machine's clock may be ahead
    oldest = float("inf") if arguments.newer_than is None else arguments.newer_than
    return (arguments.older_than or 0.0) <= age <= oldest


def _find(store: CheckpointStore, run_id: str, *, finished: bool = False) -> RunEntry:
    """Return the run that has an attempt with this id.

    :param finished: whether to search the kept copies of finished runs, whose unit may have started another run since
    """
    from airflow_spark_pipeline.checkpoint.finished import find_finished

    try:
        entry = catalog.find_run(store, run_id)
        kept = find_finished(store, run_id) if finished else None
        if kept is not None and (entry is None or (kept.number or 0) < (entry.number or 0)):
            entry = kept
    except ValueError as error:
        raise NothingToResumeError(str(error), run_id=run_id) from None
    if entry is None:
        raise NothingToResumeError(
            f"No run {run_id} exists in {store.location}. `spark-pipeline runs --all` lists every run.", run_id=run_id
        )
    return entry


def _confirmed(question: str) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    OUTPUT.flush()
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
