"""The retry policy for tasks that run a pipeline, and its replacement for older Airflow versions.

The policy only makes Airflow's decision faster and gives the reason. The next try decides what it does when it starts,
from the checkpoint log, since no policy is called if a worker is killed. In Airflow versions without retry policies,
the class of the exception says that a retry does not help.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.task.argument_checks import flag

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_spark_pipeline.exceptions import SparkPipelineError

if AIRFLOW.has_retry_policies or TYPE_CHECKING:
    from airflow.sdk import RetryDecision, RetryPolicy
else:
    RetryPolicy = object  # never called

_REASON_LENGTH = 500  # maximum length of Airflow's column


class AutoResumeRetryPolicy(RetryPolicy):
    """Fail immediately if a retry does not help; otherwise apply the task's ``retries`` and ``retry_delay``.

    The default policy of :class:`~airflow_spark_pipeline.operators.spark_pipeline.SparkPipelineOperator`. With a wrong
    description, an edited completed component or a missing class, the same error would occur again. The reason is shown
    on the task instance.

    :param resume_at_once: whether to retry without delay if at least one component has completed; a failure before
        that, and a driver that never started, keep the task's delay
    """

    def __init__(self, *, resume_at_once: bool = False) -> None:
        self.resume_at_once = flag("resume_at_once", resume_at_once, default=False)

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # Airflow's signature
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide, based only on the exception."""
        # Imported here, since every DAG file imports this module, and few of their tasks fail.
        from airflow_spark_pipeline.exceptions import ComponentFailedError, SparkPipelineError

        if not isinstance(exception, SparkPipelineError):
            return RetryDecision.default()
        if not exception.retry_helps:
            return RetryDecision.fail(str(exception)[:_REASON_LENGTH])
        if self.resume_at_once and isinstance(exception, ComponentFailedError) and exception.completed:
            return RetryDecision.retry(timedelta(0), f"resumes {exception.run_id}, {exception.completed} done")
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the arguments that recreate the policy."""
        return {"resume_at_once": self.resume_at_once}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> AutoResumeRetryPolicy:
        """Return the policy from the form that :meth:`serialize` returned."""
        return cls(**data)


def take_policy(operator: BaseOperator) -> None:
    """Set the default policy on a task, unless it has one or Airflow does not support policies."""
    if AIRFLOW.has_retry_policies and operator.retry_policy is None:
        operator.retry_policy = AutoResumeRetryPolicy()


def final(error: SparkPipelineError) -> SparkPipelineError:
    """Return the error that the task should raise.

    In Airflow versions without retry policies, an error that a retry cannot fix also becomes an
    ``AirflowFailException``: it keeps its class, its fields and its message, and Airflow fails the task immediately.
    """
    if AIRFLOW.has_retry_policies or error.retry_helps:
        return error
    from airflow.providers.common.compat.sdk import AirflowFailException

    kind: Any = type(error)
    if not issubclass(kind, AirflowFailException):
        names = {"__module__": kind.__module__, "__doc__": kind.__doc__, "__qualname__": kind.__qualname__}
        error.__class__ = type(kind.__name__, (kind, AirflowFailException), names)
    return error
