"""A look at the components before a JVM starts.

Where the driver runs on this machine, the shipped runtime is asked, in a process of its own and with the driver's
Python and modules, to load the components: a missing class or a config that does not fit is then known within a second
or two. Where that process cannot say (a module needs what only the cluster has), the driver finds out itself.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkInstallationError
from airflow_spark_pipeline.launch.driver_output import TEXT
from airflow_spark_pipeline.protocol import EXIT_PYTHON

_SECONDS = 60.0

log = logging.getLogger(__name__)


def check_components(
    request: Path,
    *,
    launcher: Path,
    python: str,
    path: Sequence[str],
    variables: Mapping[str, str],
    modules_elsewhere: bool,
    source: str | None,
) -> None:
    """Load the components of a request.

    :param request: the request's file
    :param launcher: the driver's launcher
    :param python: the driver's Python
    :param path: its module path, in front of its own
    :param variables: what its environment has beside this process's
    :param modules_elsewhere: it will see more modules than are here, so that a missing one is no mistake
    :param source: the description's file, for messages
    :raises PipelineDefinitionError: what is wrong with them
    :raises SparkInstallationError: the driver's Python is too old
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYSPARK_GATEWAY_PORT"}
    environment |= {name: str(value) for name, value in variables.items()}
    inherited = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
    environment["PYTHONPATH"] = os.pathsep.join([*path, *inherited])
    try:
        result = subprocess.run(
            [python, str(launcher), "check", str(request)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **TEXT,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
        if result.returncode == EXIT_PYTHON:
            raise SparkInstallationError(result.stdout.strip())
        # Modules of the user may print what they like while they are imported.
        answer = json.loads(
            next(line for line in reversed(result.stdout.splitlines()) if line.startswith('{"problems"'))
        )
        problems = [Problem(**problem) for problem in answer["problems"]]
    except (OSError, subprocess.TimeoutExpired, StopIteration, ValueError, LookupError, TypeError) as error:
        log.info("The components could not be checked before the submission (%s); the driver checks them.", error)
        return
    if modules_elsewhere:
        problems = [problem for problem in problems if problem.missing_module is None]
    if problems:
        raise PipelineDefinitionError(
            Problem(p.message, path=p.path, file=p.file or source, line=p.line) for p in problems
        )
