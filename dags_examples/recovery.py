"""Two tasks that resume any failed run: a sensor waits for a failed run, and an operator resumes it by its id.

The sensor is deferred, so it holds no worker slot while it waits. It ignores a run while the run's own task has tries
left. Use the params of the failed run: the description of completed components must be unchanged.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor

# If Spark runs on several machines, all of them write here: use a shared directory.
RESULTS = os.environ.get("EXAMPLES_DIR") or tempfile.gettempdir()

with DAG(
    dag_id="recovery",
    schedule=None,
    max_active_runs=1,  # two runs would find the same failed run
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
        soft_fail=True,  # no run has failed: this DAG run has nothing to do
    )
    resume = SparkPipelineOperator(
        task_id="resume",
        pipeline="ready_made.conf",
        resume_run_id="{{ ti.xcom_pull(task_ids='failed')['run_id'] }}",
    )
    failed >> resume
    # [END recovery]
