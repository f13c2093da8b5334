"""The entry point of the command line: runs a command and turns its result into an exit code."""
# PYTHON_ARGCOMPLETE_OK: argcomplete looks for this mark in the first kilobyte; without it, nothing is completed.

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from airflow_spark_pipeline.cli.output import OUTPUT, complain
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    ComponentFailedError,
    LeaseLostError,
    SparkInstallationError,
    SparkPipelineError,
    StillRunningError,
    SupersededError,
)

_WRONG, _INTERRUPTED = 2, 130
_EXIT = (  # the first match counts
    ((ComponentFailedError, SparkInstallationError), 1),
    ((SupersededError, StillRunningError), 3),
    ((CheckpointError, LeaseLostError), 4),
    (SparkPipelineError, 2),
)
#: The output of these commands is a progress report; that of all other commands is their result.
_RUNS = ("run", "resume")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the console script. Returns its exit code."""
    from airflow_spark_pipeline.cli.parser import build

    parser = build()
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions
        import argcomplete  # Airflow's own dependency

        argcomplete.autocomplete(parser)
    OUTPUT.prepare()
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as left:  # --help, --version, or wrong arguments
        raise SystemExit(OUTPUT.finish(left.code if isinstance(left.code, int) else 0)) from None
    return _perform(parsed)


def perform(arguments: argparse.Namespace) -> int:
    """Run the command of the parsed arguments; a user's error gives one message."""
    OUTPUT.prepare()
    return _perform(arguments)


def _perform(arguments: argparse.Namespace) -> int:
    has_result = arguments.command not in _RUNS
    with OUTPUT.results_only() if has_result else contextlib.nullcontext():
        code = _run(arguments)
    return OUTPUT.finish(code, has_result=has_result)


def _run(arguments: argparse.Namespace) -> int:
    from airflow_spark_pipeline.cli import commands
    from airflow_spark_pipeline.cli.contradictions import contradiction
    from airflow_spark_pipeline.cli.modules import modules_of

    OUTPUT.hide([getattr(arguments, "location", None)], dict(getattr(arguments, "settings", ())))
    if (problem := contradiction(arguments)) is not None:
        complain(problem)
        return _WRONG
    command: Callable[[Any], int] = getattr(commands, arguments.command)
    try:
        with modules_of(getattr(arguments, "file", None), getattr(arguments, "py_files", ())):
            return command(arguments)
    except KeyboardInterrupt:
        complain("Interrupted.")
        return _INTERRUPTED
    except SparkPipelineError as error:
        complain(str(error))
        return next(code for kinds, code in _EXIT if isinstance(error, kinds))


if __name__ == "__main__":
    sys.exit(main())
