"""The check by a query that selects the wrong rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.check import CheckFailedError, report, rows
from airflow_spark_pipeline.components.sql import sources
from airflow_spark_pipeline.components.views import check_given
from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import SparkSession

_MOST = 1000  # rows to count at most


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

    def reads_views(self) -> Collection[str]:
        """Return the names after FROM and JOIN."""
        return sources(self.sql)

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
