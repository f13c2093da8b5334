"""More checks of a view: keys that are unique, values in a range, the columns as agreed, and whatever SQL can say.

Like those of ``check`` each is one Spark job at most, and can stand in a pipeline as a component or among the ``hooks``
of the component whose result it checks: there it decides before that component is recorded as done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from airflow_spark_pipeline.components.check import CheckFailedError, report, rows
from airflow_spark_pipeline.components.views import check_given, check_view_name, frame_of
from airflow_spark_pipeline.runtime.component import Component

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import SparkSession

_MOST = 1000  # rows that are counted


@dataclass
class CheckUnique(Component):
    """Fail if two rows of a view agree in all of these columns. Nulls count as equal.

    :param view: the view to look at
    :param columns: names of columns, or of fields in them (``address.city``)
    :raises ValueError: no column is named, or the view's name is no identifier
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
        """Count the keys that stand in more than one row.

        :raises CheckFailedError: there are some
        :raises UnknownViewError: there is no such view
        """
        from pyspark.sql import functions as F  # noqa: N812

        keys = [F.col(name).alias(f"key_{i}") for i, name in enumerate(self.columns)]
        counted = frame_of(spark, self.view).select(*keys).groupBy(*[f"key_{i}" for i in range(len(keys))]).count()
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
    """Fail if values of a column lie outside a range; nulls and NaN are outside only if they are not allowed.

    :param view: the view to look at
    :param column: name of a numeric column, or of a field in one
    :param min: the least value that is right; by default there is none
    :param max: the greatest value that is right; by default there is none
    :param allow_null: whether a null (or NaN) is right
    :raises ValueError: no bound is given, they exclude every value, or the view's name is no identifier
    """

    view: str
    column: str
    min: float | None = None
    max: float | None = None
    allow_null: bool = True

    def __post_init__(self) -> None:
        check_view_name(self.view)
        check_given("column", self.column)
        if self.min is None and self.max is None:
            raise ValueError("give min, max, or both")
        if self.min is not None and self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max:g}) is less than min ({self.min:g})")

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Count what lies outside, with the least and greatest value.

        :raises CheckFailedError: something does
        :raises UnknownViewError: there is no such view
        """
        from pyspark.sql import functions as F  # noqa: N812

        value = F.col(self.column).cast("double")
        unknown = value.isNull() | F.isnan(value)
        outside = F.lit(False)
        outside = outside if self.min is None else outside | (value < self.min)
        outside = outside if self.max is None else outside | (value > self.max)
        found = frame_of(spark, self.view).agg(
            F.count(F.lit(1)),
            F.count_if(~unknown & outside),
            F.count_if(unknown),
            F.min(F.when(~unknown, value)),
            F.max(F.when(~unknown, value)),
        )
        total, bad, nulls, least, greatest = found.collect()[0]
        wrong = []
        if bad:
            extremes = f"(found {least:g} to {greatest:g})"
            wrong.append(f"{rows(bad)} with {self.column!r} outside {self._range()} {extremes}")
        if nulls and not self.allow_null:
            wrong.append(f"{rows(nulls)} with null in {self.column!r}")
        if wrong:
            raise CheckFailedError(f"view {self.view!r} has {', '.join(wrong)} (of {total:,})", view=self.view)
        report(self, f"{self.column!r} of view {self.view!r} lies within {self._range()} ({rows(total)})")

    def _range(self) -> str:
        if self.max is None:
            return f"{self.min:g} and above"
        return f"{self.max:g} and below" if self.min is None else f"{self.min:g} to {self.max:g}"


@dataclass
class CheckSchema(Component):
    """Fail if a view has not the columns that later steps count on. Reads no data.

    :param view: the view to look at
    :param schema: the columns as DDL (``"id BIGINT, day DATE"``); types are compared, comments and nullability are not
    :param allow_more: whether further columns are right
    :raises ValueError: the schema is empty, or the view's name is no identifier
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
        """Compare.

        :raises CheckFailedError: a column is missing, of another type, or one too many
        :raises UnknownViewError: there is no such view
        """
        from pyspark.sql.types import StructType

        agreed = cast("StructType", StructType.fromDDL(self.schema))
        wanted = {each.name: each.dataType.simpleString() for each in agreed.fields}
        there = {each.name: each.dataType.simpleString() for each in frame_of(spark, self.view).schema.fields}
        wrong = [
            f"no column {name!r} ({kind})" if name not in there else f"{name!r} of type {there[name]}, not {kind}"
            for name, kind in wanted.items()
            if there.get(name) != kind
        ]
        more = [name for name in there if name not in wanted]
        if more and not self.allow_more:
            wrong.append(f"further columns: {', '.join(more)}")
        if wrong:
            raise CheckFailedError(f"view {self.view!r} has {'; '.join(wrong)}", view=self.view)
        report(self, f"view {self.view!r} has the columns {', '.join(wanted)}")


@dataclass
class CheckSql(Component):
    """Fail if a query finds anything: it selects the rows that are wrong.

    :param sql: one query over views and tables, such as ``SELECT * FROM orders WHERE paid > total``
    :param message: what such a row means, for the error
    :param args: values for named parameters, as for ``SqlToView``
    :param shown_rows: how many of them the error quotes; it goes into logs and checkpoints, so by default none
    :raises ValueError: the query is empty
    """

    sql: str
    message: str = "the query finds rows that are wrong"
    shown_rows: int = 0
    args: dict[str, str | int | float | bool] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_given("sql", self.sql)

    def run(self, spark: SparkSession) -> None:
        """Run the query until it has found a few rows.

        :raises CheckFailedError: it found some; with their number, up to a thousand
        """
        found = spark.sql(self.sql, args=self.args or None).limit(_MOST).collect()
        if found:
            count = f"{_MOST:,} rows or more" if len(found) == _MOST else rows(len(found))
            shown = "; ".join(str(row.asDict()) for row in found[: max(self.shown_rows, 0)])
            raise CheckFailedError(f"{self.message}: {count}{', such as ' + shown if shown else ''}", view="")
        report(self, f"passed: no row where {self.message}")
