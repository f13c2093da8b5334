"""After: the one step that stays Python. The others are ready-made components in shop.conf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from airflow_spark_pipeline import Component


@dataclass
class Clean(Component):
    """Keep one order of each id, and only orders with an amount."""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view ``clean``."""
        return {"clean": spark.table("extracted").dropDuplicates(["order_id"]).where("amount IS NOT NULL")}
