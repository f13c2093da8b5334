"""The pipeline of ``ready_made`` as a batch of Apache Livy.

Needs ``pip install 'airflow-spark-pipeline[livy,hdfs]'`` and a connection ``livy_default``. See ``docs/livy.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.livy import SparkPipelineLivyOperator

with DAG(
    dag_id="livy",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("hdfs:///data/orders.csv", type="string"),
        "result": Param("hdfs:///data/revenue_by_country", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineLivyOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="hdfs://namenode:8020/checkpoints",
        executor_memory="2g",
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
