"""The platforms of these tests: how Airflow reaches each, which jobs it has started, and what it shows of them."""

from __future__ import annotations

import contextlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from airflow_spark_pipeline.checkpoint.key import pipeline_slug
from tests.acceptance.client import Run
from tests.acceptance.ledger import Entry
from tests.engines.clusters import Yarn, mini_yarn
from tests.engines.jars import spark_jars
from tests.platforms.livy_server import LivyServer

#: Of the worker, which reaches platforms and locations with them: no job may ever see them.
WORKER = ("password-of-the-worker",)


class Platform(ABC):
    """One platform, and every job that it has started."""

    #: The operator of its pipelines.
    operator: ClassVar[str]
    #: Whether it starts one job for each token.
    deduplicates: ClassVar[bool]
    #: Airflow's, by their ids.
    connections: Mapping[str, Mapping[str, Any]]
    #: Of the operator, beside those of the pipeline.
    arguments: Mapping[str, Any]

    def processes(self, driver: Entry) -> tuple[int, ...]:
        """The processes of a driver: its Python, and the JVM that has started it."""
        return driver.pid, driver.parent

    def jobs_of(self, run: Run) -> list[str]:
        """All that is shown of each job that was started for a run, in order."""
        slug = pipeline_slug(run.run_id)  # each run's pipeline has the run's name
        return [job for job in self.jobs() if slug in job]

    @abstractmethod
    def jobs(self) -> list[str]:
        """All that is shown of each job that was started, in order."""

    @abstractmethod
    def cancelled(self, run: Run) -> int:
        """How many jobs of a run were cancelled."""

    @abstractmethod
    def kept(self) -> Iterator[tuple[str, bytes]]:
        """What it keeps and anybody may read, by name: staged and recorded files, and the output of drivers."""


_RECOVERY = "livy.server.recovery"
_ON_YARN = {
    "livy.spark.master": "yarn",
    "livy.spark.deploy-mode": "cluster",
    f"{_RECOVERY}.mode": "recovery",  # which Livy offers on YARN alone
    f"{_RECOVERY}.state-store": "filesystem",
}
_SMALL = {"spark.driver.memory": "512m", "spark.executor.memory": "512m", "spark.executor.instances": "1"}


class Livy(Platform):
    """Apache Livy's own server.

    :param directory: of the server, of the checkpoints, and of YARN
    :param name: of Airflow's connection
    :param yarn: on which it starts drivers, instead of on this machine; it recovers its batches then
    """

    operator = "airflow_spark_pipeline.operators.livy.SparkPipelineLivyOperator"
    deduplicates = False

    def __init__(self, directory: Path, name: str, yarn: Yarn | None = None) -> None:
        self.directory = directory
        checkpoints = directory / "checkpoints"
        checkpoints.mkdir()
        on_yarn = {} if yarn is None else {**_ON_YARN, f"{_RECOVERY}.state-store.url": (directory / "state").as_uri()}
        hadoop = None if yarn is None else yarn.configuration
        self.server = LivyServer(directory / "server", checkpoints, on_yarn, hadoop)
        where = {"host": "127.0.0.1", "port": self.server.port}
        self.connections = {name: {"conn_type": "livy", **where, "login": "etl", "password": WORKER[0]}}
        self.arguments = {"livy_conn_id": name, "checkpoint_location": str(checkpoints)}
        if yarn is not None:
            python = {f"spark.{where}.PYSPARK_PYTHON": sys.executable for where in ("yarn.appMasterEnv", "executorEnv")}
            jars = {"spark.yarn.jars": f"local:{spark_jars()}/*"}
            self.arguments |= {"conf": {**_SMALL, **jars, **python}}

    def jobs(self) -> list[str]:
        return self.server.submissions

    def cancelled(self, run: Run) -> int:
        """A batch that was deleted is not known any more."""
        known = [batch for batch in self.server.batches() if (batch["name"] or "").startswith(f"{run.run_id} ")]
        return len(self.jobs_of(run)) - len(known)

    def kept(self) -> Iterator[tuple[str, bytes]]:
        yield from files(self.directory)
        for batch in self.server.batches():
            yield f"batch {batch['id']}", json.dumps(batch).encode()
            yield f"output of batch {batch['id']}", self.server.output(batch["id"]).encode()


def files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files below a directory, by name."""
    for file in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            yield str(file), file.read_bytes()


@contextlib.contextmanager
def on_livy(directory: Path, name: str = "livy", *, recovers: bool = False) -> Iterator[Livy]:
    with mini_yarn(directory) if recovers else contextlib.nullcontext() as yarn:
        platform = Livy(directory, name, yarn)
        with contextlib.closing(platform.server):
            platform.server.start()
            yield platform


#: Those that every test of deaths runs on.
EACH = ("livy",)
PLATFORMS: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Platform]]] = {
    "livy": on_livy,
    "livy_that_dies": partial(on_livy, name="livy_that_dies"),
    "livy_that_recovers": partial(on_livy, name="livy_that_recovers", recovers=True),
}
