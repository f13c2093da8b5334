"""Waiting for the driver in the triggerer: whether a try by ``spark-submit`` can do so, and its trigger.

This works if the driver runs without this task: in cluster mode on YARN and Kubernetes. ``spark-submit`` then ends once
the cluster has accepted the job. After that, the log tells when the run has ended, and the lease when its driver died.
Before a driver's first commit only the cluster manager knows. YARN is asked if the Spark connection has its web
address; otherwise the wait for the start is limited.

To stop the job, another claim is recorded in the log.
"""

from __future__ import annotations

import time

from airflow_spark_pipeline.deployment.locations import secrets_of
from airflow_spark_pipeline.exceptions import NotDeferrableError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.task.try_arguments import Arguments
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.triggers.spark_pipeline import SparkPipelineAttemptTrigger

_START_SECONDS = 3600.0  # for a driver whose cluster manager cannot be asked
_SHORTEST_INTERVAL = 10.0


def is_wanted(unit: Unit, hook: SparkPipelineSubmitHook) -> bool:
    """Whether this try defers: the user wants it, or it is Airflow's default and possible.

    :raises NotDeferrableError: it was asked for and is not possible
    """
    if not unit.arguments.deferrable:
        return False
    why = _obstacle(unit, hook)
    if why is not None:
        cannot_be_deferred(unit.arguments, why)
    return why is None


def cannot_be_deferred(arguments: Arguments, why: str) -> None:
    """Report that a try cannot be deferred, although it should be.

    :raises NotDeferrableError: the operator's argument asks for it, not only Airflow's default
    """
    if arguments.deferrable_is_named:
        raise NotDeferrableError(f"deferrable=True is not possible: {why}.")
    arguments.log.info("Not deferred, since %s.", why)


def _obstacle(unit: Unit, hook: SparkPipelineSubmitHook) -> str | None:
    if hook.runs_driver_here:
        return "in client mode the driver runs on the worker; use deploy_mode='cluster' on YARN or Kubernetes"
    if not (hook.is_on_yarn or hook.is_on_kubernetes):
        return f"the master {hook.master} is neither YARN nor Kubernetes"
    if secrets := ", ".join(secrets_of(unit.location)):
        return f"the checkpoint location contains secrets ({secrets}), which a trigger must not contain"
    return None


def trigger(unit: Unit, hook: SparkPipelineSubmitHook) -> SparkPipelineAttemptTrigger:
    """Return the trigger that waits for the driver; the cluster must have accepted the job."""
    asked = hook.asks_yarn_by
    limit = unit.arguments.start_timeout
    if limit is None and asked is None:
        limit = _START_SECONDS
    return SparkPipelineAttemptTrigger(
        place=unit.location.to_dict(),
        unit=unit.path,
        attempt_id=unit.attempt.attempt_id,
        poll_interval=max(_SHORTEST_INTERVAL, hook.poll_interval),
        start_by=None if limit is None else time.time() + limit,
        yarn_application_id=hook.yarn_application,
        conn_id=asked,
    )
