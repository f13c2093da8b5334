"""Spark pipelines for Airflow that resume at the component that failed.

This module is imported in the Airflow worker, in every Airflow process that discovers plugins, and in the Spark driver,
so it imports only the standard library; the public names below are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline.lazy_exports import lazily

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airflow_spark_pipeline.checkpoint.stores.locations import open_store as open_store
    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator as SparkPipelineOperator
    from airflow_spark_pipeline.runtime.component.base import Component as Component
    from airflow_spark_pipeline.runtime.component.base import ComponentContext as ComponentContext
    from airflow_spark_pipeline.runtime.lifecycle import AuditHooks as AuditHooks
    from airflow_spark_pipeline.runtime.lifecycle import CheckpointHooks as CheckpointHooks
    from airflow_spark_pipeline.runtime.lifecycle import ComponentEvent as ComponentEvent
    from airflow_spark_pipeline.runtime.lifecycle import LoggingHooks as LoggingHooks
    from airflow_spark_pipeline.runtime.lifecycle import MetricsHooks as MetricsHooks
    from airflow_spark_pipeline.runtime.lifecycle import PipelineEvent as PipelineEvent
    from airflow_spark_pipeline.runtime.lifecycle import PipelineHooks as PipelineHooks
    from airflow_spark_pipeline.runtime.standalone.report import RunReport as RunReport
    from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner as PipelineRunner
    from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor as SparkPipelineRunSensor

    __all__: list[str]
else:
    __all__, __getattr__, __dir__ = lazily(
        __name__,
        {
            "AuditHooks": "runtime.lifecycle",
            "CheckpointHooks": "runtime.lifecycle",
            "Component": "runtime.component.base",
            "ComponentContext": "runtime.component.base",
            "ComponentEvent": "runtime.lifecycle",
            "LoggingHooks": "runtime.lifecycle",
            "MetricsHooks": "runtime.lifecycle",
            "PipelineEvent": "runtime.lifecycle",
            "PipelineHooks": "runtime.lifecycle",
            "PipelineRunner": "runtime.standalone.runner",
            "RunReport": "runtime.standalone.report",
            "SparkPipelineOperator": "operators.spark_pipeline",
            "SparkPipelineRunSensor": "sensors.spark_pipeline",
            "open_store": "checkpoint.stores.locations",
        },
    )
