"""Waiting for the driver in the triggerer: what one try of the operator defers to, and what it does when it goes on.

Works where the driver runs without this task: cluster mode on YARN and Kubernetes. ``spark-submit`` then ends once the
cluster has accepted the job, and the log says the rest: when the run ends, and by its lease when its driver died.
Before a driver's first commit only the cluster manager knows; YARN is asked where the Spark connection names its web
address, and anywhere else the wait for the start is bounded.

What happens to the job by other hands is the log's as well: to stop it, another claim is recorded.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.stop import stop
from airflow_spark_pipeline.deployment.locations import secrets_of
from airflow_spark_pipeline.exceptions import CheckpointError, ComponentFailedError, NotDeferrableError, SupersededError
from airflow_spark_pipeline.task import submit_way
from airflow_spark_pipeline.task.attempt import TaskAttempt, result
from airflow_spark_pipeline.task.stats import TryStats
from airflow_spark_pipeline.task.submission import Submission
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineAttemptTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

_START_SECONDS = 3600.0  # for a driver whose cluster manager cannot be asked
_SHORTEST_INTERVAL = 10.0


class Deferral:
    """One try that is going to defer.

    :raises NotDeferrableError: this mode cannot
    """

    def __init__(self, operator: SparkPipelineOperator, submission: Submission, hook: SparkPipelineSubmitHook) -> None:
        self._operator = operator
        self._submission = submission
        self._hook = hook
        hook.let_go()
        if hook.is_on_yarn and not hook.tracks_by_api:
            # Or the parent would not submit: only the resource manager could find the job again. We have the log.
            operator.durable = False
        if not submission.attempt.is_at_work():
            # The run has ended, so its job has no more to say. It may be about to end, and must not be found again.
            submission.forget_job()

    def defer(self) -> NoReturn:
        """Leave the worker; called once the cluster has accepted the job."""
        operator, hook = self._operator, self._hook
        asked = hook.asks_yarn_by
        limit = _START_SECONDS if operator.start_timeout is None and asked is None else operator.start_timeout
        trigger = SparkPipelineAttemptTrigger(
            place=self._submission.place.to_dict(),
            unit=self._submission.unit,
            attempt_id=self._submission.attempt.attempt_id,
            poll_interval=max(_SHORTEST_INTERVAL, hook.poll_interval),
            start_by=None if limit is None else time.time() + limit,
            yarn_application_id=hook.yarn_application,
            conn_id=asked,
        )
        operator.log.info("Waiting for the driver in the triggerer.")
        operator.defer(trigger=trigger, method_name="execute_complete", timeout=operator.execution_timeout)
        raise AssertionError  # defer() never returns


def wanted(operator: SparkPipelineOperator, submission: Submission, hook: SparkPipelineSubmitHook) -> bool:
    """Whether this try defers: it was asked for, or is Airflow's default and possible.

    :raises NotDeferrableError: it was asked for and is not possible
    """
    if not operator.deferrable:
        return False
    why = _obstacle(submission, hook)
    if why is not None:
        cannot_be_deferred(operator, why)
    return why is None


def cannot_be_deferred(operator: SparkPipelineOperator, why: str) -> None:
    """Say that this try is not deferred, although it should be.

    :raises NotDeferrableError: the operator's author asked for it, and not just Airflow's default
    """
    if operator.deferrable_is_named:
        raise NotDeferrableError(f"deferrable=True is not possible: {why}.")
    operator.log.info("Not deferred, since %s.", why)


def _obstacle(submission: Submission, hook: SparkPipelineSubmitHook) -> str | None:
    if hook.runs_driver_here:
        return "in client mode the driver runs on the worker; use deploy_mode='cluster' on YARN or Kubernetes"
    if not (hook.is_on_yarn or hook.is_on_kubernetes):
        return f"the master {hook.master} is neither YARN nor Kubernetes"
    if secrets := ", ".join(secrets_of(submission.place)):
        return f"the place of the checkpoints holds secrets ({secrets}), which a trigger must not carry"
    return None


def complete(operator: SparkPipelineOperator, context: Context, event: dict[str, Any]) -> dict[str, Any]:
    """Return what came of the attempt, by its log.

    :raises ComponentFailedError: it is not completed
    """
    with TemporaryDirectory(prefix="spark-pipeline-") as directory:
        submission = _again(operator, context, Path(directory), event["unit"])
        if "error" in event:
            # The run goes on without us: a retry looks at its log, and waits for it or takes over.
            raise CheckpointError(event["error"])
        operator.log.info("Goes on, since %s.", event["because"])
        _refuse_a_late_start(submission.attempt, event)
        submission.attempt.expect(event["attempt_id"])
        stats = TryStats(context, submission.pipeline_name)
        try:
            completed = submission.outcome(None)
        except SupersededError:
            stats.superseded()
            raise
        finally:
            submit_way.run_post_submit_commands(operator)
        stats.completed(completed)
        submission.retire()
        return result(completed)


def _refuse_a_late_start(attempt: TaskAttempt, event: dict[str, Any]) -> None:
    """A job that is queued still must not start once nobody waits for it."""
    state = attempt.newest()
    if state is None or (state.attempt_id, state.status) != (event["attempt_id"], CheckpointStatus.SUBMITTED):
        return
    stop(attempt.log, state.attempt_id, event["because"])
    raise ComponentFailedError(f"Pipeline {state.pipeline_name!r}: {event['because']}", run_id=state.run_id)


def give_up(operator: SparkPipelineOperator, context: Context, why: str) -> None:
    """Stop the driver of a try that waits no longer."""
    with TemporaryDirectory(prefix="spark-pipeline-") as directory:
        submission = _again(operator, context, Path(directory), None)
        state: CheckpointState | None = submission.attempt.newest()
        if state is not None and submission.attempt.is_mine(state):
            stop(submission.attempt.log, state.attempt_id, why)


def _again(operator: SparkPipelineOperator, context: Context, directory: Path, unit: str | None) -> Submission:
    # The same description as execute read, unless the file was edited meanwhile.
    spec = operator._describe(context)  # noqa: SLF001  # the same house
    return Submission.of(operator, spec, context, directory, unit=unit)
