"""What a worker's task process holds while its driver runs, against the provider's own operator."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Row, interleaved

_ROUNDS = 5
_OURS = ("airflow_spark_pipeline.operators.spark_pipeline", "SparkPipelineOperator", "pipeline={description!r}")
_THEIRS = ("airflow.providers.apache.spark.operators.spark_submit", "SparkSubmitOperator", "application='etl.py'")

# In place of Spark's own: it notes the memory of the process that started it, and fails.
_SPARK_SUBMIT = """#!/bin/sh
sed -n 's/^VmRSS:[[:space:]]*\\([0-9]*\\) kB/\\1/p' /proc/$PPID/status >"$NOTED"
exit 1
"""
_DESCRIPTION = """pipeline { pipeline-name = Memory, pipeline-components = [
  { instance-type = airflow_spark_pipeline.components.CheckRowCount, instance-config { view = rows, min = 1 } }
] }
"""
# The first import is what the process of every task has loaded before it knows its operator. Nothing here imports this
# package: the baseline would hold it, too.
_TASK = """
import airflow.sdk.execution_time.task_runner
from airflow.sdk import DAG
from {module} import {name}

class TaskInstance:
    try_number, max_tries, map_index = 1, 3, -1
    dag_id, run_id, task_id, stats_tags = "benchmark", "manual", "etl", {{}}
    def get_ti_count(self, **_): return 0
    def xcom_push(self, key, value): pass

class StateStore(dict):
    def set(self, key, value, **_): self[key] = value
    def delete(self, key): self.pop(key, None)

with DAG("benchmark", schedule=None):
    operator = {name}(task_id="etl", conn_id="spark_default", {argument})
ti = TaskInstance()
ti.task = operator
context = {{"ti": ti, "task_instance": ti, "task_state_store": StateStore(), "params": {{}}}}
operator.render_template_fields(context)
try:
    operator.execute(context)
except Exception as error:  # spark-submit has failed
    print(error)
"""


def rows() -> Iterator[Row]:
    """Measure, each time in a new process."""
    measured, base = interleaved(lambda: _resident(*_OURS), lambda: _resident(*_THEIRS), _ROUNDS)
    yield Row("memory of a task's process while its driver runs", "SparkSubmitOperator", measured, base, "MiB")


def _resident(module: str, name: str, argument: str) -> float:
    """Return the memory of the process, in MiB, when it has started spark-submit."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        (home / "bin").mkdir()
        command = home / "bin" / "spark-submit"
        command.write_text(_SPARK_SUBMIT, encoding="utf-8")
        command.chmod(0o755)
        description = home / "memory.conf"
        description.write_text(_DESCRIPTION, encoding="utf-8")
        script = _TASK.format(module=module, name=name, argument=argument.format(description=str(description)))
        noted = home / "noted"
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__SPARK_PIPELINE__CHECKPOINT_LOCATION": str(home / "checkpoints"),
            "AIRFLOW_CONN_SPARK_DEFAULT": '{"conn_type": "spark", "host": "local[1]"}',
            "NOTED": str(noted),
            "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
            "SPARK_HOME": str(home),
        }
        command_line = [sys.executable, "-c", script]
        result = subprocess.run(command_line, env=environment, capture_output=True, text=True, check=False)
        if not noted.exists():
            raise RuntimeError(f"{name} started no spark-submit:\n{result.stdout}\n{result.stderr}")
        return int(noted.read_text(encoding="utf-8")) / 1024
