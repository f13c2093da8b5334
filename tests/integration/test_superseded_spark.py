"""A run that is superseded during a Spark job, in a session that belongs to the caller."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline import PipelineHooks, PipelineRunner
from airflow_spark_pipeline.checkpoint.catalog import discard
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import SupersededError
from airflow_spark_pipeline.runtime.component.base import Component
from tests.acceptance.deployment import wait_for
from tests.steps import describe

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@dataclass
class Endless(Component):
    """Counts for longer than any test.

    :param patience: how often it starts again when its job is cancelled
    """

    patience: int = 0

    def run(self, spark: SparkSession) -> None:
        for _ in range(self.patience):
            with contextlib.suppress(Exception):
                self._count(spark)
        self._count(spark)

    def _count(self, spark: SparkSession) -> None:
        spark.range(0, 10**15, 1, 1).selectExpr("sum(id % 7)").collect()


@dataclass
class Discards(PipelineHooks):
    """Somebody gives the run up as soon as its component runs a Spark job, and another job runs beside it."""

    spark: SparkSession
    location: str
    counted: list[int] = field(default_factory=list)

    def before_component(self, event: Any) -> None:
        threading.Thread(target=self._discard, args=(event.run.run_id,)).start()

    def _discard(self, run_id: str) -> None:
        self._wait_for_jobs(1)
        threading.Thread(target=lambda: self.counted.append(self.spark.range(1_000).count())).start()
        self._wait_for_jobs(2)
        discard(open_store(self.location), run_id)

    def _wait_for_jobs(self, number: int) -> None:
        while len(self.spark.sparkContext.statusTracker().getActiveJobsIds()) < number:
            time.sleep(0.05)


@pytest.mark.parametrize("patience", [0, 2], ids=["which fails then", "which starts more"])
def test_its_jobs_are_cancelled_by_their_tag_and_neither_the_session_nor_other_jobs_are(
    spark: SparkSession, tmp_path: Path, patience: int
) -> None:
    runner = PipelineRunner(spark, location=tmp_path, lease_seconds=6)
    endless = f'instance-type = "{__name__}.Endless", instance-name = a, instance-config {{ patience = {patience} }}'
    pipeline = describe(f"{{ {endless} }}")
    hooks = Discards(spark, str(tmp_path))

    with pytest.raises(SupersededError, match="superseded"):
        runner.run_with_checkpointing(pipeline, hooks)

    wait_for("the other job's end", lambda: hooks.counted or None, seconds=60)
    assert hooks.counted == [1_000]
    assert spark.range(3).count() == 3
