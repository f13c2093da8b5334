"""A component finished the run early: what Airflow shows of the task."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from tests.unit.operators.shop import Shop

EARLY = {"component": "Clean", "reason": "no new data"}


def run(shop: Shop, try_number: int = 1, **arguments: Any) -> tuple[dict[str, Any], Any]:
    """Return what the task pushed to XCom, and what it returned or raised."""
    operator = shop.operator(**arguments)
    context = shop.context(operator, try_number)
    operator.render_template_fields(context)
    try:
        ended: Any = operator.execute(context)
    except AirflowSkipException as skipped:
        ended = skipped
    return context["ti"].pushed, ended


@pytest.fixture(autouse=True)
def _early(shop: Shop) -> None:
    shop.driver.finishes_at = "Clean"


def test_the_task_succeeds_and_its_xcom_names_the_component_and_the_reason(shop: Shop) -> None:
    pushed, ended = run(shop)
    assert ended["finished_early"] == EARLY
    assert ended["components_left_out"] == ["Load"]
    assert pushed == {}


def test_the_task_is_skipped_if_asked_and_its_xcom_is_there(shop: Shop) -> None:
    pushed, ended = run(shop, finish_early_as="skipped")
    assert isinstance(ended, AirflowSkipException)
    assert str(ended) == "Clean finished the run early: no new data"
    assert pushed["return_value"]["finished_early"] == EARLY
    assert shop.latest().state.status is CheckpointStatus.COMPLETED


def test_a_retry_of_a_task_that_died_before_it_was_skipped_is_skipped_too(shop: Shop) -> None:
    run(shop)
    pushed, ended = run(shop, 2, finish_early_as="skipped")
    assert isinstance(ended, AirflowSkipException)
    assert pushed["return_value"]["components_run"] == ["Extract", "Clean"]
    assert len(shop.driver.requests) == 1


def test_without_xcom_nothing_is_pushed(shop: Shop) -> None:
    pushed, ended = run(shop, finish_early_as="skipped", do_xcom_push=False)
    assert isinstance(ended, AirflowSkipException)
    assert pushed == {}


def test_a_run_that_did_not_finish_early_succeeds_whatever_finish_early_as_is(shop: Shop) -> None:
    shop.driver.finishes_at = None
    _, ended = run(shop, finish_early_as="skipped")
    assert ended["finished_early"] is None


@pytest.mark.parametrize("value", ["skip", "failed", "", None])
def test_another_value_is_refused_where_the_dag_is_written(shop: Shop, value: Any) -> None:
    with pytest.raises(ValueError, match="it must be one of success, skipped"):
        shop.operator(finish_early_as=value)
