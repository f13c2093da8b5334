"""Hooks around a pipeline and its components: logs, an audit file, metrics, checks, and users' own hooks."""

from airflow_spark_pipeline.runtime.lifecycle.audit import AuditHooks
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks, RunInfo
from airflow_spark_pipeline.runtime.lifecycle.checkpoints import CheckpointHooks
from airflow_spark_pipeline.runtime.lifecycle.logs import LoggingHooks
from airflow_spark_pipeline.runtime.lifecycle.metrics import MetricsHooks

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
