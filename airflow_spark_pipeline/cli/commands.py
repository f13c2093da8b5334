"""The commands. Each function returns an exit code; ``main`` reports its errors.

A command imports what it alone needs: ``validate`` in a pre-commit hook would otherwise load the driver.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint import catalog
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.cli.modules import archives_of, modules_of
from airflow_spark_pipeline.cli.output import OUTPUT
from airflow_spark_pipeline.cli.places import open_place, open_to_read
from airflow_spark_pipeline.cli.printing import err, out
from airflow_spark_pipeline.cli.project import write_project
from airflow_spark_pipeline.cli.run_choice import last_run, newest_first, numbers_of, run_id_of
from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
    NothingToResumeError,
)
from airflow_spark_pipeline.planning import Selection

if TYPE_CHECKING:
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec
    from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner

_DONE, _FAILED, _CANNOT, _INTERRUPTED = 0, 1, 2, 130


def init(arguments: Namespace) -> int:
    """Write a project."""
    directory = Path(arguments.directory)
    for file in write_project(directory):
        out(str(file.relative_to(directory.expanduser().absolute())))
    err("Run it:" if arguments.directory == "." else f"Run it: cd {shlex.quote(arguments.directory)}, then")
    err("    spark-pipeline run dags/orders.conf")
    return _DONE


def components(arguments: Namespace) -> int:
    """List the components that can be named."""
    from airflow_spark_pipeline.cli.component_listing import list_components

    return list_components(arguments)


def validate(arguments: Namespace) -> int:
    """Print every problem of every file."""
    from airflow_spark_pipeline.cli.checking import check_file
    from airflow_spark_pipeline.cli.describing import values_in
    from airflow_spark_pipeline.pipeline.secret_references import unknown_variables

    found, values = 0, values_in(arguments.values_files)
    for file in arguments.files:
        with modules_of(file, arguments.py_files, forget=True):
            checked = check_file(file, arguments.settings, values, classes=not arguments.no_classes)
        found += len(checked.problems)
        for problem in checked.problems:
            out(" ".join(str(replace(problem, file=problem.file or file)).split()))
        for warning in checked.warnings:
            err(f"warning: {replace(warning, file=warning.file or file)}")
        if checked.unchecked:
            how = " ".join(f"--set {name}=…" for name in checked.unchecked)
            err(f"{file}: values that depend on {', '.join(checked.unchecked)} are not checked; set a value with {how}")
        if checked.spec is not None and not checked.problems:
            for path, name in unknown_variables(checked.spec, os.environ):
                err(f"{file}: {path}: {name} is not set here; it is only checked where the driver runs")
        if not checked.problems:
            err(f"{file}: OK")
    return _CANNOT if found else _DONE


def plan(arguments: Namespace) -> int:
    """Print what would run."""
    spec, runner = _runner(arguments)
    steps = runner.plan(spec, arguments.run_id, selection=_selection(arguments))
    if arguments.json:
        data = [{"index": s.index, "name": s.name, "action": s.action.value, "reason": s.reason} for s in steps.steps]
        printing.as_json({"resumedFrom": steps.resumed_from, "steps": data})
        return _DONE
    out(f"resumes {steps.resumed_from}" if steps.resumed_from else "starts from nothing")
    total = len(steps.steps)
    printing.table([[f"[{s.index + 1}/{total}]", s.name, s.action.value, s.reason] for s in steps.steps])
    return _DONE


def run(arguments: Namespace) -> int:
    """Run a pipeline."""
    spec, runner = _runner(arguments)
    selection, auto_resume = _selection(arguments), arguments.auto_resume
    return _perform(
        arguments,
        spec,
        runner,
        lambda: runner.run_with_checkpointing(spec, auto_resume=auto_resume, selection=selection),
    )


def resume(arguments: Namespace) -> int:
    """Resume a run."""
    spec, runner = _runner(arguments)
    selection = _selection(arguments)
    if arguments.run_id is None:
        place = open_place(arguments, spec)
        place.require()
        arguments.run_id = last_run(place.store, spec.pipeline_name)
        err(f"Resuming {arguments.run_id}")
    return _perform(arguments, spec, runner, lambda: runner.resume(spec, arguments.run_id, selection=selection))


def script(arguments: Namespace) -> int:
    """Print the file that spark-submit takes."""
    out(str(Path(__file__).with_name("script") / "spark_pipeline_cli.py"))
    return _DONE


def runs(arguments: Namespace) -> int:
    """List runs."""
    store = open_to_read(arguments).store
    entries = newest_first(entry for entry in _entries(store, arguments) if _wanted(entry, arguments))
    for name in catalog.foreign_hints(store):
        err(f"{name} does not name a run. If it was a hint, --all lists its run.")
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
        printing.as_json({**entry.commit.state.to_dict(), "state": entry.standing.value})
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
    }
    if arguments.json:
        printing.as_json({"dryRun": arguments.dry_run, **found})
        return _DONE
    for what, paths in found.items():
        would = "would be " if arguments.dry_run and what in ("discarded", "removed", "staged") else ""
        for path in paths:
            out(f"{would}{'removed' if what == 'staged' else what}  {path}")
    err(", ".join(f"{len(paths)} {what}" for what, paths in found.items() if paths or what != "staged"))
    return _DONE


# ---- shared by several commands


def _runner(arguments: Namespace) -> tuple[PipelineSpec, PipelineRunner]:
    from airflow_spark_pipeline.cli.describing import describe, values_in
    from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner

    spec = describe(arguments.file, arguments.settings, values_in(arguments.values_files))
    for warning in spec.warnings:
        err(f"warning: {warning}")
    if spec.checkpoint.with_defaults(enabled=True).enabled:
        place = open_place(arguments, spec)
        if getattr(arguments, "run_id", None) is not None:
            place.require()  # there can be no such run
            arguments.run_id = run_id_of(place.store, arguments.run_id)
        given: dict[str, Any] = {
            "location": place.location.location,
            "storage_options": place.options,
            "store": place.store,
        }
    else:
        given = {}
    return spec, PipelineRunner(**given, py_files=archives_of(arguments.py_files))


def _numbered(store: CheckpointStore, entries: list[RunEntry]) -> list[list[str]]:
    """Return the cells of the rows; the number of a row does not depend on the filters."""
    rows = [printing.run_line(entry) for entry in entries]
    if all(entry.ended for entry in entries):
        return rows
    numbers = numbers_of(catalog.unfinished_runs(store))
    return [[str(numbers.get(entry.path, "")), *row] for entry, row in zip(entries, rows, strict=True)]


def _selection(arguments: Namespace) -> Selection | None:
    asked = Selection(arguments.start_from, tuple(arguments.only), tuple(arguments.force), arguments.stop_after)
    return None if asked == Selection() else asked


def _perform(arguments: Namespace, spec: PipelineSpec, runner: PipelineRunner, work: Callable[[], object]) -> int:
    """Run a pipeline; if it does not complete, the last line is the command that resumes it."""
    from airflow_spark_pipeline.runtime.component.logs import LogPrinter
    from airflow_spark_pipeline.secrets import Redactor

    try:
        with LogPrinter.of(spec, Redactor(spec.to_dict()).mask):
            work()
    except (ComponentFailedError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        err("Interrupted." if interrupted else str(error).partition("\nResume it")[0])
        if runner.run_id is not None:
            where = "stopped" if interrupted else "failed"
            err(f"To resume where it {where}: {_resume_command(arguments, runner.run_id)}")
        return _INTERRUPTED if interrupted else _FAILED
    return _DONE


def _resume_command(arguments: Namespace, run_id: str) -> str:
    from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit

    words = ["resume", arguments.file, run_id]
    for name, value in arguments.settings:
        words += ["--set", f"{name}={value}"]
    for values in arguments.values_files:
        words += ["--values", values]
    for file in arguments.py_files:
        words += ["--py-files", file]
    for option, value in (("--location", arguments.location), ("--conn-id", arguments.conn_id)):
        words += [option, value] if value else []
    # The options of spark-submit are not known here.
    command = "spark-submit … $(spark-pipeline script)" if started_by_spark_submit() else "spark-pipeline"
    return f"{command} {shlex.join(words)}"


def _entries(store: CheckpointStore, arguments: Namespace) -> Iterator[RunEntry]:
    if arguments.finished:
        from airflow_spark_pipeline.checkpoint.finished import finished_runs

        since = None if arguments.since is None else time.time() - arguments.since
        yield from finished_runs(store, arguments.pipeline, limit=arguments.limit, since=since)
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
    age = printing.age_of(entry.commit.state)
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
        raise NothingToResumeError(f"No run {run_id} exists in {store.location}.", run_id=run_id)
    return entry


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    OUTPUT.flush()
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
