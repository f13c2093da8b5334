"""The pipeline of ``ready_made`` as a step of an EMR cluster.

Needs ``pip install 'airflow-spark-pipeline[emr,s3]'``, a connection ``aws_default``, and a cluster whose role reads
and writes the bucket. See ``docs/emr.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.emr_steps import SparkPipelineEmrStepsOperator

with DAG(
    dag_id="emr_steps",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("s3://data-lake/orders.csv", type="string"),
        "result": Param("s3://data-lake/revenue_by_country", type="string"),
        "cluster": Param("j-2AXXXXXXGAPLF", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineEmrStepsOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="s3://data-lake/checkpoints",
        job_flow_id="{{ params.cluster }}",
        conf={"spark.yarn.appMasterEnv.PYSPARK_PYTHON": "python3.11", "spark.executorEnv.PYSPARK_PYTHON": "python3.11"},
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
