"""What a DAG file pays for the operator: its module's import, and a file of a hundred, against the provider's own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, interleaved

_TIME = "import time; s = time.perf_counter(); {}; print((time.perf_counter() - s) * 1000)"
_ROUNDS = 7
_OPERATORS = 100
_OURS = ("airflow_spark_pipeline.operators.spark_pipeline", "SparkPipelineOperator", 'pipeline="etl.conf"')
_THEIRS = ("airflow.providers.apache.spark.operators.spark_submit", "SparkSubmitOperator", 'application="etl.py"')
_DAG = """
from airflow.sdk import DAG
from {module} import {name}
with DAG("benchmark", schedule=None):
    for number in range({count}):
        {name}(task_id=f"task_{{number}}", {argument}, retries=3)
"""


def rows() -> Iterator[Row]:
    """Measure, each time in a new process."""
    measured, base = interleaved(lambda: _import(_OURS[0]), lambda: _import(_THEIRS[0]), _ROUNDS)
    yield Row("import of SparkPipelineOperator", "import of SparkSubmitOperator", measured, base, aim=1.05)
    measured, base = interleaved(lambda: _parse(*_OURS), lambda: _parse(*_THEIRS), _ROUNDS)
    what = f"DAG file with {_OPERATORS} {{}}, as the DAG processor parses it"
    yield Row(what.format("SparkPipelineOperators"), "the same with SparkSubmitOperators", measured, base, aim=1.05)


def _import(module: str) -> float:
    return _milliseconds(_TIME.format(f"import {module}"))


def _parse(module: str, name: str, argument: str) -> float:
    """Parse and serialise the file; Airflow itself is imported before the clock starts."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "dags.py")
        file.write_text(_DAG.format(module=module, name=name, argument=argument, count=_OPERATORS), encoding="utf-8")
        before = (
            "from airflow.dag_processing.dagbag import DagBag\n"
            "from airflow.serialization.serialized_objects import DagSerialization\n"
        )
        work = (
            f"bag = DagBag({str(file)!r}, bundle_name='benchmark'); assert len(bag.dags) == 1; "
            "[DagSerialization.to_dict(dag) for dag in bag.dags.values()]"
        )
        return _milliseconds(before + _TIME.format(work))


def _milliseconds(script: str) -> float:
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return float(result.stdout.splitlines()[-1])
