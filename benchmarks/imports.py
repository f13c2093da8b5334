"""What a DAG file pays for the operator: the import of its module, against that of the provider's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.harness import Row, interleaved

_TIME = "import time; s = time.perf_counter(); import {}; print((time.perf_counter() - s) * 1000)"
_ROUNDS = 5


def rows() -> Iterator[Row]:
    """Measure, each import in a process of its own."""
    measured, base = interleaved(
        lambda: _import("airflow_spark_pipeline.operators.spark_pipeline"),
        lambda: _import("airflow.providers.apache.spark.operators.spark_submit"),
        _ROUNDS,
    )
    yield Row("import of SparkPipelineOperator", "import of SparkSubmitOperator", measured, base, aim=1.1)


def _import(module: str) -> float:
    result = subprocess.run([sys.executable, "-c", _TIME.format(module)], capture_output=True, text=True, check=True)
    return float(result.stdout.splitlines()[-1])
