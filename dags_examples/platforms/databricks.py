"""The pipeline of ``ready_made`` as a run on Databricks.

Needs ``pip install 'airflow-spark-pipeline[databricks,s3]'`` and a connection ``databricks_default``. See
``docs/databricks.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.databricks import SparkPipelineDatabricksOperator

with DAG(
    dag_id="databricks",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("s3://data-lake/orders.csv", type="string"),
        "result": Param("s3://data-lake/revenue_by_country", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineDatabricksOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="s3://data-lake/checkpoints",
        new_cluster={
            "spark_version": "17.3.x-scala2.13",
            "node_type_id": "m6gd.large",
            "num_workers": 1,
            "data_security_mode": "SINGLE_USER",
            "aws_attributes": {"instance_profile_arn": "arn:aws:iam::123456789012:instance-profile/etl"},
        },
        libraries=[{"pypi": {"package": "s3fs"}}],
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
