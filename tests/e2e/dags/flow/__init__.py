"""Components that follow the DAG run's conf, and can be held at a gate while a test looks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EVERY_SECONDS = 0.1
_LONGER_THAN_ANY_TEST = 6_000


@dataclass
class Flow(Component):
    """Leaves a file when it starts, and does its deed of this start: ``{"1": "fail"}`` fails when it runs first.

    :param gates: folder of the files ``started-<component>-<time>``, and ``open-<component>`` that others make
    :param says: text of the error where it fails
    :param edition: another one makes it an edited component
    :param password: must show nowhere
    """

    gates: str
    deeds: dict[str, str] = field(default_factory=dict)
    says: str = "connection refused: warehouse.internal:5432"
    edition: str = "1"
    password: str = ""

    def run(self, spark: SparkSession) -> None:
        folder, name = Path(self.gates), self.context.component_name
        folder.mkdir(parents=True, exist_ok=True)
        start = len(list(folder.glob(f"started-{name}-*"))) + 1
        (folder / f"started-{name}-{start}").touch()
        deed = self.deeds.get(str(start))
        if deed == "fail":
            raise ConnectionError(f"{self.says} {self.password}".strip())
        if deed == "wait":
            self.wait_at_the_gate()
        if deed == "parts":
            self.fail_after_most_parts()
        spark.range(1_000).count()

    def fail_after_most_parts(self) -> None:
        for day in self.context.parts(range(1, 51)):
            if day == 38:
                raise ConnectionError(f"{self.says} {self.password}".strip())

    def wait_at_the_gate(self) -> None:
        gate = Path(self.gates, f"open-{self.context.component_name}")
        for _ in range(int(_LONGER_THAN_ANY_TEST / _EVERY_SECONDS)):
            if gate.exists():
                return
            threading.Event().wait(_EVERY_SECONDS)
