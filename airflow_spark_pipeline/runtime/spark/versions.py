"""The differences between Spark 3.5 and Spark 4. No other module checks the Spark version."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

_ANCIENT = ("spark.sql.parquet.datetimeRebaseModeInWrite", "spark.sql.parquet.int96RebaseModeInWrite")
_AS_THEY_ARE = "CORRECTED"  # the default of Spark 4; that of Spark 3.5 is to fail

_SEPARATOR = "\x1f"


def condition_of(error: PySparkException) -> str:
    """Return the name of an error's condition, such as ``TABLE_OR_VIEW_NOT_FOUND``; empty if it has none."""
    said = getattr(error, "getCondition", None) or error.getErrorClass  # Spark 3.5 has only the second
    return said() or ""


def schema_of_ddl(ddl: str) -> StructType:
    """Return the schema of a DDL text.

    :raises PySparkException: the text is not DDL
    """
    from pyspark.sql import types

    parse = getattr(types.StructType, "fromDDL", None) or types._parse_datatype_string  # 3.5
    return cast("StructType", parse(ddl))


def settings_of(spark: SparkSession) -> Mapping[str, str]:
    """Return the settings of a session that were set explicitly, without Spark's defaults."""
    if hasattr(spark.conf, "getAll"):
        found: Mapping[str, str] = spark.conf.getAll
        return found
    session: Any = getattr(spark, "_jsparkSession", None)  # Spark 3.5
    if session is None:
        return {row.key: row.value for row in spark.sql("SET").collect()}
    text = session.sessionState().conf().getAllConfs().mkString(_SEPARATOR)
    return {key: value for key, _, value in (pair.partition(" -> ") for pair in text.split(_SEPARATOR))}


@contextlib.contextmanager
def writing_ancient_dates(spark: SparkSession) -> Iterator[None]:
    """Let the session write dates before 1582 and times before 1900 to Parquet as they are.

    By default Spark 3.5 rejects them, since Spark 2 would read other dates. Afterwards the old settings are restored.
    """
    before = {name: value for name in _ANCIENT if (value := spark.conf.get(name)) != _AS_THEY_ARE}
    for name in before:
        spark.conf.set(name, _AS_THEY_ARE)
    try:
        yield
    finally:
        for name, value in before.items():
            spark.conf.unset(name)  # restore the default: otherwise a resume would set this value again
            if value is not None and spark.conf.get(name) != value:
                spark.conf.set(name, value)
