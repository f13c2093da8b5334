"""The orders of a day: extracted, checked, loaded. A retry resumes at the component that failed."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator

with DAG("orders", schedule=None, doc_md=__doc__):
    SparkPipelineOperator(
        task_id="etl",
        pipeline="orders.conf",
        py_files=["orders_etl"],
        retries=3,
        retry_delay=timedelta(seconds=30),
    )
