"""Components that compute on executors, keep a ledger, and fail or die as configured.

Four that run one after another: the first makes numbers, the second doubles them with a function that the executors
import from the shipped modules, the third adds them up, the fourth notes the sum. Each hands over a saved view, so a
resumed run has the sum right only if what was saved is restored. And a kind that runs next to others of its kind, with
one that adds up what all of them have handed over.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as sf
from pyspark.sql.types import LongType
from steps import Confidant, Step, command_lines

from crew.arithmetic import double, double_once_killed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame, SparkSession

ROWS = 1_000
_LONGER_THAN_ANY_TEST = 1_800.0


class Crew(Step):
    """One of the four components, with additional deeds."""

    def wait_for_a_sign(self, spark: SparkSession) -> None:
        """Until the file of this component exists."""
        sign = Path(f"{self.ledger}.{self.context.component_name}")
        deadline = time.monotonic() + _LONGER_THAN_ANY_TEST
        while not sign.exists() and time.monotonic() < deadline:
            threading.Event().wait(0.3)


@dataclass
class Numbers(Crew):
    """Makes them, in four partitions."""

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        return {"numbers": spark.range(0, ROWS, 1, 4)}


@dataclass
class Doubled(Crew):
    """Doubles them; where it waits for the death of an executor, the first task of one says where it runs."""

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        doubled = sf.udf(double, LongType())
        return {"doubled": spark.table("numbers").select(doubled("id").alias("number"))}

    def wait_on_an_executor(self, spark: SparkSession) -> None:
        waits = sf.udf(double_once_killed, LongType())
        frame = spark.range(0, ROWS, 1, 4).select(waits("id", sf.lit(self.ledger)).alias("number"))
        total = frame.agg(sf.sum("number")).first()
        assert total is not None
        self.note("doubled on executors", result=total[0])


@dataclass
class Total(Crew):
    """Adds them up."""

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        return {"total": spark.sql("SELECT sum(number) AS total FROM doubled")}


@dataclass
class Result(Crew):
    """Notes the sum, and on what it was computed."""

    def work(self, spark: SparkSession) -> None:
        import sys

        row = spark.table("total").first()
        assert row is not None
        loaded = [name for name in ("airflow", "pyhocon") if name in sys.modules]
        self.note("result", result=row[0], python=list(sys.version_info[:2]), prefix=sys.prefix, loaded=loaded)


@dataclass
class HandsOver(Crew):
    """Doubles the numbers on its own, and hands them over under its name."""

    def work(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        doubled = sf.udf(double, LongType())
        return {self.context.component_name: spark.range(0, ROWS, 1, 4).select(doubled("id").alias("number"))}


@dataclass
class Sum(Crew):
    """Notes the sum of what several have handed over."""

    views: list[str] = field(default_factory=list)

    def work(self, spark: SparkSession) -> None:
        found = [spark.table(view).agg(sf.sum("number")).first() for view in self.views]
        self.note("result", result=sum(row[0] for row in found if row is not None))


@dataclass
class Secretive(Confidant):
    """Knows secrets; looks for them on all command lines once more while its executors are there."""

    def work(self, spark: SparkSession) -> None:
        rows = spark.range(0, ROWS, 1, 4).select(sf.udf(double, LongType())("id")).count()
        executors = spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()
        self.note("look", command_lines=command_lines(), rows=rows, processes=len(executors))
