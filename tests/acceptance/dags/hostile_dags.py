"""Parameters and XComs with every character that could end a quote, and a pipeline that writes down what it gets."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

from airflow.sdk import DAG, task

from airflow_spark_pipeline import SparkPipelineOperator

FOLDER = Path(os.environ["HOSTILE"])
VALUES = json.loads((FOLDER / "values.json").read_text(encoding="utf-8"))
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)

with DAG("hostile", schedule=None, start_date=START, params={"values": VALUES}, template_searchpath=str(FOLDER)) as dag:

    @task
    def names() -> list[str]:
        """The files of the mapped task."""
        return ["one.conf"]

    SparkPipelineOperator(task_id="written", pipeline="hostile.conf", env_vars={"REGION": "{{ params['values'][0] }}"})
    SparkPipelineOperator.partial(task_id="mapped").expand(pipeline=names())
