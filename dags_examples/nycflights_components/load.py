"""From CSV to Parquet."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component


# [START load_csv]
@dataclass
class LoadCsv(Component):
    """Reads a CSV file with a header and writes it as Parquet.

    :param source: path of the CSV file
    :param target: path of the Parquet folder; replaced if it exists
    :param null_value: how the file writes "unknown"
    """

    source: str
    target: str
    null_value: str = "NA"

    def run(self, spark: SparkSession) -> None:
        table = spark.read.csv(self.source, header=True, inferSchema=True, nullValue=self.null_value)
        table.write.mode("overwrite").parquet(self.target)
        self.context.progress(f"{spark.read.parquet(self.target).count():,} rows -> {self.target}")


# [END load_csv]
