"""A pipeline for real drivers, whose second component fails in the first try and kills its driver in the second."""

from __future__ import annotations

STEPS = """
import os, signal
from dataclasses import dataclass
from pathlib import Path

from airflow_spark_pipeline import Component


@dataclass
class Step(Component):
    ledger: Path
    dies: bool = False

    def run(self, spark):
        with open(self.ledger, "a") as file:
            file.write(f"{self.context.component_name} {spark.range(3).count()}\\n")
        tries = self.ledger.read_text().count(self.context.component_name)
        if self.dies and tries == 1:
            raise OSError("disk full")
        if self.dies and tries == 2:
            os.killpg(0, signal.SIGKILL)
"""
CONF = """
spark { config { "spark.ui.enabled" = "false" } }
pipeline {
  pipeline-name = real
  pipeline-components = [
    { instance-type = real_steps.Step, instance-name = Extract, instance-config { ledger = "%(ledger)s" } }
    { instance-type = real_steps.Step, instance-name = Clean, instance-config { ledger = "%(ledger)s", dies = true } }
    { instance-type = real_steps.Step, instance-name = Load, instance-config { ledger = "%(ledger)s" } }
  ]
}
"""
