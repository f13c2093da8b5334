"""Columns of a view: finds them by Spark's rules, and defines *missing* values for all checks.

Missing is NULL, and also NaN in a ``FLOAT`` or ``DOUBLE`` column: pandas writes NaN for missing values. A name that
Spark cannot resolve is reported with the nearest names.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_spark_pipeline.binding.suggestions import did_you_mean
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.spark.versions import condition_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import DataType, StructType

_SHOWN = 10


class UnknownColumnError(SparkPipelineError):
    """A component uses a column that its view does not have, or has twice.

    A retry does not help: fix the name, or the component that makes the view.

    :param view: name of the view
    :param column: name of the column that was not found
    """

    retry_helps = False

    def __init__(self, message: str, *, view: str, column: str) -> None:
        super().__init__(message)
        self.view = view
        self.column = column


def type_of(frame: DataFrame, view: str, column: str) -> DataType:
    """Return the type of a column, or of a field in a column (``address.city``).

    :param view: name of the view, for the error
    :raises UnknownColumnError: there is no such column, or there are several
    """
    from pyspark.errors import AnalysisException

    try:
        schema: StructType = frame.select(column).schema
    except AnalysisException as error:
        condition = condition_of(error)
        if condition.startswith("AMBIGUOUS_REFERENCE"):
            message = (
                f"view {view!r} has several columns {column!r}; give them different names in the "
                "component that creates the view"
            )
            raise UnknownColumnError(message, view=view, column=column) from None
        if condition.startswith(("INVALID_ATTRIBUTE_NAME", "_LEGACY_ERROR_TEMP_1049")):  # the second in Spark 3.5
            message = (
                f"{column!r} is not the name of a column; put backticks around a name that contains dots or backticks"
            )
            raise UnknownColumnError(message, view=view, column=column) from None
        if not condition.startswith(("UNRESOLVED_COLUMN", "FIELD_NOT_FOUND", "INVALID_EXTRACT")):
            raise
        message = f"view {view!r} has no column {column!r}{near(column, _paths(frame.schema))}"
        raise UnknownColumnError(message, view=view, column=column) from None
    return schema.fields[0].dataType


def near(name: str, names: Iterable[str]) -> str:
    """Return an addition to "there is no such column": the nearest name, otherwise the existing names."""
    known = list(names)
    if guess := did_you_mean(name, known):
        return guess
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"; it has {', '.join(known[:_SHOWN]) or 'no columns'}{more}"


def missing(column: Column, kind: DataType) -> Column:
    """Return whether a value is missing: NULL, or NaN."""
    from pyspark.sql import functions as F  # noqa: N812

    return column.isNull() | F.isnan(column) if is_float(kind) else column.isNull()


def is_float(kind: DataType) -> bool:
    """Whether a column can hold NaN."""
    from pyspark.sql.types import DecimalType, FractionalType

    return isinstance(kind, FractionalType) and not isinstance(kind, DecimalType)


def nothing(kind: DataType) -> str:
    """Return the term for missing values of this type."""
    return "null or NaN" if is_float(kind) else "null"


def repeated(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def _paths(schema: StructType) -> list[str]:
    """Return the names of the columns and of their fields."""
    from pyspark.sql.types import StructType

    found = []
    for each in schema.fields:
        found.append(each.name)
        if isinstance(each.dataType, StructType):
            found += [f"{each.name}.{below}" for below in _paths(each.dataType)]
    return found
