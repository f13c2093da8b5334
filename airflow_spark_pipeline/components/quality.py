"""More checks of a view: unique keys, values in a range, expected columns, and any condition in SQL.

Like those in ``check``, each is at most one Spark job. Use a check as a component of the pipeline, or in the ``hooks``
of the component whose result it checks: then it runs before that component is recorded as done.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.components.bounds import BoundError, Limit, is_number, limit, outside, plain, shown
from airflow_spark_pipeline.components.check import CheckFailedError, report, rows
from airflow_spark_pipeline.components.columns import missing, nothing, type_of
from airflow_spark_pipeline.components.schemas import differences, is_case_sensitive, parse_ddl
from airflow_spark_pipeline.components.views import check_given, check_view_name, frame_of
from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType

_MOST = 1000  # rows to count at most


@dataclass
class CheckUnique(Component):
    """Fail if two rows of a view are equal in all of these columns. Missing values (NULL, NaN) count as equal.

    :param view: name of the view to check
    :param columns: names of columns, or of fields in them (``address.city``)
    :raises ValueError: no column is given, or the view's name is not an identifier
    """

    view: str
    columns: list[str]

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("columns", self.columns)

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Count the keys that occur in more than one row.

        :raises CheckFailedError: a key occurs in more than one row
        :raises UnknownViewError: there is no such view
        :raises UnknownColumnError: there is no such column
        """
        from pyspark.sql import functions as F  # noqa: N812

        frame = frame_of(spark, self.view)
        kinds = [(type_of(frame, self.view, name), F.col(name)) for name in self.columns]
        keys = [F.when(~missing(column, kind), column).alias(f"key_{i}") for i, (kind, column) in enumerate(kinds)]
        counted = frame.select(*keys).groupBy(*[f"key_{i}" for i in range(len(keys))]).count()
        total, twice, extra = counted.agg(
            F.coalesce(F.sum("count"), F.lit(0)),
            F.count_if(F.col("count") > 1),
            F.coalesce(F.sum(F.col("count") - 1), F.lit(0)),
        ).collect()[0]
        names = ", ".join(map(repr, self.columns))
        if twice:
            message = f"view {self.view!r} has {twice:,} keys ({names}) that are not unique, {rows(extra)} too many"
            raise CheckFailedError(f"{message} (of {total:,})", view=self.view)
        report(self, f"{names} is unique in view {self.view!r} ({rows(total)})")


