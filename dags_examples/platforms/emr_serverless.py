"""The pipeline of ``ready_made`` as a job of EMR Serverless.

Needs ``pip install 'airflow-spark-pipeline[emr,s3]'``, a connection ``aws_default``, and a role for the job that reads
and writes the bucket. See ``docs/emr.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.emr_serverless import SparkPipelineEmrServerlessOperator

with DAG(
    dag_id="emr_serverless",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("s3://data-lake/orders.csv", type="string"),
        "result": Param("s3://data-lake/revenue_by_country", type="string"),
        "application": Param("00f1example", type="string"),
        "role": Param("arn:aws:iam::123456789012:role/etl", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineEmrServerlessOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="s3://data-lake/checkpoints",
        application_id="{{ params.application }}",
        execution_role_arn="{{ params.role }}",
        conf={"spark.emr-serverless.driverEnv.PYSPARK_PYTHON": "python3.11"},
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
