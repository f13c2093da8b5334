"""Two components: one makes a view whose rows are saved, the other adds them up, and fails in its first attempt."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass
class Numbers(Component):
    ledger: str

    def run(self, spark: SparkSession) -> dict[str, DataFrame]:
        _note(self.ledger, f"numbers{self.context.attempt}")
        return {"numbers": spark.range(100)}


@dataclass
class Total(Component):
    ledger: str

    def run(self, spark: SparkSession) -> None:
        _note(self.ledger, f"total{self.context.attempt}")
        if self.context.attempt == 1:
            raise ConnectionError("total cannot reach its source")
        (row,) = spark.table("numbers").selectExpr("sum(id) AS total").collect()
        _note(self.ledger, f"={row.total}")


def _note(ledger: str, what: str) -> None:
    # What the driver could not have used, it did not use.
    clients = [name for name in ("s3fs", "requests") if name in sys.modules]
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"what": what, "clients": clients}) + "\n")
