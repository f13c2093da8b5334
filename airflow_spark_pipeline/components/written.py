"""What the ready-made writers say that they wrote, so that Airflow gets asset events.

Not guaranteed: an event for a path without a scheme on Spark Connect, where only the server knows its file system.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.runtime.component.base import Component, ContextNotAttachedError
from airflow_spark_pipeline.runtime.component.written import asset_uri
from airflow_spark_pipeline.runtime.spark.connect import is_connect

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_PART = re.compile(r"`((?:[^`]|``)+)`|[^.`]+")


def check_asset(asset: str | None) -> None:
    """Reject a URI that cannot name an asset; empty text is for none.

    :raises ValueError: Airflow does not accept it
    """
    if asset:
        asset_uri(asset)


def say_written(component: Component, uri: str | None, **facts: Any) -> None:
    """Say what was written. A component that runs alone, without a context, says nothing."""
    if uri:
        with contextlib.suppress(ContextNotAttachedError):
            component.context.wrote(uri, **facts)


def uri_of_path(spark: SparkSession, path: str) -> str | None:
    """Return the URI of a path as Spark resolves it, or ``None`` if only a Spark Connect server knows it."""
    if not _SCHEME.match(path):
        if is_connect(spark):
            return None
        jvm, hadoop = spark._jvm, spark._jsc.hadoopConfiguration()  # noqa: SLF001  # the public API cannot ask this
        hadoop_path = jvm.org.apache.hadoop.fs.Path(path)  # type: ignore[union-attr]
        path = str(hadoop_path.getFileSystem(hadoop).makeQualified(hadoop_path).toString())
    return re.sub(r"^file:/+", "file:///", path)


def uri_of_table(spark: SparkSession, table: str) -> str:
    """Return the URI of a table: ``x-spark-table://catalog/schema/table``, with the session's catalog and schema.

    :param table: name as Spark reads it; parts with special characters are in backticks
    """
    parts = [found[1].replace("``", "`") if found[1] else found[0] for found in _PART.finditer(table)]
    if len(parts) == 1:
        parts = [spark.catalog.currentDatabase(), *parts]
    if len(parts) == len(("schema", "table")):
        parts = [spark.catalog.currentCatalog(), *parts]
    return f"x-spark-table://{'/'.join(parts)}"
