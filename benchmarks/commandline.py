"""What the commands that start no JVM cost, against a run of the same file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, interleaved, timed

_ROUNDS = 3
_COMPONENTS = 8
_STEP = '{{ instance-type = "airflow_spark_pipeline.components.SqlToView", instance-name = "View({0})"\n'
_STEP += 'instance-config {{ sql = "SELECT {0} AS n", view = v{0} }} }}'
_FILE = """
spark {{ master = "local[1]", config {{ "spark.ui.enabled" = false }} }}
pipeline {{
  pipeline-name = Benchmark
  checkpoint {{ location = "{directory}/checkpoints" }}
  pipeline-components = [
    {steps}
    {{ instance-type = "airflow_spark_pipeline.components.CheckRowCount", instance-config {{ view = v0 }} }}
  ]
}}
"""


def rows() -> Iterator[Row]:
    """Measure, each time in a new process."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "benchmark.conf")
        steps = "\n".join(_STEP.format(number) for number in range(_COMPONENTS))
        file.write_text(_FILE.format(directory=directory, steps=steps), encoding="utf-8")
        for command in ("validate", "plan"):
            measured, base = interleaved(
                lambda command=command: _call(command, file),  # type: ignore[misc]  # of this round of the loop
                lambda: _call("run", file),
                _ROUNDS,
                discard=0,
            )
            what = f"spark-pipeline {command}, {_COMPONENTS + 1} components: no JVM"
            yield Row(what, "spark-pipeline run of the same file", measured, base, aim=0.25)


def _call(command: str, file: Path) -> float:
    arguments = [sys.executable, "-m", "airflow_spark_pipeline.cli.main", command, str(file)]
    return timed(lambda: subprocess.run(arguments, capture_output=True, check=True, cwd=file.parent))
