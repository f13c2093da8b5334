"""Whether another try makes sense: Airflow's retry policy for tasks that run a pipeline.

It only makes Airflow's own decision quicker and says why. What the next try does is decided when it starts, from the
checkpoint log: a worker that is killed asks no policy.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryDecision, RetryPolicy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

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
