"""One attempt of the TPC-H pipeline, or the plain script that it is compared with."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component, PipelineEvent, PipelineHooks, PipelineRunner
from airflow_spark_pipeline.cli.description import describe

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_HERE = Path(__file__).parent
_TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


@cache
def queries() -> dict[str, str]:
    """Return the 22 queries by name."""
    parts = re.split(r"^-- (q\d\d)\n", (_HERE / "queries.sql").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def answer(spark: SparkSession, name: str, data: str) -> DataFrame:
    """Return the frame of a query."""
    for table in _TABLES:
        spark.read.parquet(f"{data}/{table}.parquet").createOrReplaceTempView(table)
    return spark.sql(queries()[name])


@dataclass
class Query(Component):
    """One query; may be told to fail."""

    name: str
    data: str

    def run(self, spark: SparkSession) -> dict[str, DataFrame]:
        """Return the result, for the driver to save."""
        if os.environ.get("TPCH_FAILS_AT") == self.name:
            if os.environ["TPCH_FAILS_BY"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ConnectionError(f"{self.name} fails")
        return {self.name: answer(spark, self.name, self.data)}


def digests(spark: SparkSession, names: list[str]) -> dict[str, Any]:
    """Return how many rows each view has, and a digest of them."""
    found = {}
    for name in names:
        rows = sorted(str(row) for row in spark.table(name).collect())  # files keep no order
        assert rows, f"{name} is empty"
        found[name] = [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()]
    return found


def kib(directory: Path, pattern: str) -> float:
    """Return the size of the files that the pattern names."""
    return sum(file.stat().st_size for file in directory.rglob(pattern) if file.is_file()) / 1024


class Look(PipelineHooks):
    """Looks at the results at the end, before the run is cleaned up."""

    def __init__(self, location: Path) -> None:
        self._location = location
        self.found: dict[str, Any] = {}

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Note what there is of a run that completed."""
        spark = SparkSession.getActiveSession()
        if event.status == "completed" and spark is not None:
            self.found = {
                "results": digests(spark, sorted(queries())),
                "ran": event.ran,
                "skipped": event.skipped,
                "kib": kib(self._location, "*.parquet"),
                "log_kib": kib(self._location, "0*.json"),
            }


def with_checkpoints(data: str, location: Path) -> dict[str, Any]:
    """Run or resume the pipeline."""
    look = Look(location)
    runner = PipelineRunner(location=location)
    runner.run_with_checkpointing(describe(str(_HERE / "pipeline.conf"), [("params.data", data)]), look)
    return look.found


def plain(data: str, place: Path) -> dict[str, Any]:
    """Run the queries as a script would, with the same settings."""
    spec = describe(str(_HERE / "pipeline.conf"), [("params.data", data)])
    builder: Any = SparkSession.builder
    builder = builder.master(spec.spark.master)
    for name, value in spec.spark.config.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    for name in queries():
        answer(spark, name, data).write.parquet(f"{place}/{name}")
        spark.read.parquet(f"{place}/{name}").createOrReplaceTempView(name)
    return {"results": digests(spark, sorted(queries())), "kib": kib(place, "*.parquet")}


def main(run: str, data: str, place: str, answers: str) -> None:
    """Run one attempt, and write what came of it."""
    told = plain(data, Path(place)) if run == "plain" else with_checkpoints(data, Path(place))
    Path(answers).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
