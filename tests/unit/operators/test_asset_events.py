"""The asset events of a task: what its components wrote, in the try that succeeds, each once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_spark_pipeline.airflow_features import AIRFLOW, features_of
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.task.asset_events import add_asset_events
from tests.unit.operators.shop import Driver, Shop

ALIAS = AssetAlias("shop")
RAW, ORDERS = "s3://lake/raw", "s3://lake/orders"
WROTE: dict[str, dict[str, dict[str, Any]]] = {
    "Extract": {RAW: {"rows": 3}},
    "Clean": {},
    "Load": {ORDERS: {"rows": 2}, RAW: {"rows": 1}},
}


def done(state: CheckpointState, name: str) -> CheckpointState:
    """A component has written something, and is done."""
    state = Driver.done(state, name)
    record = state.component(name)
    assert record is not None
    return state.with_component(replace(record, wrote=WROTE[name]))


@pytest.fixture
def writing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(shop.driver, "done", done)
    return shop


def run(shop: Shop, try_number: int = 1, **arguments: Any) -> OutletEventAccessors:
    operator = shop.operator(**arguments)
    context = shop.context(operator, try_number)
    context["outlet_events"] = events = OutletEventAccessors()
    operator.render_template_fields(context)
    try:
        operator.execute(context)
    except ComponentFailedError:
        assert len(events) == 0, "Airflow would ignore the events of a try that failed"
        raise
    return events


def extras(events: OutletEventAccessors, alias: AssetAlias = ALIAS) -> list[tuple[str, dict[str, Any]]]:
    """URI and ``extra`` of each event."""
    return [(event.dest_asset_key.uri, dict(event.extra)) for event in events[alias].asset_alias_events]


def told(events: OutletEventAccessors, alias: AssetAlias = ALIAS) -> list[tuple[str, Any, str, int]]:
    """URI, number of rows, component and attempt of each event."""
    found = []
    for uri, extra in extras(events, alias):
        source = source_of(extra)
        found.append((uri, extra["rows"], source["component"], source["attempt"]))
    return found


def source_of(extra: dict[str, Any]) -> dict[str, Any]:
    source = extra["spark_pipeline"]
    found: dict[str, Any] = source if AIRFLOW.alias_events_take_nested_extra else json.loads(source)
    return found


def test_the_try_that_succeeds_adds_the_events_of_skipped_components_too_and_each_once(writing: Shop) -> None:
    writing.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        run(writing, 1, outlets=[ALIAS])
    with pytest.raises(ComponentFailedError):
        run(writing, 2, outlets=[ALIAS])
    writing.driver.fails_at = None
    events = run(writing, 3, outlets=[ALIAS])
    assert told(events) == [(RAW, 3, "Extract", 1), (ORDERS, 2, "Load", 3), (RAW, 1, "Load", 3)]
    source = source_of(extras(events)[0][1])
    assert source["pipeline_name"] == "Shop"
    assert source["run_id"].startswith("shop-")


def test_an_unreported_success_adds_its_events(writing: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_spark_pipeline.task.unit import Unit

    with monkeypatch.context() as dying:
        dying.setattr(Unit, "retire", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(writing, 1, outlets=[ALIAS])
    assert [uri for uri, *_ in told(run(writing, 2, outlets=[ALIAS]))] == [RAW, ORDERS, RAW]


def test_only_components_that_are_done_have_events(writing: Shop) -> None:
    events = run(writing, outlets=[ALIAS], only=["Extract"])
    assert told(events) == [(RAW, 3, "Extract", 1)]


def test_each_alias_gets_the_events(writing: Shop) -> None:
    other = AssetAlias("lake")
    events = run(writing, outlets=[ALIAS, other])
    assert told(events) == told(events, other)
    assert len(told(events)) == 3


def test_an_asset_that_is_an_outlet_has_one_event_with_the_facts(writing: Shop) -> None:
    own = Asset("orders", uri=f"{ORDERS}/")
    events = run(writing, outlets=[ALIAS, own])
    assert [uri for uri, *_ in told(events)] == [RAW, RAW], "Airflow makes the event of an outlet itself"
    assert events[own].extra["rows"] == 2


def test_without_an_outlet_for_them_there_are_no_events(writing: Shop) -> None:
    assert len(run(writing)) == 0


def test_an_alias_of_an_airflow_that_fails_nested_values_gets_json_texts(
    writing: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_spark_pipeline.task.asset_events.AIRFLOW", features_of("3.0.6"))
    monkeypatch.setitem(WROTE, "Clean", {"s3://lake/clean": {"columns": ["id"], "sizes": {"a": 1}, "rows": 5}})
    written = dict(extras(run(writing, outlets=[ALIAS])))
    assert all(frozenset(extra.items()) for extra in written.values()), "Airflow 3.0 does this, and fails the task"
    extra = written["s3://lake/clean"]
    assert (extra["columns"], extra["sizes"], extra["rows"]) == ('["id"]', '{"a": 1}', 5)
    assert json.loads(extra["spark_pipeline"])["component"] == "Clean"


def test_an_event_that_airflow_rejects_is_logged_and_the_task_succeeds(
    writing: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WROTE, "Clean", {"airflow://reserved/orders": {"rows": 0}})
    assert [uri for uri, *_ in told(run(writing, outlets=[ALIAS]))] == [RAW, ORDERS, RAW]

    log, context = Mock(), writing.context(writing.operator(outlets=[ALIAS]))
    context["outlet_events"] = OutletEventAccessors()
    state = writing.latest().state
    record = replace(state.components[0], wrote={"airflow://reserved/orders": {}})
    done = replace(state, components=(record,), completed_components=(record.name,))
    add_asset_events(context, done, log)
    (said,) = [call.args[0] % call.args[1:] for call in log.warning.call_args_list]
    assert said.startswith("Airflow takes no asset event for airflow://reserved/orders: Asset scheme")
