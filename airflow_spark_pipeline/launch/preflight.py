"""Checks the components before a JVM starts.

If the driver will run on this machine, the shipped runtime loads the components first, in a separate process with the
driver's Python and modules: a missing class or a wrong config is reported within a second or two. If that process
cannot tell (a module needs something that only the cluster has), the driver checks it later.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkInstallationError
from airflow_spark_pipeline.launch.driver_output import TEXT
from airflow_spark_pipeline.protocol import EXIT_PYTHON

_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DriverHere:
    """How the driver would be started on this machine.

    :param launcher: path of the driver's launcher
    :param python: path of the driver's Python
    :param path: entries for the front of the driver's module path
    :param variables: environment variables of the driver in addition to those of this process
    :param modules_elsewhere: whether the driver will have more modules than this machine, so that a missing one is not
        an error
    """

    launcher: Path
    python: str
    path: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    modules_elsewhere: bool = False

    def environment(self) -> dict[str, str]:
        """Return the environment of the driver's process."""
        environment = {name: value for name, value in os.environ.items() if name != "PYSPARK_GATEWAY_PORT"}
        environment |= {name: str(value) for name, value in self.variables.items()}
        inherited = [environment["PYTHONPATH"]] if environment.get("PYTHONPATH") else []
        return {**environment, "PYTHONPATH": os.pathsep.join([*self.path, *inherited])}


def check_components(request: Path, driver: DriverHere, source: str | None) -> None:
    """Load the components of a request.

    :param request: path of the request's file
    :param source: name of the description's file, for messages
    :raises PipelineDefinitionError: lists the problems of the components
    :raises SparkInstallationError: the driver's Python is too old
    """
    try:
        result = subprocess.run(
            [driver.python, str(driver.launcher), "check", str(request)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            **TEXT,
            timeout=_SECONDS,
            env=driver.environment(),
            check=False,
        )
        if result.returncode == EXIT_PYTHON:
            raise SparkInstallationError(result.stdout.strip())
        # The user's modules may print anything while they are imported.
        answer = json.loads(
            next(line for line in reversed(result.stdout.splitlines()) if line.startswith('{"problems"'))
        )
        problems = [Problem(**problem) for problem in answer["problems"]]
    except (OSError, subprocess.TimeoutExpired, StopIteration, ValueError, LookupError, TypeError) as error:
        log.info("The components could not be checked before the submission (%s); the driver checks them.", error)
        return
    if driver.modules_elsewhere:
        problems = [problem for problem in problems if problem.missing_module is None]
    if problems:
        raise PipelineDefinitionError(
            Problem(p.message, path=p.path, file=p.file or source, line=p.line) for p in problems
        )
