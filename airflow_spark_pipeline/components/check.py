"""Components that fail if the data is wrong, with counts in the error.

Each check is one Spark job over its view. The numbers of a check that passes are printed, too.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.columns import missing, nothing, type_of
from airflow_spark_pipeline.components.views import check_given, check_view_name, frame_of
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.component.base import Component, ContextNotAttachedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import SparkSession


class CheckFailedError(SparkPipelineError):
    """The data does not meet the checks of the pipeline.

    A retry helps only if the data has changed in the meantime: the check is repeated, the components before it are not.

    :param view: the view that was checked
    """

    def __init__(self, message: str, *, view: str) -> None:
        super().__init__(message)
        self.view = view


@dataclass
class CheckRowCount(Component):
    """Fail if a view has too few or too many rows.

    :param view: the view to count
    :param min: smallest allowed number of rows
    :param max: greatest allowed number of rows; default: no limit
    :raises ValueError: the bounds exclude every count, or the view's name is not an identifier
    """

    view: str
    min: int = 1
    max: int | None = None

    def __post_init__(self) -> None:
        check_view_name(self.view)
        if self.min < 0:
            raise ValueError(f"min is {self.min:,}; a row count is never below 0")
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max ({self.max:,}) is less than min ({self.min:,})")

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def run(self, spark: SparkSession) -> None:
        """Count the rows.

        :raises CheckFailedError: the count is out of bounds
        :raises UnknownViewError: there is no such view
        """
        count = frame_of(spark, self.view).count()
        found = f"view {self.view!r} has {rows(count)}"
        if count < self.min:
            raise CheckFailedError(f"{found}; expected at least {self.min:,}", view=self.view)
        if self.max is not None and count > self.max:
            raise CheckFailedError(f"{found}; expected at most {self.max:,}", view=self.view)
        report(self, found)


@dataclass
class CheckNotNull(Component):
    """Fail if values of a column are missing: NULL, or NaN. A view without rows passes; check its row count as well.

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
            raise CheckFailedError(f"view {self.view!r} has {', '.join(bad)} (of {total:,})", view=self.view)
        report(self, f"no null in {', '.join(map(repr, self.columns))} of view {self.view!r} ({rows(total)})")


def rows(count: int) -> str:
    """Return a number of rows as text for people."""
    return "1 row" if count == 1 else f"{count:,} rows"


def report(component: Component, message: str) -> None:
    """Print the result of a check that passed."""
    with contextlib.suppress(ContextNotAttachedError):  # used outside a pipeline, in a test or a notebook
        component.context.progress(message)
