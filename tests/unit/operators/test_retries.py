"""The retry callback: what it reports when a try has failed."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.callbacks import AutoResumeCallback, auto_resume_on_retry
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
)
from airflow_spark_pipeline.retries import AutoResumeRetryPolicy
from tests.unit.operators.shop import Shop, fail


def test_the_callback_is_installed_beside_the_users_own(shop: Shop) -> None:
    def mine(context: Any) -> None:
        del context

    assert list(shop.operator().on_retry_callback) == [auto_resume_on_retry]
    assert list(shop.operator(on_retry_callback=mine).on_retry_callback) == [mine, auto_resume_on_retry]
    assert list(shop.operator(on_retry_callback=[mine]).on_retry_callback) == [mine, auto_resume_on_retry]


def test_the_callback_is_not_installed_twice(shop: Shop) -> None:
    mine = AutoResumeCallback(deadline=1.0)
    assert shop.operator(on_retry_callback=mine).on_retry_callback in (mine, [mine])
    assert shop.operator(on_retry_callback=auto_resume_on_retry).on_retry_callback in (
        auto_resume_on_retry,
        [auto_resume_on_retry],
    )


def test_a_mapped_task_has_policy_and_callback_when_it_runs() -> None:
    """``partial()`` passes both explicitly, empty."""
    with DAG("mapped", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)):
        mapped = SparkPipelineOperator.partial(task_id="etl").expand(pipeline=["a.conf", "b.conf"])
    task = mapped.unmap({"pipeline": "a.conf"})
    if AIRFLOW.has_retry_policies:
        assert isinstance(task.retry_policy, AutoResumeRetryPolicy)
    assert list(task.on_retry_callback) == [auto_resume_on_retry]


def test_the_callback_reports_what_failed_and_what_the_next_try_skips(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    context, _ = fail(shop)
    caplog.clear()
    with caplog.at_level(logging.INFO, "airflow_spark_pipeline"):
        auto_resume_on_retry(context)
    run_id = shop.latest().state.run_id
    assert caplog.messages == [
        (
            f"Run {run_id} (attempt 1) failed at [2/3] Clean: OSError: disk full. "
            "The next try skips Extract and runs the rest."
        ),
    ]


def test_the_dag_processor_reports_the_same_without_calling_airflow(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """It runs the callback after a kill, and would stand still if it asked for what Airflow does not answer there."""
    fail(shop)

    class Forbidden:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    operator = shop.operator(pipeline="{{ 'shop' }}.conf")
    forbidden = dict.fromkeys(("task_state_store", "var", "conn", "task_instance"), Forbidden())
    context: Any = {**shop.context(operator), **forbidden, "task": operator}
    with caplog.at_level(logging.INFO, "airflow_spark_pipeline"):
        auto_resume_on_retry(context)
    assert "failed at [2/3] Clean" in caplog.text


def test_the_dag_processor_fetches_no_description_from_elsewhere(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer would hold up the DAG file."""
    fetched: list[object] = []
    monkeypatch.setattr("airflow_spark_pipeline.task.lookup.source_of", lambda *given: fetched.append(given))
    operator = shop.operator(pipeline="https://example.invalid/shop.conf")
    context: Any = {**shop.context(operator), "task": operator}
    auto_resume_on_retry(context)
    assert fetched == []


@pytest.mark.parametrize("arguments", [{"checkpoint_conn_id": "aws"}, {"pipeline": "{{ var.value.shop }}"}])
def test_the_dag_processor_reports_nothing_if_it_would_have_to_call_airflow(
    shop: Shop, caplog: pytest.LogCaptureFixture, arguments: dict[str, str]
) -> None:
    fail(shop)
    operator = shop.operator(**arguments)
    context: Any = {**shop.context(operator), "task": operator, "var": {"value": {"shop": "shop.conf"}}}
    with caplog.at_level(logging.INFO, "airflow_spark_pipeline"):
        auto_resume_on_retry(context)
    assert "The next try skips" not in caplog.text


def test_a_store_that_does_not_answer_does_not_hold_the_callback(
    shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _ = fail(shop)
    released = threading.Event()
    monkeypatch.setattr(LocalStore, "list_objects", lambda *_: released.wait(30) and [])
    start = time.monotonic()
    with caplog.at_level(logging.INFO, "airflow_spark_pipeline"):
        AutoResumeCallback(deadline=0.2)(context)
    released.set()
    assert time.monotonic() - start < 20
    assert "did not answer within 0.2 s" in caplog.text


def test_a_notifier_gets_what_is_known_and_a_failing_one_does_not_block_others(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    context, _ = fail(shop)
    told: list[Any] = []

    def broken(context: Any) -> None:
        raise RuntimeError("no network")

    AutoResumeCallback(broken, told.append)(context)
    (given,) = told
    known = given["spark_pipeline"]
    assert (known["failed_component"], known["index"], known["total"]) == ("Clean", 1, 3)
    assert (known["error"], known["skips"]) == ("OSError: disk full", ["Extract"])
    assert given["task"] is context["task"]
    assert "no network" in caplog.text


def test_the_callback_of_another_operator_reports_nothing(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """As an entry of ``default_args`` it reaches every task."""
    task = BaseOperator(task_id="other")
    with caplog.at_level(logging.INFO, "airflow_spark_pipeline"):
        context: Any = {**shop.context(shop.operator()), "task": task, "exception": OSError()}
        auto_resume_on_retry(context)
    assert caplog.messages == []


def test_a_run_that_a_task_took_over_by_id_is_the_one_that_is_reported(shop: Shop) -> None:
    fail(shop)
    run_id = shop.latest().state.run_id
    other = shop.in_dag_run("manual__2026-02-01")
    other.driver.fails_at = "Load"
    operator = other.operator(resume_run_id=run_id)
    context = other.context(operator)
    operator.render_template_fields(context)
    with pytest.raises(ComponentFailedError) as raised:
        operator.execute(context)
    told: list[Any] = []
    failed: Any = {**context, "task": operator, "exception": raised.value}
    AutoResumeCallback(told.append)(failed)
    assert told[0]["spark_pipeline"]["skips"] == ["Extract", "Clean"]


def test_a_task_whose_whole_log_was_damaged_and_discarded_starts_over(shop: Shop) -> None:
    shop.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        shop.run(try_number=1)
    log = RunLog(open_store(str(shop.folder / "checkpoints")), shop.driver.requests[0].unit)
    for file in (shop.folder / "checkpoints").rglob("0*.json"):
        file.write_text("{}", encoding="utf-8")
    log.discard()
    shop.driver.fails_at = None
    assert shop.run(try_number=2)["components_run"] == ["Extract", "Clean", "Load"]
