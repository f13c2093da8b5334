"""Starts a real driver for each job of a stand-in, as its platform does, and ends it when the job is cancelled."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest
from tests.platforms.aws import REGION

#: From Spark's home and what the platform shows of a job to the command line of its driver.
Command = Callable[[str, Mapping[str, Any]], list[str]]
#: From the URL of a file to its path, where it is then.
Download = Callable[[str], str]
#: What Databricks does: it has a session, runs the file in it, and keeps the session.
KERNEL = """
import runpy, sys
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert spark.range(3).count() == 3
"""


def spark_submit(home: str, main: str, arguments: list[str], named: list[str]) -> list[str]:
    return [f"{home}/bin/spark-submit", "--master", "local[1]", *named, main, *arguments]


def of_livy(home: str, shown: Mapping[str, Any]) -> list[str]:
    asked = shown["request"]
    options = ["--py-files", ",".join(asked["pyFiles"])]
    for name, value in asked.get("conf", {}).items():
        options += ["--conf", f"{name}={value}"]
    return spark_submit(home, asked["file"], asked["args"], options)


def of_emr(part: str, download: Download) -> Command:
    """Return the command of EMR Serverless, which gives the driver its files.

    :param part: of the job driver
    """

    def command(home: str, shown: Mapping[str, Any]) -> list[str]:
        asked = shown["job_driver"][part]
        options = local(shlex.split(asked["sparkSubmitParameters"]), download)
        return spark_submit(home, download(asked["entryPoint"]), asked["entryPointArguments"], options)

    return command


def local(words: list[str], download: Download) -> list[str]:
    """Return options with the paths of the files that they name in S3."""
    return [",".join(map(download, word.split(","))) if word.startswith("s3://") else word for word in words]


def downloads(endpoint: str, folder: Path) -> Download:
    """Return a function that copies what is in S3 to a folder.

    :param endpoint: URL of the S3 server
    """
    import boto3

    s3 = boto3.client("s3", endpoint_url=endpoint)

    def download(url: str) -> str:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(file))
        return str(file)

    return download


def of_databricks(home: str, shown: Mapping[str, Any]) -> list[str]:
    task = shown["request"]["spark_python_task"]
    return [sys.executable, "-c", KERNEL, task["python_file"], *task["parameters"]]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of drivers: nothing of this process's but where things are.

    :param more: variables of the platform
    """
    import pyspark

    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "JAVA_HOME": os.environ["JAVA_HOME"],
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        **more,
    }


def of_the_job(endpoint: str) -> dict[str, str]:
    """Return the variables that give a driver an identity on the mock of AWS.

    :param endpoint: URL of moto's server
    """
    keys = {"AWS_ACCESS_KEY_ID": "identity-of-the-job", "AWS_SECRET_ACCESS_KEY": "planted"}
    return {**keys, "AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": REGION}


class Drivers:
    """The drivers of one platform.

    :param environment: of the drivers
    """

    def __init__(
        self,
        platform: PlatformUnderTest,
        command: Command,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.platform, self._command, self._folder = platform, command, folder
        self._environment = dict(environment)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        folder.mkdir()
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join(30)
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def _watch(self) -> None:
        while not self._closed.wait(0.2):
            cancelled = [json.dumps(job) for job in self.platform.cancelled()]
            for job in self.platform.jobs():
                key = json.dumps(job.id)
                process = self._processes.get(key)
                if process is None:
                    self._processes[key] = self._start(json.loads(job.shown))
                elif key in cancelled:
                    if process.poll() is None:
                        os.killpg(process.pid, signal.SIGKILL)
                elif process.poll() is not None:
                    reason = f"exit code {process.returncode}"
                    self.platform.end(job.id, succeeded=process.returncode == 0, reason=reason)

    def _start(self, shown: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        home = self._environment["SPARK_HOME"]
        with (self._folder / f"{len(self._processes):03}.log").open("wb") as log:
            return subprocess.Popen(
                self._command(home, shown),
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
