"""Components that note which machine they ran on; one waits for the loss of its machine."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_LONGER_THAN_ANY_TEST = 900.0


@dataclass
class Noting(Component):
    """Notes that it started, and where.

    :param ledger: path of the file with the notes
    """

    ledger: str

    def note(self) -> None:
        entry = {
            "event": "start",
            "component": self.context.component_name,
            "attempt": self.context.attempt,
            "pid": os.getpid(),
            "parent": os.getppid(),
            "time": time.time(),
            "host": socket.gethostname(),
            "namespace": os.readlink("/proc/self/ns/pid"),
        }
        Path(self.ledger).parent.mkdir(parents=True, exist_ok=True)
        with Path(self.ledger).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


@dataclass
class Numbers(Noting):
    """The view ``numbers``: 0 to ``rows`` - 1."""

    rows: int

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        self.note()
        return {"numbers": spark.range(self.rows)}


@dataclass
class Squares(Noting):
    """The view ``squares``, made by a Python function: executors and driver have to have the same Python."""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        self.note()
        squares = spark.table("numbers").rdd.map(lambda row: (row.id * row.id,))
        return {"squares": spark.createDataFrame(squares, "square BIGINT")}


@dataclass
class WaitForTheLoss(Noting):
    """Lasts until everything around it is killed; in a later attempt there is nothing to wait for."""

    def run(self, spark: SparkSession) -> None:
        self.note()
        if self.context.attempt == 1:
            threading.Event().wait(_LONGER_THAN_ANY_TEST)


@dataclass
class Sum(Noting):
    """Writes the sum of the squares, from the view as it was saved."""

    result: str

    def run(self, spark: SparkSession) -> None:
        self.note()
        (row,) = spark.sql("SELECT count(*) AS rows, sum(square) AS sum FROM squares").collect()
        Path(self.result).parent.mkdir(parents=True, exist_ok=True)
        Path(self.result).write_text(json.dumps(row.asDict()), encoding="utf-8")
