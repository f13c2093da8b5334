"""A component that reports what it wrote, and fails in the configured attempts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession


@dataclass
class Write(Component):
    """Says that it wrote a data set.

    :param view: view that it makes, if any
    :param fails_in: numbers of the attempts in which it fails after that
    """

    uri: str
    rows: int
    view: str = ""
    fails_in: list[int] = field(default_factory=list)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame] | None:
        self.context.wrote(self.uri, rows=self.rows)
        if self.context.attempt in self.fails_in:
            raise ConnectionError("the warehouse is down")
        return {self.view: spark.range(self.rows).toDF("id")} if self.view else None
