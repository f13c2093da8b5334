"""A Spark Connect server on loopback, by the ``spark-submit`` of pip's pyspark; its Python has nothing but pyspark."""

from __future__ import annotations

import os
import socket
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest

TOKEN = "hunter2-of-connect"
_MAIN = "org.apache.spark.sql.connect.service.SparkConnectServer"
_START_SECONDS = 180.0


class ConnectServer:
    """One server; can be stopped, killed and started again at the same address.

    :param directory: where it writes, and where its Python is made
    :param settings: of Spark, on the command line
    :param environment: beside this process's
    :param master: where its executors are
    :param python: of its executors; by default one of this process's version that has nothing
    """

    def __init__(
        self,
        directory: Path,
        settings: dict[str, str] | None = None,
        environment: dict[str, str] | None = None,
        *,
        master: str = "local[2]",
        python: Path | None = None,
    ) -> None:
        import pyspark

        if not list(Path(pyspark.__file__).parent.glob("jars/spark-connect_*.jar")):
            pytest.skip("this pyspark brings no Spark Connect server")
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = _free_port()
        self.python = python
        self._master = master
        self._home = Path(pyspark.__file__).parent
        self._settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.driver.host": "127.0.0.1",
            "spark.log.level": "WARN",
            # Spark's own functions in Python need pyarrow on the server else, and here it has nothing.
            "spark.sql.execution.pythonUDF.arrow.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.warehouse.dir": (directory / "warehouse").as_uri(),
            "spark.ui.enabled": "false",
            **(settings or {}),
        }
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, with its token: Spark's client sends one without TLS to localhost alone."""
        return f"sc://localhost:{self.port}/;token={TOKEN}"

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection to it."""
        return {
            "conn_type": "spark_connect",
            "host": "localhost",
            "port": self.port,
            "login": "etl",
            "password": TOKEN,
        }

    def start(self) -> None:
        """Start it; returns when it can be connected to."""
        from tests.acceptance.deployment import SHORT_LIVED_JVM, wait_for

        if self.python is None:
            bare = self.directory / "python"
            venv.create(bare, symlinks=True)
            self.python = bare / "bin" / "python"
        environment = {
            **{
                name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYSPARK_DRIVER_PYTHON")
            },
            "PYSPARK_PYTHON": str(self.python),
            "SPARK_CONNECT_AUTHENTICATE_TOKEN": TOKEN,
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_DIRS": str(self.directory),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            **self._environment,
        }
        settings = [word for name, value in self._settings.items() for word in ("--conf", f"{name}={value}")]
        command = [str(self._home / "bin" / "spark-submit"), "--class", _MAIN, "--master", self._master, *settings]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*command, "spark-internal"], env=environment, cwd=self.directory, stdout=output, stderr=output
            )
        wait_for("a Spark Connect server", self._answers, seconds=_START_SECONDS, alive=self._check)

    def stop(self) -> None:
        """End it as its administrator does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def kill(self) -> None:
        """End it with -9; no session of it is ever known again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except OSError:
            return False
        return True

    def _check(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended: {self.log.read_text(encoding='utf-8', errors='replace')[-4000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
