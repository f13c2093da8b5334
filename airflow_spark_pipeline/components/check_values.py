"""Checks of a view's rows and of the values in its columns."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.components.bounds import BoundError, Limit, is_number, limit, outside, plain, shown
from airflow_spark_pipeline.components.check import ColumnsCheck, ViewCheck, report, rows
from airflow_spark_pipeline.components.columns import missing, nothing, type_of
from airflow_spark_pipeline.components.views import check_given, frame_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType


@dataclass
class CheckRowCount(ViewCheck):
    """Fail if a view has too few or too many rows.

    :param view: the view to count
    :param min: smallest allowed number of rows
    :param max: greatest allowed number of rows; default: no limit
    :raises ValueError: the bounds exclude every count, or the view's name is not an identifier
    """

    min: int = 1
    max: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min < 0:
            raise ValueError(f"min is {self.min:,}; a row count is never below 0")
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max:,}) is less than min ({self.min:,})")

    def run(self, spark: SparkSession) -> None:
        """Count the rows.

        :raises CheckFailedError: the count is out of bounds
        :raises UnknownViewError: there is no such view
        """
        count = frame_of(spark, self.view).count()
        if count < self.min:
            self.fail(f"{rows(count)}; expected at least {self.min:,}")
        if self.max is not None and count > self.max:
            self.fail(f"{rows(count)}; expected at most {self.max:,}")
        report(self, f"view {self.view!r} has {rows(count)}")


@dataclass
class CheckNotNull(ColumnsCheck):
    """Fail if values of a column are missing: NULL, or NaN. A view without rows passes; check its row count as well.

    :param view: name of the view to check
    :param columns: names of columns, or of fields in them (``address.city``)
    :raises ValueError: no column is given, or the view's name is not an identifier
    """

    def run(self, spark: SparkSession) -> None:
        """Count the missing values of all columns in one pass.

        :raises CheckFailedError: a value is missing
        :raises UnknownViewError: there is no such view
        :raises UnknownColumnError: there is no such column
        """
        from pyspark.sql import functions as F  # noqa: N812

        frame = frame_of(spark, self.view)
        kinds = {name: type_of(frame, self.view, name) for name in self.columns}
        counts = [F.count_if(missing(F.col(name), kind)) for name, kind in kinds.items()]
        total, *found = tuple(frame.agg(F.count(F.lit(1)), *counts).collect()[0])
        bad = [
            f"{rows(n)} with {nothing(kind)} in {name!r}"
            for (name, kind), n in zip(kinds.items(), found, strict=True)
            if n
        ]
        if bad:
            self.fail(f"{', '.join(bad)} (of {total:,})")
        report(self, f"no null in {', '.join(map(repr, self.columns))} of view {self.view!r} ({rows(total)})")


@dataclass
class CheckUnique(ColumnsCheck):
    """Fail if two rows of a view are equal in all of these columns. Missing values (NULL, NaN) count as equal.

    :param view: name of the view to check
    :param columns: names of columns, or of fields in them (``address.city``)
    :raises ValueError: no column is given, or the view's name is not an identifier
    """

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
            message = f"{twice:,} {'key' if twice == 1 else 'keys'} ({names}) not unique, {rows(extra)} too many"
            self.fail(f"{message} (of {total:,})")
        report(self, f"{names} is unique in view {self.view!r} ({rows(total)})")


@dataclass
class CheckRange(ViewCheck):
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

    column: str
    min: int | float | str | Decimal | dt.date | None = None
    max: int | float | str | Decimal | dt.date | None = None
    allow_null: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_given("column", self.column)
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        if is_number(self.min) and is_number(self.max):
            self._check_order(Decimal(str(self.min)), Decimal(str(self.max)))

    def _check_order(self, least: Any, most: Any) -> None:
        if most < least:
            raise ValueError(f"max ({shown(self.max or 0)}) is less than min ({shown(self.min or 0)})")

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
            self.fail(f"{', '.join(wrong)} (of {total:,})")
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
