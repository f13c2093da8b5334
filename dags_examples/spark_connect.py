"""The pipeline of ``ready_made`` on a Spark Connect server, without ``spark-submit``.

Create the connection ``spark_connect_default`` (type *Spark Connect*) to a server that can read the same files.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

with DAG(
    dag_id="spark_connect",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param(str(Path(__file__).with_name("ready_made_orders.csv")), type="string"),
        "result": Param(str(Path(tempfile.gettempdir(), "revenue_by_country_on_connect")), type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineOperator(
        task_id="revenue",
        pipeline="ready_made.conf",
        conn_id="spark_connect_default",
        conf={"spark.sql.shuffle.partitions": "4"},  # for the session; the server keeps its own settings
        retries=2,
        retry_delay=timedelta(seconds=30),
    )
    # [END operator]

if __name__ == "__main__":
    dag.test()
