"""Checks the components before a JVM starts.

If the driver will run on this machine, the shipped runtime loads the components first, in a separate process with the
driver's Python and modules: a missing class or a wrong config is reported within a second or two. If that process
cannot tell (a module needs something that only the cluster has), the driver checks it later.

What has passed on this worker is not checked again, so a retry starts its driver at once. That is safe, because the
driver loads the components before anything runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkInstallationError
from airflow_spark_pipeline.launch import worker_cache
from airflow_spark_pipeline.launch.driver_output import TEXT
from airflow_spark_pipeline.pipeline.code_digests import CodeFiles, user_roots
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

    def digest(self, request: bytes) -> str:
        """Return a digest of the request and of everything else that a check of it depends on, as far as it is known.

        That is the driver's Python, its modules and its variables, and the code of the classes that the request names.
        Not included are packages that are installed for this Python.
        """
        files = CodeFiles(user_roots(self.environment()["PYTHONPATH"].split(os.pathsep)))
        known = {
            "request": request.decode(),
            "python": self.python,
            "modules": [Path(each).name for each in self.path],  # of archives, a name contains their digest
            "variables": {name: str(value) for name, value in self.variables.items()},
            "modules_elsewhere": self.modules_elsewhere,
            "code": {name: files.digests(name, "") for name in sorted(set(_classes(json.loads(request))))},
        }
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:32]


def _classes(described: Any) -> Iterator[str]:
    """Yield the class of each component, hook and store."""
    if isinstance(described, dict):
        if isinstance(name := described.get("instance-type"), str):
            yield name
        described = list(described.values())
    for each in described if isinstance(described, list) else ():
        yield from _classes(each)


def check_components(request: Path, driver: DriverHere, source: str | None) -> None:
    """Load the components of a request, unless the same check has passed on this worker.

    :param request: path of the request's file
    :param source: name of the description's file, for messages
    :raises PipelineDefinitionError: lists the problems of the components
    :raises SparkInstallationError: the driver's Python is too old
    """
    passed = worker_cache.directory() / f"checked-{driver.digest(request.read_bytes())}"
    if passed.exists():
        with contextlib.suppress(OSError):  # another task may have removed it as too old
            os.utime(passed)
        return
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
    with contextlib.suppress(OSError):  # a full disk: the next try checks again
        worker_cache.forget_old()
        passed.touch(mode=0o600)
