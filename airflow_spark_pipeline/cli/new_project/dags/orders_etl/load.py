"""Where the orders go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class LoadOrders(Component):
    """Write the view ``orders`` into the warehouse, and replace what an earlier try has written.

    :param warehouse: directory of the warehouse; while it does not exist, the warehouse is down
    """

    warehouse: str

    def run(self, spark: SparkSession) -> None:
        """Write.

        :raises ConnectionError: the warehouse is down
        """
        if not Path(self.warehouse).is_dir():
            raise ConnectionError(f"the warehouse is down: {self.warehouse} does not exist")
        spark.table("orders").write.mode("overwrite").parquet(f"{self.warehouse}/orders")
