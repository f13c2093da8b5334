"""What happens when a try has failed: by a retry policy, or by the exception in an older Airflow."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_spark_pipeline import retries
from airflow_spark_pipeline.airflow_features import AIRFLOW, features_of
from airflow_spark_pipeline.exceptions import (
    CheckpointStoreError,
    ComponentFailedError,
    PipelineDefinitionError,
    Problem,
    ResumeRefusedError,
    SparkPipelineError,
)
from tests.unit.operators.shop import Shop, fail

if TYPE_CHECKING or AIRFLOW.has_retry_policies:
    from airflow.sdk import RetryAction, RetryPolicy

    from airflow_spark_pipeline.retries import AutoResumeRetryPolicy
else:
    RetryPolicy = object

needs_policies = pytest.mark.skipif(not AIRFLOW.has_retry_policies, reason="this Airflow has no retry policies")


@needs_policies
@pytest.mark.parametrize(
    "error",
    [PipelineDefinitionError([Problem("unknown key", "pipeline.x")]), ResumeRefusedError("Extract was edited")],
)
def test_an_error_that_no_retry_helps_fails_at_once_with_the_reason(error: Exception) -> None:
    decision = AutoResumeRetryPolicy().evaluate(error, 1, 3)
    assert decision.action is RetryAction.FAIL
    assert decision.reason == str(error)


@needs_policies
@pytest.mark.parametrize("error", [CheckpointStoreError("503"), ComponentFailedError("down"), OSError("no route")])
def test_an_error_that_a_retry_may_help_is_left_to_the_task(error: Exception) -> None:
    assert AutoResumeRetryPolicy().evaluate(error, 1, 3).action is RetryAction.DEFAULT


@needs_policies
def test_a_reason_fits_into_airflows_column() -> None:
    reason = AutoResumeRetryPolicy().evaluate(ResumeRefusedError("x" * 2000), 1, 3).reason
    assert reason is not None
    assert len(reason) == 500


@needs_policies
def test_a_run_that_can_resume_is_retried_at_once_where_the_user_wants_it() -> None:
    policy = AutoResumeRetryPolicy(resume_at_once=True)
    decision = policy.evaluate(ComponentFailedError("down", run_id="p~u~0", completed=2), 1, 3)
    assert (decision.action, decision.retry_delay) == (RetryAction.RETRY, dt.timedelta(0))
    assert decision.reason == "resumes p~u~0, 2 done"


@needs_policies
def test_a_run_without_progress_keeps_its_delay() -> None:
    policy = AutoResumeRetryPolicy(resume_at_once=True)
    assert policy.evaluate(ComponentFailedError("down", run_id="p~u~0"), 1, 3).action is RetryAction.DEFAULT


@needs_policies
def test_the_policy_of_a_failed_task_resumes_at_once(shop: Shop) -> None:
    _, error = fail(shop)
    decision = AutoResumeRetryPolicy(resume_at_once=True).evaluate(error, 1, 3)
    assert decision.reason == f"resumes {shop.latest().state.run_id}, 1 done"


@needs_policies
def test_a_retry_policy_survives_serialisation() -> None:
    policy = AutoResumeRetryPolicy(resume_at_once=True)
    assert AutoResumeRetryPolicy.deserialize(policy.serialize()).resume_at_once


class Mine(RetryPolicy):
    def evaluate(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@needs_policies
def test_the_policy_is_the_operators_default_and_the_users_wins(shop: Shop) -> None:
    assert isinstance(shop.operator().retry_policy, AutoResumeRetryPolicy)
    assert isinstance(shop.operator(retry_policy=Mine()).retry_policy, Mine)
    assert isinstance(shop.operator(default_args={"retry_policy": Mine()}).retry_policy, Mine)


# ---- where Airflow has no policies


@pytest.fixture
def without_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "AIRFLOW", features_of("3.2.2"))


@pytest.mark.parametrize(
    "error",
    [
        PipelineDefinitionError([Problem("unknown key", "pipeline.x")]),
        ResumeRefusedError("Extract was edited"),
        ComponentFailedError("a class is missing", retry_helps=False, run_id="p~u~0", completed=2),
    ],
)
def test_an_error_that_no_retry_helps_fails_the_task_by_its_class(
    error: SparkPipelineError, without_policies: None
) -> None:
    text, kind, fields = str(error), type(error), dict(vars(error))
    raised = retries.final(error)
    assert raised is error
    assert isinstance(raised, AirflowFailException)
    assert isinstance(raised, kind)
    assert (str(raised), type(raised).__name__, vars(raised)) == (text, kind.__name__, fields)
    assert type(retries.final(raised)) is type(raised)  # as often as it is raised


@pytest.mark.parametrize("error", [CheckpointStoreError("503"), ComponentFailedError("down")])
def test_an_error_that_a_retry_may_help_stays_what_it_is(error: SparkPipelineError, without_policies: None) -> None:
    kind = type(error)
    assert type(retries.final(error)) is kind
    assert not isinstance(error, AirflowFailException)


@needs_policies
def test_with_retry_policies_the_exception_keeps_its_class() -> None:
    error = ResumeRefusedError("Extract was edited")
    assert not isinstance(retries.final(error), AirflowFailException)


def test_a_task_has_no_retry_policy_if_airflow_does_not_support_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "AIRFLOW", AIRFLOW._replace(has_retry_policies=False))
    assert getattr(shop.operator(), "retry_policy", None) is None
