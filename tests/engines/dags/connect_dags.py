"""Four components on a Spark Connect server; see ``tests/acceptance/dags``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

_STEPS = Path(__file__).parents[2] / "acceptance" / "dags"

with DAG("on_connect", schedule=None) as on_connect:
    SparkPipelineOperator(
        task_id="pipeline",
        pipeline="on_connect.conf",
        py_files=[str(_STEPS / "steps")],
        conn_id="connect",
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
