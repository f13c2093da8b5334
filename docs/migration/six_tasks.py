"""Before: six tasks, and six Spark applications that hand data over through storage."""

from __future__ import annotations

import os
from itertools import pairwise

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

HERE = os.path.dirname(__file__)
DATA = os.environ.get("SHOP_DATA", "/data/shop")
STEPS = ("extract", "clean", "convert", "check", "revenue", "export")

with DAG("shop_six_tasks", schedule="@daily", catchup=False):
    tasks = [
        SparkSubmitOperator(
            task_id=step,
            application=f"{HERE}/shop_job.py",
            application_args=[step, DATA],
            retries=3,
        )
        for step in STEPS
    ]
    for earlier, later in pairwise(tasks):
        earlier >> later
