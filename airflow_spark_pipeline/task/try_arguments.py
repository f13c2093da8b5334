"""What one try needs of its operator: read from it once, and frozen. Nothing below the operator asks the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.task.rendered_description import Description


@dataclass(frozen=True, slots=True)
class Arguments:
    """What every try needs, whatever starts its driver.

    :param description: of the pipeline, as this try renders it
    :param log: the task's logger
    :param dag_dir: the directory of the DAG file, where relative paths start
    :param py_files: modules of the user
    :param env_vars: environment variables of the driver
    :param checkpoint_location: ``None`` for the description's, or that of Airflow's configuration
    :param checkpoint_conn_id: Airflow connection with the credentials of the location
    :param auto_resume: ``None`` for what the description says
    :param on_change: ``None`` for what the description says
    :param resume_run_id: id of the run that has to be resumed, ``None`` or empty for none
    :param resume_scope: ``dag_run`` or ``pipeline``
    :param selection: what the user asked for by component name
    :param deferrable: wait in the triggerer if that is possible
    :param deferrable_is_named: the user asked for it, so that it is an error if it is not possible
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
    """What ``spark-submit`` and Spark Connect need besides.

    What the provider's operator passes to its hook is not here: it may still change, as with OpenLineage, until the
    provider asks for the hook (see :meth:`SubmitWay.hook`).

    :param conn_id: of the Spark connection
    :param conn_is_named: the user named it, so that it has to exist
    :param conf: Spark settings that win over the description's
    :param durable: a retry finds the job of the try before again
    :param given: names of the provider's arguments that are given and are not the default
    :param adds_openlineage: the provider adds OpenLineage's settings to those of Spark
    """

    conn_id: str
    conn_is_named: bool
    conf: Mapping[str, Any]
    durable: bool
    given: tuple[str, ...]
    adds_openlineage: bool
