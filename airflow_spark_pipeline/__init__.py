"""Spark pipelines for Airflow that resume at the component that failed.

This module is loaded in the Airflow worker, in every Airflow process that discovers plugins, and in the Spark
driver, so it imports the standard library only; the public names below are looked up when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from airflow_spark_pipeline.runtime.component import Component, ComponentContext

__version__ = "0.1.0"

_LAZY = {
    "Component": "airflow_spark_pipeline.runtime.component",
    "ComponentContext": "airflow_spark_pipeline.runtime.component",
    "SparkPipelineOperator": "airflow_spark_pipeline.operators.spark_pipeline",
}

__all__ = ["Component", "ComponentContext", "SparkPipelineOperator", "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
