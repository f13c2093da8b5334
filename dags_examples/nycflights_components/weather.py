"""The weather at the airport in the hour of the departure: the component that fails the first time."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component


# [START join_weather]
@dataclass
class JoinWeather(Component):
    """Adds the weather to each flight.

    :param flights: path of the clean flights, Parquet
    :param weather: path of the hourly weather by airport, Parquet
    :param target: path of the result, Parquet; replaced if it exists
    :param outage: simulate an outage of the weather service, which ends before the next attempt
    """

    flights: str
    weather: str
    target: str
    outage: bool = False

    def run(self, spark: SparkSession) -> None:
        if self.outage and self.context.attempt == 1:
            raise ConnectionError("the weather service does not answer (503 Service Unavailable)")
        weather = spark.read.parquet(self.weather).select("origin", "time_hour", "wind_speed", "precip", "visib")
        joined = spark.read.parquet(self.flights).join(weather, ["origin", "time_hour"], "left")
        joined.write.mode("overwrite").parquet(self.target)


# [END join_weather]
