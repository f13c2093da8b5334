"""Names of temp views, and the frame behind one.

Promised: a name that passes :func:`check_view_name` can be registered as a temp view and used in SQL without quotes;
a view that is missing is reported with those that are there.
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
    """A component names a view that nothing has registered.

    A retry does not help: fix the name, or have the component that makes the view run (or be restored) before.

    :param view: the name that was looked for
    """

    retry_helps = False

    def __init__(self, message: str, *, view: str) -> None:
        super().__init__(message)
        self.view = view


def check_view_name(name: str) -> None:
    """Refuse a name that Spark cannot register as a temp view.

    :raises ValueError: it is not a plain identifier
    """
    if not _IDENTIFIER.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a view; use letters, digits and underscores, and no digit at the start")


def check_given(what: str, value: object) -> None:
    """Refuse an empty setting, which Spark would take for something else or report far from its cause.

    :param what: the setting's key, for the message
    :raises ValueError: it is empty, or a list with an empty entry
    """
    if not value or (isinstance(value, str) and not value.strip()) or (isinstance(value, list) and not all(value)):
        raise ValueError(f"{what} is empty")


def frame_of(spark: SparkSession, view: str) -> DataFrame:
    """Return the frame that a view (or a table of the current schema) of this name stands for.

    :raises UnknownViewError: there is none
    """
    from pyspark.errors import AnalysisException

    try:
        frame = spark.table(view)
        _ = frame.schema  # Spark Connect looks the name up only here
    except AnalysisException as error:
        if condition_of(error) != "TABLE_OR_VIEW_NOT_FOUND":
            raise
    else:
        return frame
    raise UnknownViewError(f"view {view!r} does not exist; known views: {_known_views(spark)}", view=view)


def _known_views(spark: SparkSession) -> str:
    names: list[str] = []
    # SHOW VIEWS, because listing the tables of a large metastore takes minutes; the session catalog, because others
    # may have no views. A list that cannot be had must not hide the error that it is for.
    with contextlib.suppress(Exception):
        rows = spark.sql("SHOW VIEWS IN spark_catalog.default").collect()
        names = sorted(row.viewName for row in rows if row.isTemporary)
    return ", ".join(names) or "none"
