"""Components that change the Spark session, and one that reports its state."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass
class Change(Component):
    """Changes the session: SQL, settings, views, functions; returns views, too."""

    sql: list[str] = field(default_factory=list)
    set: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    views: dict[str, str] = field(default_factory=dict)
    global_views: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    local: dict[str, str] = field(default_factory=dict)
    hadoop: dict[str, str] = field(default_factory=dict)
    returns: dict[str, str] = field(default_factory=dict)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        for statement in self.sql:
            spark.sql(statement)
        for key, value in self.set.items():
            spark.conf.set(key, value)
        for key in self.unset:
            spark.conf.unset(key)
        for name, query in self.views.items():
            spark.sql(query).createOrReplaceTempView(name)
        for name, query in self.global_views.items():
            spark.sql(query).createOrReplaceGlobalTempView(name)
        for name in self.functions:
            spark.udf.register(name, lambda value: f"<{value}>")
        for key, value in self.local.items():
            spark.sparkContext.setLocalProperty(key, value)
        for key, value in self.hadoop.items():
            spark.sparkContext._jsc.hadoopConfiguration().set(key, value)
        return {name: spark.sql(query) for name, query in self.returns.items()}


@dataclass
class Report(Component):
    """Appends the rows of queries to a file; fails while a file is there, after it has changed the session."""

    out: str
    queries: list[str]
    fails_while: str | None = None
    breaks: list[str] = field(default_factory=list)

    def run(self, spark: SparkSession) -> None:
        rows = [[list(row) for row in spark.sql(query).collect()] for query in self.queries]
        for statement in self.breaks:
            spark.sql(statement)
        if self.fails_while is not None and Path(self.fails_while).exists():
            raise ConnectionError("down")
        with Path(self.out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows, default=str) + "\n")
