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
    """A master and workers, whose executors find this environment's Python.

    :param directory: where they write
    :param environment: that they inherit
    :param workers: how many
    :param recovers: a master that is started again knows what it knew
    """

    def __init__(
        self, directory: Path, environment: Mapping[str, str], *, workers: int = 1, recovers: bool = False
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.workers = ["worker"] + [f"worker{number}" for number in range(2, workers + 1)]
        python = str(Path(sys.executable).parent)
        recovery = {"recoveryMode": "FILESYSTEM", "recoveryDirectory": str(directory / "recovery")} if recovers else {}
        self._environment = {
            **environment,
            "PATH": f"{python}{os.pathsep}{environment.get('PATH', '')}",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_MASTER_OPTS": " ".join(f"-Dspark.deploy.{name}={value}" for name, value in recovery.items()),
            "SPARK_WORKER_DIR": str(directory / "work"),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all; returns when the workers have registered."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start_master()
        for name in self.workers:
            self.start_worker(name)

    def start_master(self) -> None:
        """Start the master; returns when it runs."""
        self._start("master", _MASTER, "--host", "127.0.0.1", "--webui-port", "0", "--port", str(self.port))
        wait_for("a Spark master", lambda: "Starting Spark master" in self.log("master"), seconds=_SECONDS)

    def start_worker(self, name: str) -> None:
        """Start a worker; returns when it has registered."""
        place = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "6", "--memory", "6g"]
        self._start(name, _WORKER, *place, self.url)
        registered = "Successfully registered with master"
        wait_for(f"a Spark {name}", lambda: registered in self.log(name), seconds=_SECONDS)

    def pid(self, name: str) -> int:
        """The process of ``master`` or of a worker."""
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        """Kill one of the processes with -9; what it had started is left as it is."""
        process = self._processes.pop(name)
        process.kill()
        process.wait(30)

    def stop(self) -> None:
        for process in reversed(self._processes.values()):
            process.terminate()
            process.wait(30)

    def _start(self, name: str, main: str, *arguments: str) -> None:
        spark_class = Path(self._environment["SPARK_HOME"], "bin", "spark-class")
        with (self.directory / f"{name}.log").open("wb") as output:
            self._processes[name] = subprocess.Popen(
                [str(spark_class), main, *arguments],
                env=self._environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace")
