"""A component that is one SQL query.

The query is part of the description and not in a separate file, so that a resumed run notices an edit. HOCON allows
several lines between triple quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.views import check_given, check_view_name
from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame, SparkSession

_NAME = r"(?:`[^`]+`|[^\W\d]\w*)"
# FROM orders o, `my view` JOIN customers
_SOURCES = re.compile(rf"\b(?:from|join)\s+({_NAME}(?:(?:\s+(?:as\s+)?\w+)?\s*,\s*{_NAME})*)", re.IGNORECASE)


def sources(sql: str) -> set[str]:
    """Return the plain names after FROM and JOIN, in lower case; some may be tables, or names inside the query."""
    lists = (re.split(r"\s*,\s*", found) for found in _SOURCES.findall(sql))
    names = (re.match(_NAME, item) for items in lists for item in items)
    return {name[0].strip("`").lower() for name in names if name}


@dataclass
class SqlToView(Component):
    """Make a view of a query over tables and the views of earlier components.

    The view is not computed here. Each component that uses it computes it again.

    :param sql: one query; it may read the view that it replaces
    :param view: name of the temp view
    :param args: values for named parameters: ``:day`` in the query takes the value of ``day``, which needs no quotes
        and cannot change the query
    :raises ValueError: the query is empty, or the view's name is not an identifier
    """

    sql: str
    view: str
    args: dict[str, str | int | float | bool] = field(default_factory=dict, repr=False)

    replay_on_resume = True

    def __post_init__(self) -> None:
        check_given("sql", self.sql)
        check_view_name(self.view)

    def reads_views(self) -> Collection[str]:
        """Return the names after FROM and JOIN."""
        return sources(self.sql)

    def makes_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view."""
        return {self.view: spark.sql(self.sql, args=self.args or None)}
