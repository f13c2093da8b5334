"""A function in Spark's Python workers takes the component along, without the methods that need the driver."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.runtime.component.base import ComponentContext
from airflow_spark_pipeline.runtime.component.parts import Parts


def _context() -> ComponentContext:
    """A context as in a driver: what records cannot be pickled."""
    lock = threading.Lock()
    parts = Parts(["a"], record=lambda _key, _total, _seconds: lock.release(), guard=lambda: None)
    return replace(ComponentContext.standalone("/tmp/work"), recorded_parts=parts)


def _sent(context: ComponentContext) -> ComponentContext:
    copied: ComponentContext = pickle.loads(pickle.dumps(context))  # noqa: S301 - its own
    return copied


def test_a_context_is_pickled_with_what_a_worker_can_use() -> None:
    there = _sent(_sent(_context()))
    assert (there.component_name, there.workdir, there.logger.name) == (
        "standalone",
        "/tmp/work",
        "airflow_spark_pipeline.component.standalone",
    )


@pytest.mark.parametrize(
    "report",
    [
        lambda context: context.publish(rows=1),
        lambda context: context.wrote("s3://lake/orders"),
        lambda context: context.finish("no new data"),
        lambda context: context.parts(["a"]),
        lambda context: context.each_part(["a"], print),
    ],
    ids=["publish", "wrote", "finish", "parts", "each_part"],
)
def test_reporting_from_a_spark_worker_is_an_error_that_explains_where_to_report(report: Callable[[Any], Any]) -> None:
    there = _sent(_context())
    with pytest.raises(RuntimeError, match=r"only in the driver.* Return what it has to say to run\(\)"):
        report(there)


def test_a_copy_of_a_context_in_the_driver_reports_to_the_same_place() -> None:
    context = _context()
    copy.deepcopy(context).publish(rows=1)
    assert context.results.published == {"rows": 1}
