"""A pipeline of built-in components: everything is in ``ready_made.conf``, without any Python code."""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

# If Spark runs on several machines, all of them write here: use a shared directory.
RESULTS = os.environ.get("EXAMPLES_DIR") or tempfile.gettempdir()

with DAG(
    dag_id="ready_made",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param(str(Path(__file__).with_name("ready_made_orders.csv")), type="string"),
        "result": Param(str(Path(RESULTS, "revenue_by_country")), type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineOperator(
        task_id="revenue",
        pipeline="ready_made.conf",
        retries=1,
        retry_delay=timedelta(seconds=5),
    )
    # [END operator]

if __name__ == "__main__":
    dag.test()
