"""Apache Livy's own server on loopback, which starts a real ``spark-submit`` on this machine for each batch.

Livy 0.7.1 is the newest release on Maven Central. It warns of a Spark that is newer than 3.0.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.deployment import SHORT_LIVED_JVM, carriers, free_port, wait_for
from tests.engines.jars import fetched

_VERSION = "0.7.1-incubating"
_MAIN = "org.apache.livy.server.LivyServer"
_MARK = "LIVY_TEST_MARK"
_SECONDS = 120.0
#: What Livy and its Hadoop 2.7 reach into, and Java 17 has closed.
_OPENED = ("java.io", "java.lang", "java.lang.reflect", "java.net", "java.nio", "java.util", "java.util.concurrent")
_LOGGING = """
log4j.rootCategory=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{HH:mm:ss} %p %c{1}: %m%n
"""


class LivyServer:
    """One server; can be stopped, killed and started again at the same address.

    :param directory: where it and its drivers write
    :param readable: from where batches may take their files
    :param settings: of Livy
    :param hadoop: directory of the configuration of a YARN
    """

    def __init__(
        self, directory: Path, readable: Path, settings: Mapping[str, str] | None = None, hadoop: Path | None = None
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self._mark = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._hadoop = hadoop
        for name in ("conf", "logs"):
            (directory / name).mkdir(parents=True)
        options = {
            "livy.cache-log.size": "10000",
            "livy.file.local-dir-whitelist": str(readable),
            "livy.server.host": "127.0.0.1",
            "livy.server.port": str(self.port),
            "livy.spark.master": "local[1]",
            **(settings or {}),
        }
        lines = "".join(f"{name} = {value}\n" for name, value in options.items())
        (directory / "conf" / "livy.conf").write_text(lines, encoding="utf-8")
        (directory / "conf" / "log4j.properties").write_text(_LOGGING, encoding="utf-8")

    def start(self) -> None:
        """Start it; returns when it answers."""
        import pyspark

        configurations = [str(each) for each in (self.directory / "conf", self._hadoop) if each is not None]
        path = os.pathsep.join([*configurations, fetched("livy", _VERSION)])
        opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in (*_OPENED, "sun.nio.ch")]
        command = [f"{os.environ['JAVA_HOME']}/bin/java", *opens, "-Xmx400m", "-cp", path, _MAIN]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "JAVA_HOME": os.environ["JAVA_HOME"],
            "LIVY_CONF_DIR": str(self.directory / "conf"),
            "LIVY_HOME": str(self.directory),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_SUBMIT_OPTS": SHORT_LIVED_JVM,
            _MARK: self._mark,
            **({} if self._hadoop is None else {"HADOOP_CONF_DIR": str(self._hadoop)}),
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_for("Apache Livy", self._answers, seconds=_SECONDS, alive=self._check)

    def stop(self) -> None:
        """End it as its administrator does: without recovery, it ends its batches."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS)

    def kill(self) -> None:
        """End it with -9: its batches run on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, and every driver that it has started."""
        self.stop()
        for pid, _ in carriers(f"{_MARK}={self._mark}"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def submissions(self) -> list[str]:
        """The command line of each ``spark-submit`` that it has started, in order."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if " SparkProcessBuilder: Running " in line]

    def batches(self) -> list[dict[str, Any]]:
        """What it knows of its batches: not of those that were deleted, nor of any before it was started again."""
        found: list[dict[str, Any]] = self._get("/batches", size=1000)["sessions"]
        return found

    def output(self, batch: int) -> str:
        """What a batch has printed."""
        return "\n".join(self._get(f"/batches/{batch}/log", size=10_000)["log"])

    def _get(self, path: str, **params: Any) -> Any:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", params=params, timeout=30.0).raise_for_status().json()

    def _answers(self) -> bool:
        try:
            self.batches()
        except httpx.HTTPError:
            return False
        return True

    def _check(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Livy ended: {self.log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
