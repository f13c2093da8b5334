"""The commands. Each function returns an exit code; ``main`` reports its errors.

A command imports what it alone needs: ``validate`` in a pre-commit hook would otherwise load the driver.
"""

from __future__ import annotations

import os
import shlex
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.cli.graph import mermaid_lines, text_rows, wave_of
from airflow_spark_pipeline.cli.location_choice import open_place
from airflow_spark_pipeline.cli.modules import archives_of, modules_of
from airflow_spark_pipeline.cli.output import OUTPUT, complain
from airflow_spark_pipeline.cli.printing import err, out
from airflow_spark_pipeline.cli.project import write_project
from airflow_spark_pipeline.cli.recorded_runs import discard, prune, runs, show
from airflow_spark_pipeline.cli.run_choice import last_run, run_id_of
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import Plan, Selection, Waits
from airflow_spark_pipeline.secrets import MASK, mask, mask_text

if TYPE_CHECKING:
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec
    from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner

__all__ = [
    "components",
    "discard",
    "init",
    "plan",
    "prune",
    "resume",
    "run",
    "runs",
    "script",
    "show",
    "validate",
]

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
    from airflow_spark_pipeline.cli.description import values_in
    from airflow_spark_pipeline.cli.validation import check_file
    from airflow_spark_pipeline.pipeline.secret_references import unknown_variables

    found, values = 0, values_in(arguments.values_files)
    for file in arguments.files:
        with modules_of(file, arguments.py_files, forget=True):
            checked = check_file(file, arguments.settings, values, classes=not arguments.no_classes)
        found += len(checked.problems)
        for problem in checked.problems:
            shown = replace(problem, message=OUTPUT.masked(problem.message), path=OUTPUT.masked(problem.path))
            out(" ".join(str(replace(shown, file=problem.file or file)).split()))
        for warning in checked.warnings:
            err(f"warning: {replace(warning, file=warning.file or file)}")
        if checked.unchecked:
            how = " ".join(f"--set {name}=…" for name in checked.unchecked)
            err(f"{file}: values that depend on {', '.join(checked.unchecked)} are not checked; set a value with {how}")
        if checked.spec is not None and not checked.problems:
            for path, name in unknown_variables(checked.spec, os.environ):
                err(f"{file}: {path}: the environment variable {name} is not set here; the driver needs it")
        if not checked.problems:
            err(f"{file}: OK")
    return _CANNOT if found else _DONE


def plan(arguments: Namespace) -> int:
    """Print what would run."""
    spec, runner = _runner(arguments)
    steps = runner.plan(spec, arguments.run_id, selection=_selection(arguments))
    waits = runner.waits(spec) if arguments.graph or spec.parallelism > 1 else None
    if arguments.graph and waits is not None:
        _draw(steps, waits, arguments.graph)
        return _DONE
    wave = {} if waits is None else wave_of(steps, waits)
    if arguments.json:
        data = [
            {"index": s.index, "name": s.name, "action": s.action.value, "reason": s.reason}
            | ({"wave": wave.get(s.name)} if wave else {})
            for s in steps.steps
        ]
        printing.as_json({"resumedFrom": steps.resumed_from, "steps": data})
        return _DONE
    out(f"resumes {steps.resumed_from}" if steps.resumed_from else "starts a new run")
    total = len(steps.steps)
    printing.table(
        [
            [
                f"[{s.index + 1}/{total}]",
                s.name,
                s.action.value,
                *([f"wave {wave[s.name]}" if s.name in wave else ""] if wave else []),
                s.reason,
            ]
            for s in steps.steps
        ]
    )
    return _DONE


def _draw(steps: Plan, waits: Waits, form: str) -> None:
    if form == "mermaid":
        for line in mermaid_lines(steps, waits):
            out(line)
        return
    printing.table(list(text_rows(steps, waits)))


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


# ---- shared by several commands


def _runner(arguments: Namespace) -> tuple[PipelineSpec, PipelineRunner]:
    from airflow_spark_pipeline.cli.description import describe, values_in
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
            command = _resume_command(arguments, runner.run_id)
            fill_in = f" (put the secrets in place of {MASK})" if MASK in command else ""
            complain(f"To resume where it {where}{fill_in}: {command}", masked=False)
        return _INTERRUPTED if interrupted else _FAILED
    return _DONE


def _resume_command(arguments: Namespace, run_id: str) -> str:
    from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit

    words = ["resume", arguments.file, run_id]
    for name, value in arguments.settings:
        words += ["--set", f"{name}={mask({name: value})[name]}"]  # the line ends up in the logs of CI
    for values in arguments.values_files:
        words += ["--values", values]
    for file in arguments.py_files:
        words += ["--py-files", file]
    for option, value in (("--location", arguments.location), ("--conn-id", arguments.conn_id)):
        words += [option, value] if value else []
    words = [mask_text(word) for word in words]
    # The options of spark-submit are not known here.
    command = "spark-submit … $(spark-pipeline script)" if started_by_spark_submit() else "spark-pipeline"
    return f"{command} {shlex.join(words)}"
