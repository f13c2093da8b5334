"""The flights that really took place."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812  (the name that every Spark user knows)

from airflow_spark_pipeline import Component


# [START clean_flights]
@dataclass
class CleanFlights(Component):
    """Drops flights that were cancelled or diverted, duplicates, and implausible delays.

    :param source: path of the flights, Parquet
    :param target: path of the clean flights, Parquet; replaced if it exists
    :param max_delay_minutes: a longer delay counts as a mistake in the data
    """

    source: str
    target: str
    max_delay_minutes: int = 24 * 60

    def run(self, spark: SparkSession) -> None:
        flights = spark.read.parquet(self.source)
        flown = (
            flights.where(F.col("dep_delay").isNotNull() & F.col("arr_delay").isNotNull())
            .where(F.col("dep_delay") <= self.max_delay_minutes)
            .dropDuplicates(["carrier", "flight", "origin", "time_hour", "tailnum"])
        )
        flown.write.mode("overwrite").parquet(self.target)
        self.context.progress(f"kept {spark.read.parquet(self.target).count():,} of {flights.count():,} flights")


# [END clean_flights]
