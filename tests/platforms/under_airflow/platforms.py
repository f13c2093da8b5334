"""The platforms of these tests: how Airflow reaches each, which jobs it has started, and what it shows of them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from airflow_spark_pipeline.checkpoint.key import pipeline_slug
from airflow_spark_pipeline.testing.job_contract import PlatformUnderTest
from tests.acceptance.client import Run
from tests.acceptance.ledger import Entry
from tests.engines.clusters import Yarn, mini_yarn
from tests.engines.jars import spark_jars
from tests.platforms import databricks, emr_serverless
from tests.platforms.aws import REGION, ROLE, make_bucket, objects
from tests.platforms.drivers import Drivers, downloads, environment, of_databricks, of_emr, of_the_job
from tests.platforms.livy_server import LivyServer
from tests.s3_server import s3_server

#: Of the worker, which reaches platforms and locations with them: no job may ever see them.
WORKER = ("password-of-the-worker", "key-id-of-the-worker", "identity-of-the-worker", "token-of-the-worker")


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


class OnStandIn(Platform):
    """A stand-in for a platform, with a real driver for each job.

    :param drivers: folder of the drivers
    """

    deduplicates = True

    def __init__(self, stand_in: PlatformUnderTest, drivers: Path) -> None:
        self.stand_in = stand_in
        self.drivers = drivers

    def jobs(self) -> list[str]:
        return [job.shown for job in self.stand_in.jobs()]

    def cancelled(self, run: Run) -> int:
        slug = pipeline_slug(run.run_id)
        cancelled = self.stand_in.cancelled()
        return len([job for job in self.stand_in.jobs() if slug in job.shown and job.id in cancelled])

    def kept(self) -> Iterator[tuple[str, bytes]]:
        yield from files(self.drivers)


class EmrServerless(OnStandIn):
    """EMR Serverless: moto's API, and its S3 for staged files and checkpoints.

    :param endpoint: URL of moto's server
    """

    operator = "airflow_spark_pipeline.operators.emr_serverless.SparkPipelineEmrServerlessOperator"

    def __init__(self, stand_in: emr_serverless.EmrServerless, drivers: Path, endpoint: str) -> None:
        super().__init__(stand_in, drivers)
        self.endpoint = endpoint
        make_bucket(endpoint, "lake")
        extra = {"endpoint_url": endpoint, "region_name": REGION}
        keys = {"login": "key-id-of-the-worker", "password": "password-of-the-worker"}
        self.connections = {"lake": {"conn_type": "aws", **keys, "extra": extra}}
        self.arguments = {
            "application_id": stand_in.application,
            "execution_role_arn": ROLE,
            "aws_conn_id": "lake",
            "checkpoint_location": "s3://lake/checkpoints",
            "checkpoint_conn_id": "lake",
        }

    def kept(self) -> Iterator[tuple[str, bytes]]:
        yield from super().kept()
        yield from objects(self.endpoint, "lake")


class Databricks(OnStandIn):
    """Databricks: a stand-in for its Jobs API, whose drivers run in the session that it gives.

    :param checkpoints: directory that Airflow and the drivers reach
    """

    operator = "airflow_spark_pipeline.operators.databricks.SparkPipelineDatabricksOperator"

    def __init__(self, stand_in: databricks.Databricks, drivers: Path, checkpoints: Path) -> None:
        super().__init__(stand_in, drivers)
        self.checkpoints = checkpoints
        self.connections = {"databricks": json.loads(os.environ["AIRFLOW_CONN_DATABRICKS"])}
        self.arguments = {
            "databricks_conn_id": "databricks",
            "new_cluster": {"spark_version": "17.3.x-scala2.13"},
            "checkpoint_location": str(checkpoints),
        }

    def processes(self, driver: Entry) -> tuple[int, ...]:
        """The Python has started the JVM, which ends with it."""
        return (driver.pid,)

    def kept(self) -> Iterator[tuple[str, bytes]]:
        yield from super().kept()
        yield from files(self.checkpoints)


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


@contextlib.contextmanager
def on_emr_serverless(directory: Path) -> Iterator[EmrServerless]:
    with (
        s3_server() as endpoint,
        pytest.MonkeyPatch.context() as patch,
        emr_serverless.emr_serverless(patch, endpoint=endpoint) as stand_in,
    ):
        platform = EmrServerless(stand_in, directory / "drivers", endpoint)
        command = of_emr("sparkSubmit", downloads(endpoint, directory / "files"))
        variables = environment(directory, **of_the_job(endpoint))
        with contextlib.closing(Drivers(stand_in, command, platform.drivers, variables)):
            yield platform


@contextlib.contextmanager
def on_databricks(directory: Path) -> Iterator[Databricks]:
    with pytest.MonkeyPatch.context() as patch, databricks.databricks(patch) as stand_in:
        platform = Databricks(stand_in, directory / "drivers", directory / "checkpoints")
        with contextlib.closing(Drivers(stand_in, of_databricks, platform.drivers, environment(directory))):
            yield platform


#: Those that every test of deaths runs on.
EACH = ("databricks", "emr_serverless", "livy")
PLATFORMS: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Platform]]] = {
    "databricks": on_databricks,
    "emr_serverless": on_emr_serverless,
    "livy": on_livy,
    "livy_that_dies": partial(on_livy, name="livy_that_dies"),
    "livy_that_recovers": partial(on_livy, name="livy_that_recovers", recovers=True),
}
