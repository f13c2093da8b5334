"""A pipeline with saved outputs, whose checkpoint location is in an environment variable."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

with DAG("saving", schedule=None, params={"endpoint": os.environ.get("S3_ENDPOINT", "")}) as dag:
    SparkPipelineOperator(
        task_id="pipeline",
        pipeline="saving.conf",
        py_files=["saving"],
        checkpoint_location=os.environ.get("LOCATION"),
        checkpoint_conn_id="lake",
        resume_scope="pipeline" if os.environ.get("RETRIES") == "0" else "dag_run",
        jars=os.environ.get("JARS") or None,
        driver_memory="512m",
        retries=int(os.environ.get("RETRIES", "1")),
        retry_delay=timedelta(seconds=1),
    )

if __name__ == "__main__":
    raise SystemExit(dag.test().state != "success")
