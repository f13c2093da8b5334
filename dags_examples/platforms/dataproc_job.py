"""The pipeline of ``ready_made`` as a job of a Dataproc cluster.

Needs ``pip install 'airflow-spark-pipeline[dataproc,gcs]'``, a connection ``google_cloud_default``, and a cluster whose
service account reads and writes the bucket. See ``docs/dataproc.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.dataproc_job import SparkPipelineDataprocJobOperator

with DAG(
    dag_id="dataproc_job",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("gs://data-lake/orders.csv", type="string"),
        "result": Param("gs://data-lake/revenue_by_country", type="string"),
        "cluster": Param("etl", type="string"),
        "project": Param("my-project", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineDataprocJobOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="gs://data-lake/checkpoints",
        project_id="{{ params.project }}",
        region="europe-west1",
        job={"placement": {"cluster_name": "{{ params.cluster }}"}, "labels": {"team": "etl"}},
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
