"""The pipeline of ``ready_made`` as a SparkApplication of the Kubernetes operator for Apache Spark.

Needs ``pip install 'airflow-spark-pipeline[kubernetes,s3]'``, a connection ``kubernetes_default``, and a service
account ``spark`` whose pods read and write the bucket. See ``docs/spark-application.md``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_spark_pipeline.operators.spark_application import SparkPipelineSparkApplicationOperator

with DAG(
    dag_id="spark_application",
    schedule=None,
    max_active_runs=1,  # runs share the directory of the result
    params={
        "orders": Param("s3a://data-lake/orders.csv", type="string"),
        "result": Param("s3a://data-lake/revenue_by_country", type="string"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
) as dag:
    # [START operator]
    SparkPipelineSparkApplicationOperator(
        task_id="revenue",
        pipeline=Path(__file__).parent.parent / "ready_made.conf",
        checkpoint_location="s3a://data-lake/checkpoints",
        namespace="spark",
        template_spec={
            "apiVersion": "sparkoperator.k8s.io/v1beta2",
            "kind": "SparkApplication",
            "spec": {
                "image": "my-registry/spark-etl:1.0",
                "mode": "cluster",
                "sparkVersion": "4.1.1",
                "restartPolicy": {"type": "Never"},
                "timeToLiveSeconds": 86400,
                "driver": {"cores": 1, "memory": "2g", "serviceAccount": "spark"},
                "executor": {"cores": 2, "instances": 2, "memory": "4g"},
            },
        },
        deferrable=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
    )
    # [END operator]
