"""The components of the documentation's examples, as small as possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from airflow_spark_pipeline import Component


@dataclass
class Extract(Component):
    """Make a view of orders."""

    rows: int = 100

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view ``orders``."""
        return {"orders": spark.range(self.rows).selectExpr("id AS order_id", "id % 7 AS shop")}


@dataclass
class Transform(Component):
    """Keep one order of each shop. Fails while the file ``switch`` does not exist, to simulate an outage."""

    switch: str = ""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view ``clean``.

        :raises ConnectionError: the switch is off
        """
        if self.switch and not Path(self.switch).exists():
            raise ConnectionError("the shop's service is down")
        return {"clean": spark.table("orders").dropDuplicates(["shop"])}


@dataclass
class Load(Component):
    """Write the view ``clean`` to a path, and overwrite what an earlier try has written."""

    path: str

    def run(self, spark: SparkSession) -> None:
        """Write."""
        spark.table("clean").write.mode("overwrite").parquet(self.path)
