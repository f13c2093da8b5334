"""A year of flights, day by day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component


# [START load_days]
@dataclass
class LoadDays(Component):
    """Reads the flights of each day from a CSV file, and writes them as Parquet, one folder for each day.

    :param source: path of the CSV file
    :param target: path of the Parquet folder
    :param first_day: first day that is loaded
    :param last_day: last day that is loaded
    :param outage_on: the day on which the source does not answer in the first attempt; empty: it always answers
    """

    source: str
    target: str
    first_day: dt.date
    last_day: dt.date
    outage_on: str = ""

    def run(self, spark: SparkSession) -> None:
        flights = spark.read.csv(self.source, header=True, inferSchema=True, nullValue="NA").cache()
        try:
            for day in self.context.parts(self._days()):  # only those that are not recorded yet
                if str(day) == self.outage_on and self.context.attempt == 1:
                    raise ConnectionError(f"the flights of {day} are not available (503 Service Unavailable)")
                of_the_day = flights.where(f"month = {day.month} AND day = {day.day}")
                # A day that is loaded again replaces its own folder, and no other.
                of_the_day.coalesce(1).write.mode("overwrite").parquet(f"{self.target}/date={day}")
        finally:
            flights.unpersist()

    def _days(self) -> list[dt.date]:
        return [self.first_day + dt.timedelta(days=n) for n in range((self.last_day - self.first_day).days + 1)]


# [END load_days]


@dataclass
class CountByMonth(Component):
    """Counts the flights of each month.

    :param source: path of the Parquet folder that :class:`LoadDays` wrote
    :param target: path of the result, Parquet; replaced if it exists
    """

    source: str
    target: str

    def run(self, spark: SparkSession) -> None:
        counts = spark.read.parquet(self.source).groupBy("month").count().orderBy("month")
        counts.coalesce(1).write.mode("overwrite").parquet(self.target)
