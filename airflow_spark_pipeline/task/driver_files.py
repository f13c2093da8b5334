"""The files for a driver in the private directory of one try: its launcher and its request."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from airflow_spark_pipeline.launch.archives import LAUNCHER
from airflow_spark_pipeline.launch.preflight import DriverHere, check_components
from airflow_spark_pipeline.protocol import DriverRequest

REQUEST = "request.json"
_CHECK = "check.json"


class DriverFiles:
    """Files of one try.

    :param directory: private to the try; gone when its task ends
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def launcher(self) -> Path:
        """Return the driver's launcher, alone in a directory."""
        # Python puts the launcher's directory first on the module path: nothing else may be there.
        # No import can name a file with a dash, so that not even the launcher hides a module of the user.
        launcher = self.directory / "launch" / "spark-pipeline.py"
        launcher.parent.mkdir()
        shutil.copy(LAUNCHER, launcher)
        return launcher

    def write(self, name: str, request: DriverRequest) -> Path:
        """Write a request, which may contain secrets, readable by this user only."""
        path = self.directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(request.to_json())
        return path

    def check(self, request: DriverRequest, driver: DriverHere, source: str | None) -> None:
        """Load the components as the driver on this machine would, see :func:`check_components`.

        :param request: without a token
        :raises PipelineDefinitionError: lists the problems of the components
        """
        file = self.write(_CHECK, request)
        check_components(file, driver, source)
        file.unlink()  # if this task is killed, no file with a secret is left
