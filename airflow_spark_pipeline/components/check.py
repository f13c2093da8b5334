"""What all checks share: their error, and the report of a check that passed.

Use a check as a component of the pipeline, or in the ``hooks`` of the component whose result it checks: then it runs
before that component is recorded as done. Each check is at most one Spark job. The numbers of a check that passes are
printed, too.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from airflow_spark_pipeline.components.views import check_given, check_view_name
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.runtime.component.base import Component, ContextNotAttachedError

if TYPE_CHECKING:
    from collections.abc import Collection


class CheckFailedError(SparkPipelineError):
    """The data does not meet the checks of the pipeline.

    A retry helps only if the data has changed in the meantime: the check is repeated, the components before it are not.

    :param view: the view that was checked
    """

    def __init__(self, message: str, *, view: str) -> None:
        super().__init__(message)
        self.view = view


@dataclass
class ViewCheck(Component):
    """Base class of the checks of one view.

    :param view: name of the view to check
    :raises ValueError: the view's name is not an identifier
    """

    view: str

    def __post_init__(self) -> None:
        check_view_name(self.view)

    def reads_views(self) -> Collection[str]:
        """Return the view."""
        return (self.view,)

    def fail(self, what: str) -> NoReturn:
        """Fail the check.

        :param what: what the view has
        :raises CheckFailedError: always
        """
        raise CheckFailedError(f"view {self.view!r} has {what}", view=self.view)


@dataclass
class ColumnsCheck(ViewCheck):
    """Base class of the checks of some columns of a view.

    :param columns: names of columns, or of fields in them (``address.city``)
    :raises ValueError: no column is given, or the view's name is not an identifier
    """

    columns: list[str]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_given("columns", self.columns)


def rows(count: int) -> str:
    """Return a number of rows as text for people."""
    return "1 row" if count == 1 else f"{count:,} rows"


def report(component: Component, message: str) -> None:
    """Print the result of a check that passed."""
    with contextlib.suppress(ContextNotAttachedError):  # used outside a pipeline, in a test or a notebook
        component.context.progress(message)
