"""The built-in checks, applied to a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component
from airflow_spark_pipeline.components import CheckNotNull, CheckRowCount


# [START check_parquet]
@dataclass
class CheckParquet(Component):
    """Fails if a table has too few rows, or unknown values where there must be none.

    The built-in checks read a view. This component creates the view itself: if the check fails, the retry creates the
    view again.

    :param path: path of the Parquet folder
    :param min_rows: the lowest number of rows that is correct
    :param not_null: columns without unknown values
    """

    path: str
    min_rows: int = 1
    not_null: list[str] = field(default_factory=list)

    def run(self, spark: SparkSession) -> None:
        spark.read.parquet(self.path).createOrReplaceTempView("checked")
        for check in (CheckRowCount("checked", min=self.min_rows), CheckNotNull("checked", self.not_null)):
            check.attach(self.context)
            check.run(spark)


# [END check_parquet]
