"""Whether another try makes sense: Airflow's retry policy for tasks that run a pipeline, and what replaces it.

It only makes Airflow's own decision quicker and says why. What the next try does is decided when it starts, from the
checkpoint log: a worker that is killed asks no policy. An Airflow without retry policies is told by the exception that
no retry helps.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_spark_pipeline.exceptions import SparkPipelineError

if AIRFLOW.has_retry_policies or TYPE_CHECKING:
    from airflow.sdk import RetryDecision, RetryPolicy
else:
    RetryPolicy = object  # nobody asks it

_REASON_LENGTH = 500  # of Airflow's column


class AutoResumeRetryPolicy(RetryPolicy):
    """Fail at once where no retry helps; else leave it to the task's ``retries`` and ``retry_delay``.

    The default policy of :class:`~airflow_spark_pipeline.operators.spark_pipeline.SparkPipelineOperator`. A wrong
    description, a component that is done and was edited, a missing class: the same error would come again. The reason
    is shown on the task instance.

    :param resume_at_once: retry without delay where the run resumes behind a component that is done; a failure before
        that, and a driver that never started, keep the task's delay
    """

    def __init__(self, *, resume_at_once: bool = False) -> None:
        self.resume_at_once = resume_at_once

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # Airflow's signature
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the exception alone."""
        # Here and not above: every DAG file imports this module, and few of their tasks fail.
        from airflow_spark_pipeline.exceptions import ComponentFailedError, SparkPipelineError

        if not isinstance(exception, SparkPipelineError):
            return RetryDecision.default()
        if not exception.retry_helps:
            return RetryDecision.fail(str(exception)[:_REASON_LENGTH])
        if self.resume_at_once and isinstance(exception, ComponentFailedError) and exception.completed:
            return RetryDecision.retry(timedelta(0), f"resumes {exception.run_id}, {exception.completed} done")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return what makes an equal policy."""
        return {"resume_at_once": self.resume_at_once}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> AutoResumeRetryPolicy:
        """Return the policy that :meth:`serialize` described."""
        return cls(**data)


def take_policy(operator: BaseOperator) -> None:
    """Give a task the default policy, unless it has one or Airflow has none."""
    if AIRFLOW.has_retry_policies and operator.retry_policy is None:
        operator.retry_policy = AutoResumeRetryPolicy()


def final(error: SparkPipelineError) -> SparkPipelineError:
    """Return an error as the task raises it.

    Where Airflow asks no retry policy, an error that no retry helps against is an ``AirflowFailException`` as well: it
    keeps its class, its fields and its message, and Airflow fails the task at once.
    """
    if AIRFLOW.has_retry_policies or error.retry_helps:
        return error
    from airflow.providers.common.compat.sdk import AirflowFailException

    kind: Any = type(error)
    if not issubclass(kind, AirflowFailException):
        names = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__qualname__": kind.__qualname__}
        error.__class__ = type(kind.__name__, (kind, AirflowFailException), names)
    return error
