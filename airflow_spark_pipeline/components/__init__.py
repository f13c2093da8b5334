"""Built-in components: a pipeline of reading, SQL, checks and writing needs no Python code.

Each can be named as ``airflow_spark_pipeline.components.ReadFiles``. They use the DataFrame API only, so they run on
Spark Connect as well. The classes are imported when they are first used, so this import costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_spark_pipeline.components.bounds import BoundError
    from airflow_spark_pipeline.components.check import CheckFailedError
    from airflow_spark_pipeline.components.check_schema import CheckSchema
    from airflow_spark_pipeline.components.check_sql import CheckSql
    from airflow_spark_pipeline.components.check_values import CheckNotNull, CheckRange, CheckRowCount, CheckUnique
    from airflow_spark_pipeline.components.columns import UnknownColumnError
    from airflow_spark_pipeline.components.read import ReadFiles, ReadTable
    from airflow_spark_pipeline.components.sql import SqlToView
    from airflow_spark_pipeline.components.views import UnknownViewError
    from airflow_spark_pipeline.components.write import TargetExistsError, UnsafeOverwriteError, WriteFiles, WriteTable

_LAZY = {
    "BoundError": "bounds",
    "CheckFailedError": "check",
    "CheckNotNull": "check_values",
    "CheckRange": "check_values",
    "CheckRowCount": "check_values",
    "CheckSchema": "check_schema",
    "CheckSql": "check_sql",
    "CheckUnique": "check_values",
    "ReadFiles": "read",
    "ReadTable": "read",
    "SqlToView": "sql",
    "TargetExistsError": "write",
    "UnknownColumnError": "columns",
    "UnknownViewError": "views",
    "UnsafeOverwriteError": "write",
    "WriteFiles": "write",
    "WriteTable": "write",
}

__all__ = [
    "BoundError",
    "CheckFailedError",
    "CheckNotNull",
    "CheckRange",
    "CheckRowCount",
    "CheckSchema",
    "CheckSql",
    "CheckUnique",
    "ReadFiles",
    "ReadTable",
    "SqlToView",
    "TargetExistsError",
    "UnknownColumnError",
    "UnknownViewError",
    "UnsafeOverwriteError",
    "WriteFiles",
    "WriteTable",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
