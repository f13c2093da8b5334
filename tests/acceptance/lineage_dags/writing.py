"""A pipeline that writes, fails in its first try, and resumes in its second."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAlias

from airflow_spark_pipeline import SparkPipelineOperator

with DAG("writing", schedule=None):
    SparkPipelineOperator(
        task_id="etl",
        pipeline="writing.conf",
        py_files=["writing_etl.py"],
        retries=2,
        retry_delay=timedelta(seconds=1),
        outlets=[AssetAlias("sales"), Asset("s3://lake/report")],
    )
