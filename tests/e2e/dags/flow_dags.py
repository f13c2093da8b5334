"""The DAGs of the page's tests: a pipeline between two plain tasks, for two teams; and a mapped one."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

for dag_id in ("daily_orders", "sensor_events"):
    with DAG(dag_id, schedule=None) as dag:
        (
            EmptyOperator(task_id="begin")
            >> SparkPipelineOperator(
                task_id="etl", pipeline="flow.conf", py_files=["flow"], retries=0, retry_delay=timedelta(seconds=1)
            )
            >> EmptyOperator(task_id="report")
        )
    globals()[dag_id] = dag

with DAG("regions", schedule=None) as regions:
    SparkPipelineOperator.partial(task_id="etl", pipeline="flow.conf", py_files=["flow"], retries=0).expand(
        params=[{"region": "north"}, {"region": "south"}]
    )
