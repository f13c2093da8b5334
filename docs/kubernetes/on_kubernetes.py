"""A pipeline whose driver is a pod, while its task waits in the triggerer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator

with DAG("on_kubernetes", schedule=None) as dag:
    SparkPipelineOperator(
        task_id="daily_etl",
        pipeline="daily_etl.conf",
        py_files=["my_etl"],
        conn_id="spark_kubernetes",
        conf={
            "spark.kubernetes.container.image": "registry.example.com/spark-etl:4.2.0-1",
            "spark.kubernetes.file.upload.path": "s3a://etl-uploads/spark",
            "spark.kubernetes.driver.podTemplateFile": str(Path(__file__).with_name("driver-pod.yaml")),
            "spark.kubernetes.authenticate.driver.serviceAccountName": "spark",
        },
        checkpoint_location="s3a://etl-checkpoints/production",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
