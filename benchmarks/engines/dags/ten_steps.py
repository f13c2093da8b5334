"""For each engine two DAGs with one retry: ours, and what Airflow's own Spark operators do."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_pyspark import PySparkOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HERE = Path(__file__).parent
_LEDGER = os.environ.get("LEDGERS", "") + "/{{ dag.dag_id }}-{{ run_id }}.jsonl"
_ROWS = "{{ params.rows }}"
_PARAMS = {"rows": 300_000_000}
_RETRY: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(0)}


def everything(ledger: str, rows: int, spark: SparkSession) -> None:
    """Do all steps with the session that PySparkOperator opens."""
    sys.path.insert(0, str(_HERE))
    import ten_steps_work

    ten_steps_work.everything(spark, ledger, int(rows))


for name, arguments in json.loads(os.environ.get("BENCH_ENGINES", "{}")).items():
    with DAG(f"ours_{name}", schedule=None, params=_PARAMS):
        SparkPipelineOperator(
            task_id="work", pipeline="ten_steps.conf", py_files="ten_steps_work.py", **arguments, **_RETRY
        )
    with DAG(f"plain_{name}", schedule=None, params=_PARAMS):
        if name == "connect":
            PySparkOperator(
                task_id="work",
                python_callable=everything,
                op_kwargs={"ledger": _LEDGER, "rows": _ROWS},
                **arguments,
                **_RETRY,
            )
        else:
            SparkSubmitOperator(
                task_id="work",
                application=str(_HERE / "ten_steps_work.py"),
                application_args=[_LEDGER, _ROWS],
                **arguments,
                **_RETRY,
            )
