"""Built-in components: a pipeline of reading, SQL, checks and writing needs no Python code.

Each can be named as ``airflow_spark_pipeline.components.ReadFiles``. They use the DataFrame API only, so they run on
Spark Connect as well. The classes are imported when they are first used, so this import costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline.lazy_exports import lazily

if TYPE_CHECKING:
    from airflow_spark_pipeline.components.bounds import BoundError as BoundError
    from airflow_spark_pipeline.components.check import CheckFailedError as CheckFailedError
    from airflow_spark_pipeline.components.check_schema import CheckSchema as CheckSchema
    from airflow_spark_pipeline.components.check_sql import CheckSql as CheckSql
    from airflow_spark_pipeline.components.check_values import CheckNotNull as CheckNotNull
    from airflow_spark_pipeline.components.check_values import CheckRange as CheckRange
    from airflow_spark_pipeline.components.check_values import CheckRowCount as CheckRowCount
    from airflow_spark_pipeline.components.check_values import CheckUnique as CheckUnique
    from airflow_spark_pipeline.components.columns import UnknownColumnError as UnknownColumnError
    from airflow_spark_pipeline.components.read import ReadFiles as ReadFiles
    from airflow_spark_pipeline.components.read import ReadTable as ReadTable
    from airflow_spark_pipeline.components.sql import SqlToView as SqlToView
    from airflow_spark_pipeline.components.views import UnknownViewError as UnknownViewError
    from airflow_spark_pipeline.components.write import TargetExistsError as TargetExistsError
    from airflow_spark_pipeline.components.write import UnsafeOverwriteError as UnsafeOverwriteError
    from airflow_spark_pipeline.components.write import WriteFiles as WriteFiles
    from airflow_spark_pipeline.components.write import WriteTable as WriteTable

    __all__: list[str]
else:
    __all__, __getattr__, __dir__ = lazily(
        __name__,
        {
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
        },
    )