@dataclass
class CheckRange(Component):
    """Fail if values of a column are outside a range; missing values (NULL, NaN) fail only if they are not allowed.

    Values are compared exactly, in the type of the column; see ``bounds``.

    :param view: name of the view to check
    :param column: name of a column of numbers, dates, timestamps or text, or of a field in such a column
    :param min: smallest allowed value; default: no limit. Write dates and timestamps as text: ``"2026-01-31"``,
        ``"2026-01-31 06:00:00"``; without a time zone, the session's is used. Quote a decimal with more than 15 digits,
        which HOCON would round
    :param max: greatest allowed value; default: no limit
    :param allow_null: whether missing values are allowed
    :raises ValueError: no bound is given, the bounds exclude every value, or the view's name is not an identifier
    """

    view: str
    column: str
    min: int | float | str | Decimal | dt.date | None = None
    max: int | float | str | Decimal | dt.date | None = None
    allow_null: bool = True

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("column", self.column)
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        if is_number(self.min) and is_number(self.max):
            self._check_order(Decimal(str(self.min)), Decimal(str(self.max)))

    def _check_order(self, least: Any, most: Any) -> None:
        if most < least:
            raise ValueError(f"max ({shown(self.max or 0)}) is less than min ({shown(self.min or 0)})")

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Count the values outside the range, and find the smallest and the greatest.

        :raises CheckFailedError: a value is outside the range
        :raises UnknownViewError: there is no such view
        :raises UnknownColumnError: there is no such column
        :raises BoundError: a bound does not fit the column's type
        """
        from pyspark.sql import functions as F  # noqa: N812

        frame = frame_of(spark, self.view)
        kind = type_of(frame, self.view, self.column)
        least, most = self._limit("min", kind), self._limit("max", kind)
        if least is not None and most is not None:
            self._check_order(least.order, most.order)
        value = F.col(self.column)
        unknown = missing(value, kind)
        known = F.when(~unknown, value)
        found = frame.agg(
            F.count(F.lit(1)),
            F.count_if(~unknown & outside(value, kind, least, most)),
            F.count_if(unknown),
            F.min(known).cast("string"),  # Python has no dates after the year 9999
            F.max(known).cast("string"),
        )
        total, bad, nulls, lowest, highest = found.collect()[0]
        wrong = []
        if bad:
            extremes = f"(found {plain(lowest)} to {plain(highest)})"
            wrong.append(f"{rows(bad)} with {self.column!r} outside {self._range()} {extremes}")
        if nulls and not self.allow_null:
            wrong.append(f"{rows(nulls)} with {nothing(kind)} in {self.column!r}")
        if wrong:
            raise CheckFailedError(f"view {self.view!r} has {', '.join(wrong)} (of {total:,})", view=self.view)
        report(self, f"{self.column!r} of view {self.view!r} is within {self._range()} ({rows(total)})")

    def _limit(self, which: str, kind: DataType) -> Limit | None:
        bound = self.min if which == "min" else self.max
        try:
            return None if bound is None else limit(bound, kind, lower=which == "min")
        except BoundError as error:
            raise BoundError(f"{which} of {self.column!r} in view {self.view!r}: {error}") from None

    def _range(self) -> str:
        if self.min is None:
            return f"{shown(self.max or 0)} and below"
        return f"{shown(self.min)} and above" if self.max is None else f"{shown(self.min)} to {shown(self.max)}"


@dataclass
class CheckSchema(Component):
    """Fail if a view does not have the columns that later components need. Reads no data.

    Names are compared as in Spark (``spark.sql.caseSensitive``), types including nested fields.

    :param view: name of the view to check
    :param schema: the columns as DDL (``"id BIGINT, lines ARRAY<STRUCT<sku: STRING>>"``). ``NOT NULL`` requires a
        column that its schema declares as not null, as a table may do. Files cannot declare this: use ``CheckNotNull``
        for them. Comments are not compared
    :param allow_more: whether further columns are allowed
    :raises ValueError: the schema is empty, or the view's name is not an identifier
    """

    view: str
    schema: str
    allow_more: bool = True

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("schema", self.schema)

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Compare the columns.

        :raises CheckFailedError: a column is missing, has another type, or is not expected
        :raises ValueError: the schema is not DDL, or has a column twice
        :raises UnknownViewError: there is no such view
        """
        agreed = parse_ddl(self.schema)
        exactly = is_case_sensitive(spark)
        wrong = differences(agreed, frame_of(spark, self.view).schema, exactly=exactly, allow_more=self.allow_more)
        if wrong:
            raise CheckFailedError(f"view {self.view!r} has {'; '.join(wrong)}", view=self.view)
        report(self, f"view {self.view!r} has the columns {', '.join(agreed.names)}")


@dataclass
class CheckSql(Component):
    """Fail if a query returns any row: it selects the wrong rows.

    :param sql: one query over views and tables, such as ``SELECT * FROM orders WHERE paid > total``
    :param message: meaning of such a row, for the error
    :param args: values for named parameters: ``:day`` in the query takes the value of ``day``
    :param shown_rows: number of wrong rows to quote in the error, which goes into logs and checkpoints; default: none
    :raises ValueError: the query is empty
    """

    sql: str
    message: str = "the query finds rows that are wrong"
    shown_rows: int = 0
    args: dict[str, str | int | float | bool] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_given("sql", self.sql)

    def run(self, spark: SparkSession) -> None:
        """Run the query until it has returned a few rows.

        :raises CheckFailedError: the query returned rows; the error has their number, up to a thousand
        """
        found = spark.sql(self.sql, args=self.args or None).limit(_MOST).collect()
        if found:
            count = f"{_MOST:,} rows or more" if len(found) == _MOST else rows(len(found))
            shown = "; ".join(str(row.asDict()) for row in found[: max(self.shown_rows, 0)])
            raise CheckFailedError(f"{self.message}: {count}{', such as ' + shown if shown else ''}", view="")
        report(self, f"passed: no rows found for: {self.message}")
