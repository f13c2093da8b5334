"""Two tasks that go on with whatever failed: a sensor waits for a failed run, an operator resumes it by its id.

The sensor is deferred, so that it holds no worker slot while it waits. It leaves a run alone while its own task has
tries left. Give this DAG what the failed run had: components that are done must be described as they were.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor

# Spark writes it from several machines where there are several: a directory that all of them share.
RESULTS = os.environ.get("EXAMPLES_DIR") or tempfile.gettempdir()

with DAG(
    dag_id="recovery",
    schedule=None,
    max_active_runs=1,  # two would find the same failed run
    params={
        "orders": Param(str(Path(__file__).with_name("ready_made_orders.csv")), type="string"),
        "result": Param(str(Path(RESULTS, "revenue_by_country")), type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START recovery]
    failed = SparkPipelineRunSensor(
        task_id="failed",
        pipeline="ready_made.conf",
        poke_interval=5,
        timeout=timedelta(hours=12),
        deferrable=True,
        soft_fail=True,  # no run failed: this DAG run has nothing to do
    )
    resume = SparkPipelineOperator(
        task_id="resume",
        pipeline="ready_made.conf",
        resume_run_id="{{ ti.xcom_pull(task_ids='failed')['run_id'] }}",
    )
    failed >> resume
    # [END recovery]
