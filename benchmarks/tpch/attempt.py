"""One attempt of the TPC-H pipeline, or the plain script that it is compared with."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyspark.sql import SparkSession

from airflow_spark_pipeline import Component, PipelineEvent, PipelineHooks, PipelineRunner
from airflow_spark_pipeline.cli.description import describe

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from airflow_spark_pipeline.pipeline.spec import PipelineSpec

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


def look_at(spark: SparkSession, names: list[str]) -> dict[str, Any]:
    """Return how many rows each view has, and a digest of them, and how many seconds it took to find out."""
    start, found = time.perf_counter(), {}
    for name in names:
        rows = sorted(str(row) for row in spark.table(name).collect())  # files keep no order
        assert rows, f"{name} is empty"
        found[name] = [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()]
    return {"results": found, "looking": time.perf_counter() - start}


def kib(directory: Path, pattern: str) -> float:
    """Return the size of the files that the pattern names."""
    return sum(file.stat().st_size for file in directory.rglob(pattern) if file.is_file()) / 1024


@dataclass(frozen=True)
class Task:
    """What one attempt is to do.

    :param how: ``pipeline`` or ``plain``, a script without checkpoints
    :param parallelism: how many queries run at the same time
    :param first: the number of the first query
    """

    how: str = "pipeline"
    parallelism: int = 1
    first: int = 1

    @property
    def names(self) -> list[str]:
        """The queries to run."""
        return [name for name in queries() if int(name[1:]) >= self.first]

    def spec(self, data: str) -> PipelineSpec:
        """Return the pipeline over these data."""
        values = {"data": data, "parallelism": self.parallelism, "first": self.first}
        return describe(
            str(_HERE / "pipeline.conf"), [(f"params.{name}", str(value)) for name, value in values.items()]
        )


class Look(PipelineHooks):
    """Looks at the results at the end, before the run is cleaned up."""

    def __init__(self, task: Task, location: Path) -> None:
        self._task = task
        self._location = location
        self.found: dict[str, Any] = {}

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Note what there is of a run that completed."""
        spark = SparkSession.getActiveSession()
        if event.status == "completed" and spark is not None:
            self.found = {
                **look_at(spark, self._task.names),
                "ran": event.ran,
                "skipped": event.skipped,
                "kib": kib(self._location, "*.parquet"),
                "log_kib": kib(self._location, "0*.json"),
            }


def with_checkpoints(task: Task, data: str, location: Path) -> dict[str, Any]:
    """Run or resume the pipeline."""
    look = Look(task, location)
    runner = PipelineRunner(location=location)
    runner.run_with_checkpointing(task.spec(data), look)
    return look.found


def plain(task: Task, data: str, place: Path) -> dict[str, Any]:
    """Run the queries as a script with a thread pool would, with the same settings."""
    spec = task.spec(data)
    builder: Any = SparkSession.builder
    builder = builder.master(spec.spark.master)
    for name, value in spec.spark.config.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()

    def run(name: str) -> None:
        answer(spark, name, data).write.parquet(f"{place}/{name}")
        spark.read.parquet(f"{place}/{name}").createOrReplaceTempView(name)

    with ThreadPoolExecutor(task.parallelism) as pool:
        list(pool.map(run, task.names))
    return {**look_at(spark, task.names), "kib": kib(place, "*.parquet")}


def main(task: str, data: str, place: str, answers: str) -> None:
    """Run one attempt, and write what came of it."""
    asked = Task(**json.loads(task))
    told = {"plain": plain, "pipeline": with_checkpoints}[asked.how](asked, data, Path(place))
    Path(answers).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
