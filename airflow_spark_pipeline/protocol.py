"""What Airflow hands the driver, and what it gets back.

The operator writes a :class:`DriverRequest` to a file of mode 0600 and starts the launcher with its path. The driver
answers through the checkpoint log, never through its exit code or its output alone: those only help people.

``PROTOCOL_VERSION`` is not the package's version: it changes when the meaning of a field does. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from airflow_spark_pipeline import __version__
from airflow_spark_pipeline.exceptions import ProtocolMismatchError

PROTOCOL_VERSION = 1
#: Beside the request of a driver on the operator's machine: settings for ``spark-submit``, removed with the request.
SUBMIT_PROPERTIES = "spark-submit.properties"

EXIT_COMPLETED = 0
EXIT_COMPONENT_FAILED = 1
EXIT_DEFINITION = 2  # the description does not fit the code; no component ran
EXIT_SUPERSEDED = 3  # another attempt is at work
EXIT_CHECKPOINT = 4  # progress could not be read or recorded
EXIT_JVM_LOST = 5  # the JVM ended under the driver
EXIT_PYTHON = 6  # the driver's Python is too old; the launcher says so


@dataclass(frozen=True, slots=True)
class Token:
    """The claim by which a driver may start; a driver whose token is not the log's newest refuses.

    :param number: of the claim's commit
    """

    number: int
    attempt_id: str
    nonce: str


@dataclass(frozen=True, slots=True)
class ConnectTarget:
    """The Spark Connect server that a driver works on.

    :param url: its connection string; may hold a token
    :param py_files: paths of the modules that the server's Python needs for functions of the user
    """

    url: str
    py_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DriverRequest:
    """Everything that a driver needs to know.

    :param pipeline: the resolved description, as ``PipelineSpec.to_dict()`` gives it
    :param location: checkpoint location
    :param storage_options: fsspec's options of the location; may hold credentials
    :param unit: the unit's directory, relative to the location
    :param token: the claim; ``None`` where only the description is to be checked
    :param spark_config: Spark settings that must not stand in a command line
    :param lease_seconds: after which a driver that shows no sign of life is taken for dead
    :param connect: the Spark Connect server to work on; ``None`` where Spark runs in this driver
    :param secret_names: what Airflow's configuration takes for the name of a secret, beside what we do
    :param local: Spark runs inside the driver's own two processes (a ``local`` master): when they are gone, all work is
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

        :raises ProtocolMismatchError: it was written by an operator that speaks another protocol
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
