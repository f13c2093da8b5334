"""A Spark standalone cluster on loopback: one master, one worker, by the ``spark-class`` of pip's pyspark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyspark

from tests.acceptance.deployment import free_port, wait_for

_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_SECONDS = 120.0


class StandaloneCluster:
    """A master and a worker, whose executors find this environment's Python.

    :param directory: where they write
    :param environment: that they inherit
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.port = free_port()
        python = str(Path(sys.executable).parent)
        self._environment = {
            **environment,
            "PATH": f"{python}{os.pathsep}{environment.get('PATH', '')}",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_WORKER_DIR": str(directory / "work"),
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start both; returns when the worker has registered."""
        self.directory.mkdir(parents=True, exist_ok=True)
        ports = ["--host", "127.0.0.1", "--webui-port", "0"]
        self._start("master", _MASTER, *ports, "--port", str(self.port))
        wait_for("a Spark master", lambda: "Starting Spark master" in self._log("master"), seconds=_SECONDS)
        self._start("worker", _WORKER, *ports, "--cores", "6", "--memory", "6g", self.url)
        wait_for(
            "a Spark worker", lambda: "Successfully registered with master" in self._log("worker"), seconds=_SECONDS
        )

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)

    def _start(self, name: str, main: str, *arguments: str) -> None:
        spark_class = Path(self._environment["SPARK_HOME"], "bin", "spark-class")
        with (self.directory / f"{name}.log").open("wb") as output:
            self._processes.append(
                subprocess.Popen(
                    [str(spark_class), main, *arguments],
                    env=self._environment,
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def _log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace")
