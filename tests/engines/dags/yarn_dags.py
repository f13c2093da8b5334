"""The four steps of the acceptance tests as a deferrable task whose driver runs on YARN."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

_STEPS = Path(__file__).parents[2] / "acceptance" / "dags"

with DAG("on_yarn", schedule=None) as dag:
    SparkPipelineOperator(
        task_id="pipeline",
        pipeline=_STEPS / "steps.conf",
        py_files=[_STEPS / "steps"],
        conn_id="yarn",
        conf={
            "spark.driver.memory": "512m",
            "spark.dynamicAllocation.enabled": "true",  # the steps need no executor
            "spark.dynamicAllocation.initialExecutors": "0",
            "spark.yarn.appMasterEnv.PYSPARK_PYTHON": os.environ.get("DRIVER_PYTHON", "python3"),
            "spark.yarn.jars": os.environ.get("SPARK_JARS", ""),
            "spark.yarn.maxAppAttempts": "1",  # YARN would start a driver that died again by itself, with its token
            "spark.yarn.stagingDir": os.environ.get("STAGING", ""),
        },
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=1),
    )
