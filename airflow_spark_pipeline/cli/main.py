"""From the arguments of a call to its exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    ComponentFailedError,
    LeaseLostError,
    RunAtWorkError,
    SparkPipelineError,
    SupersededError,
)

_INTERRUPTED = 130
_EXIT = (  # the first that fits counts
    (ComponentFailedError, 1),
    ((SupersededError, RunAtWorkError), 3),
    ((CheckpointError, LeaseLostError), 4),
    (SparkPipelineError, 2),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of the console script. Returns its exit code."""
    from airflow_spark_pipeline.cli.parser import build

    return perform(build().parse_args(arguments))


def perform(arguments: argparse.Namespace) -> int:
    """Run the command that parsed arguments name; errors of the user are one message."""
    from airflow_spark_pipeline.cli import commands
    from airflow_spark_pipeline.cli.modules import modules_of

    command: Callable[[Any], int] = getattr(commands, arguments.command)
    try:
        with modules_of(getattr(arguments, "file", None), getattr(arguments, "py_files", ())):
            code = command(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SparkPipelineError as error:
        sys.stderr.write(f"{error}\n")
        return next(code for kinds, code in _EXIT if isinstance(error, kinds))


if __name__ == "__main__":
    sys.exit(main())
