"""The protocol between Airflow and the driver: the request, the token, and the exit codes.

The operator writes a :class:`DriverRequest` to a file of mode 0600 and starts the launcher with its path. The driver
answers through the checkpoint log. Its exit code and its output are only hints for people.

``PROTOCOL_VERSION`` is not the package's version: it changes when the meaning of a field changes. Standard library
only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_spark_pipeline import __version__
from airflow_spark_pipeline.exceptions import ProtocolMismatchError

PROTOCOL_VERSION = 1
#: File next to the request of a driver on the operator's machine: settings for ``spark-submit``, deleted with the
#: request.
SUBMIT_PROPERTIES = "spark-submit.properties"

EXIT_COMPLETED = 0
EXIT_COMPONENT_FAILED = 1
EXIT_DEFINITION = 2  # the description does not fit the code; no component ran
EXIT_SUPERSEDED = 3  # another attempt has taken over
EXIT_CHECKPOINT = 4  # progress could not be read or recorded
EXIT_JVM_LOST = 5  # the JVM ended under the driver
EXIT_PYTHON = 6  # the driver's Python is too old; the launcher says so


@dataclass(frozen=True, slots=True)
class Token:
    """The claim that allows a driver to start; a driver refuses to start if its token is not the newest in the log.

    :param number: number of the claim's commit
    """

    number: int
    attempt_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class ConnectTarget:
    """The Spark Connect server of a driver.

    :param url: connection string of the server; may contain a token
    :param py_files: paths of the modules that the server's Python needs for the user's functions
    """

    url: str
    py_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverRequest:
    """The data that a driver needs.

    :param pipeline: resolved description, in the form of ``PipelineSpec.to_dict()``
    :param location: checkpoint location
    :param storage_options: fsspec options for the location; may contain credentials
    :param unit: directory of the unit, relative to the location
    :param token: claim of the attempt; ``None`` if only the description is to be checked
    :param spark_config: Spark settings that must not appear in a command line
    :param lease_seconds: seconds without a heartbeat after which the driver counts as dead
    :param connect: Spark Connect server to use; ``None`` if Spark runs in this driver
    :param secret_names: further names of secrets, from Airflow's configuration
    :param local: whether Spark runs inside the driver's two processes (a ``local`` master), so that all work ends with
        them
    """

    pipeline: Mapping[str, Any]
    location: str = ""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    unit: str = ""
    token: Token | None = None
    spark_config: Mapping[str, str] = field(default_factory=dict)
    lease_seconds: float = 60.0
    local: bool = False
    connect: ConnectTarget | None = None
    secret_names: tuple[str, ...] = ()
    protocol_version: int = PROTOCOL_VERSION
    package_version: str = __version__

    def to_json(self) -> str:
        """Return the content of the request file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DriverRequest:
        """Read a request file.

        :raises ProtocolMismatchError: the file was written by an operator with another protocol version
        """
        raw = json.loads(text)
        version = raw.get("protocol_version")
        if version != PROTOCOL_VERSION:
            raise ProtocolMismatchError(
                f"The operator (airflow-spark-pipeline {raw.get('package_version')}) uses protocol "
                f"{version}, the driver (airflow-spark-pipeline {__version__}) protocol "
                f"{PROTOCOL_VERSION}. Remove the copy of airflow-spark-pipeline from the driver's "
                "environment; the operator ships its own."
            )
        token = raw.pop("token")
        connect = raw.pop("connect", None)
        names = tuple(raw.pop("secret_names", ()))
        return cls(
            **raw,
            secret_names=names,
            token=None if token is None else Token(**token),
            connect=None if connect is None else ConnectTarget(connect["url"], tuple(connect["py_files"])),
        )
