"""A platform under test, and one task instance on it, whose tries run in the test's process."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.staged import STAGED
from airflow_spark_pipeline.operators.job import SparkPipelineJob
from airflow_spark_pipeline.testing.stand_ins import StandInDriver, StateStore, TaskInstance

_CONF = """
spark { app-name = contract, config { "spark.sql.shuffle.partitions" = 7 } }
pipeline {
  pipeline-name = Contract
  pipeline-components = [
    { instance-type = shop_etl.Extract, instance-config { input-path = "/in" %s } }
    { instance-type = shop_etl.Clean }
    { instance-type = shop_etl.Load }
  ]
}
"""

#: What happens while the task waits: one step for each check of the job.
Step = Callable[[], None]


@dataclass
class StartedJob:
    """A job that a platform has started.

    :param id: as :meth:`SparkPipelineJob.submit` returned it
    :param arguments: arguments of the job's main file
    :param shown: everything that the platform shows about the job, as text
    """

    id: Any
    arguments: list[str]
    shown: str


class PlatformUnderTest(ABC):
    """A mock of a platform, and the operator that submits to it."""

    @abstractmethod
    def operator(self, **arguments: Any) -> SparkPipelineJob:
        """Return a new operator with these arguments, and the required ones of the platform."""

    @abstractmethod
    def jobs(self) -> Sequence[StartedJob]:
        """Return the jobs that were started, in order; a deduplicated call starts none."""

    @abstractmethod
    def cancelled(self) -> Sequence[Any]:
        """Return the ids of the jobs that were cancelled."""

    @abstractmethod
    def end(self, job: Any, *, succeeded: bool, reason: str = "") -> None:
        """Let a job end on the platform."""

    def forget(self, job: Any) -> None:
        """Let the platform forget a job, for example after a restart.

        Skips the test if the platform never forgets.
        """
        pytest.skip("the platform never forgets a job")


@dataclass
class Trial:
    """One task instance on a platform, with its tries."""

    platform: PlatformUnderTest
    folder: Path
    steps: list[Step] = field(default_factory=list)
    store: StateStore = field(default_factory=StateStore)
    operator: SparkPipelineJob | None = None

    def run(self, *steps: Step, try_number: int = 1, secret: str = "", **arguments: Any) -> Any:
        """Do what Airflow's task runner does in one try.

        :param steps: what happens while the task waits
        """
        self.steps[:] = steps
        operator, context = self.made(try_number=try_number, secret=secret, **arguments)
        return operator.execute(context)

    def made(self, *, try_number: int = 1, secret: str = "", **arguments: Any) -> tuple[SparkPipelineJob, Any]:
        """Return a new operator, rendered, and the context of its try."""
        (self.folder / "contract.conf").write_text(_CONF % secret, encoding="utf-8")
        with DAG("contract", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
            given = {"pipeline": "contract.conf", "checkpoint_location": str(self.folder / "checkpoints"), "retries": 3}
            self.operator = operator = self.platform.operator(task_id="etl", **{**given, **arguments})
        dag.fileloc = str(self.folder / "dag.py")
        context: Any = {
            "ti": TaskInstance(operator, try_number, 3),
            "task_state_store": self.store if AIRFLOW.has_task_state_store else None,
            "ds": "2026-01-31",
            "params": {},
        }
        operator.render_template_fields(context)
        return operator, context

    def driver(self, number: int = -1) -> StandInDriver:
        """Start the driver of a job, by default of the last one."""
        return StandInDriver.started(self.platform.jobs()[number].arguments)

    def end(self, reason: str = "", *, succeeded: bool = False, number: int = -1) -> None:
        """Let a job end on the platform."""
        self.platform.end(self.platform.jobs()[number].id, succeeded=succeeded, reason=reason)

    def completes(self) -> None:
        """Let the driver of the last job complete the pipeline, and the job end."""
        self.driver().run()
        self.end(succeeded=True)

    def fails_at_clean(self) -> None:
        """Let the driver of the last job fail at the second component, and the job end."""
        self.driver().run(fails_at="Clean")
        self.end("exit code 1")

    def staged_requests(self) -> list[Path]:
        """Return the requests that are still staged."""
        return list((self.folder / "checkpoints" / STAGED / "requests").rglob("*.json"))
