"""Hooks around a pipeline and its components: logs, an audit file, metrics, checks, and whatever a user writes."""

from airflow_spark_pipeline.runtime.hooks.audit import AuditHooks
from airflow_spark_pipeline.runtime.hooks.base import ComponentEvent, PipelineEvent, PipelineHooks, RunInfo
from airflow_spark_pipeline.runtime.hooks.checkpoints import CheckpointHooks
from airflow_spark_pipeline.runtime.hooks.logs import LoggingHooks
from airflow_spark_pipeline.runtime.hooks.metrics import MetricsHooks

__all__ = [
    "AuditHooks",
    "CheckpointHooks",
    "ComponentEvent",
    "LoggingHooks",
    "MetricsHooks",
    "PipelineEvent",
    "PipelineHooks",
    "RunInfo",
]
