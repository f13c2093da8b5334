"""The components that a user chose on the page: for which tries a choice holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_spark_pipeline.deployment.chosen_on_page import SELECTION, selection_after
from airflow_spark_pipeline.exceptions import ComponentFailedError, SelectionError
from airflow_spark_pipeline.planning import Selection
from tests.airflows import needs_store
from tests.unit.operators.shop import Shop

_ALL: dict[str, Any] = {"startFrom": None, "stopAfter": None, "only": [], "force": []}


def _text(after: int, **chosen: Any) -> str:
    return json.dumps({"afterTry": after, **_ALL, **chosen})


@pytest.mark.parametrize(
    ("chosen", "selection"),
    [
        ({"startFrom": "Clean"}, Selection(start_from="Clean")),
        ({"stopAfter": "Clean"}, Selection(stop_after="Clean")),
        ({"startFrom": "a", "stopAfter": "b", "force": ["c"]}, Selection("a", (), ("c",), "b")),
        ({"only": ["Clean", "Load"]}, Selection(only=("Clean", "Load"))),
        ({}, Selection()),
    ],
)
def test_a_choice_is_read_as_it_was_stored(chosen: dict[str, Any], selection: Selection) -> None:
    assert selection_after(_text(2, **chosen), 2) == selection


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '"Clean"', "{}", '{"only": ["Clean"]}', _text(1, only=["Clean"]), 7],
)
def test_a_choice_for_another_clear_is_ignored(text: Any) -> None:
    assert selection_after(text, 2) is None


def test_values_of_another_type_select_nothing() -> None:
    text = _text(2, startFrom=7, only="Clean", force=[1, "Load"], stopAfter="")
    assert selection_after(text, 2) == Selection(force=("Load",))


@pytest.fixture
def failed(shop: Shop) -> Shop:
    """A task whose first try failed at Load; Extract and Clean are done."""
    shop.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        shop.run()
    shop.driver.fails_at = None
    return shop


@needs_store
@pytest.mark.parametrize(
    ("chosen", "ran"),
    [
        ({"startFrom": "Clean"}, ["Clean", "Load"]),
        ({"startFrom": "Extract", "stopAfter": "Clean"}, ["Extract", "Clean"]),
        ({"only": ["Clean"]}, ["Clean"]),
        ({"force": ["Extract"]}, ["Extract", "Load"]),
        ({}, ["Load"]),
    ],
)
def test_a_cleared_task_runs_what_was_chosen(failed: Shop, chosen: dict[str, Any], ran: list[str]) -> None:
    failed.store.values[SELECTION] = _text(1, **chosen)
    assert failed.run(try_number=2, max_tries=4)["components_run"] == ran


@needs_store
def test_the_choice_wins_over_the_operators_arguments(failed: Shop) -> None:
    failed.store.values[SELECTION] = _text(1)
    assert failed.run(try_number=2, max_tries=4, force=["Extract"])["components_run"] == ["Load"]


@needs_store
def test_a_retry_of_the_cleared_task_runs_the_rest_of_the_choice(failed: Shop) -> None:
    failed.store.values[SELECTION] = _text(1, startFrom="Extract", stopAfter="Clean")
    failed.driver.fails_at = "Clean"
    with pytest.raises(ComponentFailedError):
        failed.run(try_number=2, max_tries=4)
    failed.driver.fails_at = None
    result = failed.run(try_number=3, max_tries=4)
    assert (result["components_run"], result["components_left_out"]) == (["Clean"], ["Load"])


@needs_store
def test_the_next_clear_ends_the_choice(failed: Shop) -> None:
    failed.store.values[SELECTION] = _text(1, startFrom="Extract", stopAfter="Clean")
    failed.driver.fails_at = "Clean"
    with pytest.raises(ComponentFailedError):
        failed.run(try_number=2, max_tries=4)
    failed.driver.fails_at = None
    assert failed.run(try_number=3, max_tries=5)["components_run"] == ["Clean", "Load"]


@needs_store
def test_a_choice_that_does_not_fit_fails_the_try_and_names_the_component(failed: Shop) -> None:
    failed.store.values[SELECTION] = _text(1, only=["Clear"])
    with pytest.raises(SelectionError, match="only names 'Clear', which does not exist"):
        failed.run(try_number=2, max_tries=4)
