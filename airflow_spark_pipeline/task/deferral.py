"""Waiting for the driver in the triggerer: whether a try by ``spark-submit`` may, and the trigger that waits.

Works if the driver runs without this task: cluster mode on YARN and Kubernetes. ``spark-submit`` then ends once the
cluster has accepted the job, and the log says the rest: when the run ends, and by its lease when its driver died.
Before a driver's first commit only the cluster manager knows; YARN is asked if the Spark connection names its web
address, and anywhere else the wait for the start is bounded.

What happens to the job by other hands is the log's as well: to stop it, another claim is recorded.
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
    """Whether this try defers: it was asked for, or is Airflow's default and possible.

    :raises NotDeferrableError: it was asked for and is not possible
    """
    if not unit.arguments.deferrable:
        return False
    why = _obstacle(unit, hook)
    if why is not None:
        cannot_be_deferred(unit.arguments, why)
    return why is None


def cannot_be_deferred(arguments: Arguments, why: str) -> None:
    """Say that a try is not deferred, although it should be.

    :raises NotDeferrableError: the operator's author asked for it, and not just Airflow's default
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
    """Return what waits for the driver; made once the cluster has accepted the job."""
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
