"""One SQL query over Parquet files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component


# [START sql_to_parquet]
@dataclass
class SqlToParquet(Component):
    """Runs a query and writes its result as Parquet.

    :param sql: the query; it uses each input by its name
    :param inputs: paths of Parquet folders by the name that the query uses
    :param target: path of the result; replaced if it exists
    """

    sql: str
    target: str
    inputs: dict[str, str] = field(default_factory=dict)

    def run(self, spark: SparkSession) -> None:
        # DataFrames are arguments of the query: no view is registered, so no view can be missing in the next attempt.
        frames: dict[str, Any] = {name: spark.read.parquet(path) for name, path in self.inputs.items()}
        spark.sql(self.sql, **frames).write.mode("overwrite").parquet(self.target)
        spark.read.parquet(self.target).show(5, truncate=False)


# [END sql_to_parquet]
