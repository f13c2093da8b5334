"""Where the orders come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass
class ExtractOrders(Component):
    """Make a view of orders.

    :param rows: how many orders to make up
    """

    rows: int = 1000

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view ``orders``."""
        return {"orders": spark.range(self.rows).selectExpr("id AS order_id", "id % 7 AS shop")}
