"""After: one task, and one Spark application. A retry resumes at the step that failed, as a retry of six tasks does."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator

with DAG("shop_one_task", schedule="@daily", catchup=False):
    SparkPipelineOperator(task_id="shop", pipeline="shop.conf", py_files=["shop_etl.py"], retries=3)
