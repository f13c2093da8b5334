"""Components for the tests of views on resume; each leaves a line in a ledger outside the checkpoint store."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame, SparkSession


@dataclass
class Draw(Component):
    """Makes a view whose content is another one each time it is computed."""

    ledger: str
    view: str = "drawn"

    def makes_views(self) -> Collection[str]:
        return (self.view,)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        _note(self.ledger, f"{self.context.component_name} {self.context.attempt}")
        from pyspark.sql import functions as F  # noqa: N812

        return {self.view: spark.range(3).withColumn("x", F.lit(uuid.uuid4().hex))}


@dataclass
class Look(Component):
    """Notes what a view holds.

    :param fails: number of attempts that fail
    :param removes: directory that the second attempt removes before it reads the view
    """

    ledger: str
    view: str = "drawn"
    fails: int = 0
    removes: str | None = None

    def reads_views(self) -> Collection[str]:
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        if self.removes is not None and self.context.attempt == 2:
            shutil.rmtree(self.removes)
        found = sorted({row.x for row in spark.table(self.view).collect()})
        _note(self.ledger, f"{self.context.component_name} {self.context.attempt} {' '.join(found)}")
        if self.context.attempt <= self.fails:
            raise ConnectionError("down")


def _note(ledger: str, line: str) -> None:
    with Path(ledger).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
