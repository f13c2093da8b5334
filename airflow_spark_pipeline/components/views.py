"""Temp views: checks of their names, and access to their DataFrames.

Guarantees: a name that passes :func:`check_view_name` can be registered as a temp view and used in SQL without quotes;
a missing view is reported together with the existing ones.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.spark.versions import condition_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UnknownViewError(SparkPipelineError):
    """A component uses a view that is not registered.

    A retry does not help: fix the name, or have the component that makes the view run (or be restored) before.

    :param view: name of the view that was not found
    """

    retry_helps = False

    def __init__(self, message: str, *, view: str) -> None:
        super().__init__(message)
        self.view = view


def check_view_name(name: str) -> None:
    """Reject a name that Spark cannot register as a temp view.

    :raises ValueError: the name is not a plain identifier
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a view; use letters, digits and underscores, and no digit at the start")


def check_given(what: str, value: object) -> None:
    """Reject an empty setting, which Spark would misunderstand or report far from its cause.

    :param what: key of the setting, for the message
    :raises ValueError: the value is empty, or a list with an empty entry
    """
    if not value or (isinstance(value, str) and not value.strip()) or (isinstance(value, list) and not all(value)):
        raise ValueError(f"{what} is empty")


def frame_of(spark: SparkSession, view: str) -> DataFrame:
    """Return the DataFrame of the view (or of the table in the current schema) with this name.

    :raises UnknownViewError: there is no such view or table
    """
    from pyspark.errors import AnalysisException

    try:
        frame = spark.table(view)
        _ = frame.schema  # Spark Connect resolves the name only here
    except AnalysisException as error:
        if condition_of(error) != "TABLE_OR_VIEW_NOT_FOUND":
            raise
    else:
        return frame
    raise UnknownViewError(f"view {view!r} does not exist; known views: {_known_views(spark)}", view=view)


def _known_views(spark: SparkSession) -> str:
    names: list[str] = []
    # SHOW VIEWS, because listing the tables of a large metastore takes minutes; the session catalog, because other
    # catalogs may have no views. If listing fails, the original error must still be reported.
    with contextlib.suppress(Exception):
        rows = spark.sql("SHOW VIEWS IN spark_catalog.default").collect()
        names = sorted(row.viewName for row in rows if row.isTemporary)
    return ", ".join(names) or "none"
