"""The provider's metadata for Airflow: the entry point ``apache_airflow_provider``.

Airflow calls this in every process that discovers providers, so it is data and imports nothing. ``package-name`` has to
be the distribution's name, letter for letter, or Airflow refuses to discover the provider.
"""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Spark Pipeline"
_PLATFORMS = (
    *("emr_serverless", "emr_steps", "emr_container", "livy", "databricks"),
    *("dataproc_batch", "dataproc_job", "spark_application"),
)


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-spark-pipeline",
        "name": "Spark Pipeline",
        "description": "Spark pipelines, described in HOCON, whose retries resume at the component that failed.",
        "integrations": [{"integration-name": _INTEGRATION, "tags": ["service"]}],
        "operators": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": [
                    f"airflow_spark_pipeline.operators.{name}" for name in ("spark_pipeline", "job", *_PLATFORMS)
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_spark_pipeline.sensors.spark_pipeline"],
            }
        ],
        "triggers": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_spark_pipeline.triggers.spark_pipeline"],
            }
        ],
        "hooks": [
            {
                "integration-name": _INTEGRATION,
                "python-modules": ["airflow_spark_pipeline.hooks.spark_pipeline"],
            }
        ],
        "extra-links": ["airflow_spark_pipeline.links.spark_pipeline.SparkPipelineRunLink"],
        "plugins": [
            {
                "name": "spark_pipeline",
                "plugin-class": "airflow_spark_pipeline.plugins.spark_pipeline.SparkPipelinePlugin",
            }
        ],
        "cli": ["airflow_spark_pipeline.cli.airflow.get_cli_commands"],
        "config": {"spark_pipeline": _CONFIG},
    }


_CONFIG: dict[str, Any] = {
    "description": "Settings for Spark pipelines: where they store their checkpoints, from which a retry resumes.",
    "options": {
        "checkpoint_location": {
            "description": (
                "The directory for the checkpoints of all pipelines that do not set a location: a "
                "path or a URL (``file``, ``s3a``, ``hdfs``, ``abfss``, ``gs``). Every Airflow worker "
                "and every Spark driver must be able to reach it, and it must outlive them. If empty, "
                "it is ``spark-pipeline-checkpoints`` in the system's directory for temporary files. "
                "Use this default only for tests: a retry on another worker finds nothing there, and "
                "a restart of the machine may remove it."
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "s3a://data-lake/checkpoints",
            "default": "",
        },
        "checkpoint_conn_id": {
            "description": (
                "The Airflow connection with the credentials for ``checkpoint_location``. If empty, "
                "the worker uses the credentials that the location's client finds in its environment."
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "aws_default",
            "default": "",
        },
        "checkpoint_locations": {
            "description": (
                "More locations that the page *Resumable Runs* shows, in addition to "
                "``checkpoint_location``: the locations that pipelines set in their file or in the "
                "DAG. A JSON list of locations, or of objects with ``location`` and ``conn_id``, and "
                "``store`` as in a pipeline's file. The page reads only locations that one of these "
                "two options contains."
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": '["/data/checkpoints", {"location": "s3://lake/checkpoints", "conn_id": "aws_default"}]',
            "default": "",
        },
        "spark_history_url": {
            "description": (
                "The address of the Spark history server. With it the page links each attempt to its Spark application."
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "https://spark-history.example.com",
            "default": "",
        },
        "namespace": {
            "description": (
                "The name of this Airflow deployment. It is part of the identity of every unit of work: two "
                "deployments that share a location need different names, or a run of one would take over the progress "
                "of the other's run of the same DAG."
            ),
            "version_added": "0.1.0",
            "type": "string",
            "example": "production-eu",
            "default": "default",
        },
        "lease_seconds": {
            "description": (
                "The number of seconds without a heartbeat after which the driver of an earlier "
                "attempt is considered dead; until then, a new attempt waits for it. A driver that "
                "cannot renew its heartbeat for half of this time stops itself."
            ),
            "version_added": "0.1.0",
            "type": "float",
            "example": "120",
            "default": "60",
        },
    },
}
