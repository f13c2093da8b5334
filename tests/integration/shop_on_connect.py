"""Components for a Spark Connect server, shipped by ``py_files``: its Python has no other copy of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def doubled(amount: int) -> int:
    """Runs on the server, which has to find this module."""
    return 2 * amount


@dataclass
class Prepare(Component):
    """Makes two views; the second one reads the earlier ``orders``, which the first one replaces."""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        from pyspark.sql import functions as F  # noqa: N812
        from pyspark.sql.functions import udf

        spark.range(3).createOrReplaceTempView("orders")
        amounts = spark.range(5).select(udf(doubled, "long")(F.col("id")).alias("amount"))
        return {"orders": amounts, "earlier": spark.table("orders")}


@dataclass
class Sum(Component):
    """Notes what it sees; fails in the first attempt.

    :param note: path of a file of JSON
    :param token: must show nowhere
    """

    note: str
    token: str = ""

    def run(self, spark: SparkSession) -> None:
        seen = {
            "sum": spark.sql("SELECT sum(amount) FROM orders").first()[0],  # type: ignore[index]
            "earlier": spark.table("earlier").count(),
            "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
            "command_line": Path("/proc/self/cmdline").read_text(encoding="utf-8"),
            "environment": dict(os.environ),
        }
        Path(self.note).write_text(json.dumps(seen), encoding="utf-8")
        if self.context.attempt == 1:
            raise ConnectionError(f"once, for {self.token}")


def trail(file: str) -> None:
    """Leave a mark ten times a second, for longer than any test; runs on the server."""
    for _ in range(9_000):
        with Path(file).open("a", encoding="utf-8") as marks:
            marks.write(f"{time.time()}\n")
        time.sleep(0.1)


@dataclass
class Trail(Component):
    """In its first attempt one long operation on the server; notes when it starts.

    :param marks: where that operation leaves its marks
    """

    marks: str

    def run(self, spark: SparkSession) -> None:
        from pyspark.sql.functions import udf

        marks = self.marks
        Path(f"{marks}.{self.context.attempt}").write_text(json.dumps([time.time(), os.getpid()]), encoding="utf-8")
        if self.context.attempt == 1:
            spark.range(0, 1, 1, 1).select(udf(lambda _: trail(marks), "string")("id")).collect()
