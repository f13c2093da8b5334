"""The work: the same lines for a component, for a script of spark-submit, and for a function with a session."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

try:
    from airflow_spark_pipeline import Component
except ImportError:  # the plain script has nothing of ours
    Component = object  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def work(spark: SparkSession, number: int, ledger: str, rows: int) -> None:
    """Do one step, and note when it started, failed or ended."""
    _note(ledger, number, "start")
    spark.range(0, rows, 1, 2).selectExpr("sum(id * id % 7)").collect()
    if number == 9 and not os.path.exists(f"{ledger}.failed"):
        with open(f"{ledger}.failed", "x", encoding="utf-8"):
            _note(ledger, number, "failed")
        raise ConnectionError("step 9 cannot reach its source")
    _note(ledger, number, "end")


def _note(ledger: str, number: int, event: str) -> None:
    with open(ledger, "a", encoding="utf-8") as file:
        file.write(json.dumps({"number": number, "event": event, "time": time.time()}) + "\n")


@dataclass
class Step(Component):
    """One step as a component."""

    number: int
    ledger: str
    rows: int

    def run(self, spark: SparkSession) -> None:
        """Work."""
        work(spark, self.number, self.ledger, self.rows)


def everything(spark: SparkSession, ledger: str, rows: int) -> None:
    """Do all steps with a session that is there."""
    for number in range(1, 11):
        work(spark, number, ledger, rows)


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    everything(SparkSession.builder.getOrCreate(), sys.argv[1], int(sys.argv[2]))
