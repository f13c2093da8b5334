"""Components that read: files of any format that Spark supports, and tables.

They define a view and read nothing yet, except to infer a schema. So later components see the data at the time when
*they* run, and a resumed run that reads again may see newer files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.views import check_given, check_view_name
from airflow_spark_pipeline.runtime.component.base import Component

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyspark.sql import DataFrame, SparkSession


@dataclass
class ReadFiles(Component):
    """Make a view of files.

    :param path: path, URI or glob, or a list of them
    :param view: name of the temp view
    :param format: any format of ``spark.read`` (``parquet``, ``csv``, ``json``, ``orc``, ``text``, ``delta``, …)
    :param options: options of Spark's reader, such as ``{ header = true }``
    :param schema: columns as DDL (``"id BIGINT, day DATE"``); default: the files' own schema, or an inferred one. The
        header of a CSV file must have these columns in this order; with the option ``enforceSchema = true`` only the
        position counts
    :raises ValueError: a setting is empty, or the view's name is not an identifier
    """

    path: str | list[str]
    view: str
    format: str = "parquet"
    options: dict[str, str] = field(default_factory=dict, repr=False)  # may hold credentials
    schema: str | None = None

    replay_on_resume = True

    def __post_init__(self) -> None:
        check_given("path", self.path)
        check_given("format", self.format)
        check_view_name(self.view)

    def makes_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view."""
        reader = spark.read.format(self.format)
        if self.schema is not None and self.format.lower() == "csv":
            # By default Spark matches by position, and would fill a column with the values of another one.
            reader = reader.option("enforceSchema", "false")
        for key, value in self.options.items():
            reader = reader.option(key, value)
        if self.schema is not None:
            reader = reader.schema(self.schema)
        return {self.view: reader.load(self.path)}


@dataclass
class ReadTable(Component):
    """Make a view of a table, or of a part of it.

    :param table: name of the table, with catalog and schema if needed
    :param view: name of the temp view
    :param columns: names of the columns to keep, in this order; default: all
    :param where: SQL condition on any of the table's columns
    :raises ValueError: a setting is empty, or the view's name is not an identifier
    """

    table: str
    view: str
    columns: list[str] = field(default_factory=list)
    where: str | None = None

    replay_on_resume = True

    def __post_init__(self) -> None:
        check_given("table", self.table)
        check_view_name(self.view)

    def makes_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view."""
        frame = spark.table(self.table)
        if self.where is not None:
            frame = frame.where(self.where)  # before the select: the condition may use a column that is not kept
        return {self.view: frame.select(*self.columns) if self.columns else frame}
