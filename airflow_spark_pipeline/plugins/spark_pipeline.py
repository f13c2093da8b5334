"""The plugin that Airflow loads through the entry point ``airflow.plugins``.

Airflow imports this module in every process: scheduler, DAG processor, triggerer, API server, and each task. It
therefore imports nothing but the plugin's base class; pages and routes are built where they are served.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class SparkPipelinePlugin(AirflowPlugin):
    """Makes the package known to Airflow as the plugin ``spark_pipeline``."""

    name = "spark_pipeline"
