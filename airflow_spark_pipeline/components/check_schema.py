"""The check of a view's columns, which reads no data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.check import ViewCheck, report
from airflow_spark_pipeline.components.schemas import differences, is_case_sensitive, parse_ddl
from airflow_spark_pipeline.components.views import check_given, frame_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass
class CheckSchema(ViewCheck):
    """Fail if a view does not have the columns that later components need. Reads no data.

    Names are compared as in Spark (``spark.sql.caseSensitive``), types including nested fields.

    :param view: name of the view to check
    :param schema: the columns as DDL (``"id BIGINT, lines ARRAY<STRUCT<sku: STRING>>"``). ``NOT NULL`` requires a
        column that its schema declares as not null, as a table may do. Files cannot declare this: use ``CheckNotNull``
        for them. Comments are not compared
    :param allow_more: whether further columns are allowed
    :raises ValueError: the schema is empty, or the view's name is not an identifier
    """

    schema: str
    allow_more: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_given("schema", self.schema)

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
            self.fail(f"{'; '.join(wrong)}")
        report(self, f"view {self.view!r} has the columns {', '.join(agreed.names)}")
