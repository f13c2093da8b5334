"""What one try needs of its operator: read once, and frozen. Nothing below the operator reads the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.task.rendered_description import Description


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a try that every way to a driver needs.

    :param description: the pipeline's description as this try renders it
    :param log: the task's logger
    :param dag_dir: the directory of the DAG file, where relative paths start
    :param py_files: the user's modules
    :param env_vars: environment variables of the driver
    :param checkpoint_location: ``None`` for that of the description or of Airflow's configuration
    :param checkpoint_conn_id: Airflow connection with the credentials of the location
    :param auto_resume: ``None`` for the value of the description
    :param on_change: ``None`` for the value of the description
    :param resume_run_id: id of the run that has to be resumed, ``None`` or empty for none
    :param resume_scope: ``dag_run`` or ``pipeline``
    :param selection: components that the user selected by name
    :param deferrable: wait in the triggerer if that is possible
    :param deferrable_is_named: the user set it, so that it is an error if it is not possible
    :param start_timeout: seconds for a deferred task's driver to start, ``None`` for the default
    """

    description: Description
    log: Any
    dag_dir: Path
    py_files: str | Sequence[str] | None = None
    env_vars: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_location: str | None = None
    checkpoint_conn_id: str | None = None
    auto_resume: bool | None = None
    on_change: str | None = None
    resume_run_id: str | None = None
    resume_scope: str = "dag_run"
    selection: Selection = field(default_factory=Selection)
    deferrable: bool = False
    deferrable_is_named: bool = False
    start_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class SparkArguments:
    """The arguments that only ``spark-submit`` and Spark Connect need.

    What the provider's operator passes to its hook is not here: it may still change, as with OpenLineage, until the
    provider asks for the hook (see :meth:`SubmitWay.hook`).

    :param conn_id: id of the Spark connection
    :param conn_is_named: the user named it, so that it has to exist
    :param conf: Spark settings that win over the description's
    :param durable: whether a retry finds the job of the previous try
    :param given: names of the provider's arguments that are given and are not the default
    :param adds_openlineage: the provider adds OpenLineage's settings to those of Spark
    """

    conn_id: str
    conn_is_named: bool
    conf: Mapping[str, Any]
    durable: bool
    given: tuple[str, ...]
    adds_openlineage: bool
