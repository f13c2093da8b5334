"""A pipeline that runs until its machine is lost, and then resumes on another one."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

with DAG("machines", schedule=None, params={"directory": os.environ["EXAMPLES_DIR"]}) as dag:
    SparkPipelineOperator(
        task_id="pipeline",
        pipeline="machines.conf",
        py_files=["machine_components"],
        retries=2,
        retry_delay=timedelta(seconds=20),  # time to see on the page what the loss left behind
    )
