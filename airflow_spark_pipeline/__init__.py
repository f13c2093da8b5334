"""Spark pipelines for Airflow that resume at the component that failed.

This module is imported in the Airflow worker, in every Airflow process that discovers plugins, and in the Spark driver,
so it imports only the standard library; the public names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_spark_pipeline.checkpoint.stores.locations import open_store
    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
    from airflow_spark_pipeline.runtime.lifecycle import (
        AuditHooks,
        CheckpointHooks,
        ComponentEvent,
        LoggingHooks,
        MetricsHooks,
        PipelineEvent,
        PipelineHooks,
    )
    from airflow_spark_pipeline.runtime.standalone.report import RunReport
    from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner
    from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor

__version__ = "0.1.0"

_LAZY = {
    "AuditHooks": "airflow_spark_pipeline.runtime.lifecycle",
    "CheckpointHooks": "airflow_spark_pipeline.runtime.lifecycle",
    "Component": "airflow_spark_pipeline.runtime.component.base",
    "ComponentContext": "airflow_spark_pipeline.runtime.component.base",
    "ComponentEvent": "airflow_spark_pipeline.runtime.lifecycle",
    "LoggingHooks": "airflow_spark_pipeline.runtime.lifecycle",
    "MetricsHooks": "airflow_spark_pipeline.runtime.lifecycle",
    "PipelineEvent": "airflow_spark_pipeline.runtime.lifecycle",
    "PipelineHooks": "airflow_spark_pipeline.runtime.lifecycle",
    "PipelineRunner": "airflow_spark_pipeline.runtime.standalone.runner",
    "RunReport": "airflow_spark_pipeline.runtime.standalone.report",
    "SparkPipelineOperator": "airflow_spark_pipeline.operators.spark_pipeline",
    "SparkPipelineRunSensor": "airflow_spark_pipeline.sensors.spark_pipeline",
    "open_store": "airflow_spark_pipeline.checkpoint.stores.locations",
}

__all__ = [
    "AuditHooks",
    "CheckpointHooks",
    "Component",
    "ComponentContext",
    "ComponentEvent",
    "LoggingHooks",
    "MetricsHooks",
    "PipelineEvent",
    "PipelineHooks",
    "PipelineRunner",
    "RunReport",
    "SparkPipelineOperator",
    "SparkPipelineRunSensor",
    "__version__",
    "open_store",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
