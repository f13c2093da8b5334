"""One try on a Spark Connect server: the driver is a process beside the task, and nothing is submitted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.launch.archives import runtime_archive
from airflow_spark_pipeline.launch.child_process import Child, environment
from airflow_spark_pipeline.launch.driver_output import Levels
from airflow_spark_pipeline.launch.executables import driver_python
from airflow_spark_pipeline.launch.provider import connection_id, given_arguments, injects_openlineage
from airflow_spark_pipeline.launch.py_files import import_path, is_url, resolve_py_files
from airflow_spark_pipeline.launch.spark_connect import await_server, find_server
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.protocol import ConnectTarget
from airflow_spark_pipeline.spark_installation import warn_of_a_mixture
from airflow_spark_pipeline.task.attempt import CompletedMeanwhileError
from airflow_spark_pipeline.task.deferral import cannot_be_deferred

if TYPE_CHECKING:
    from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator
    from airflow_spark_pipeline.pipeline.connect_string import ConnectString
    from airflow_spark_pipeline.task.submission import Submission

# Of the parent's arguments these mean something here as well, or nothing anywhere in this operator.
_TAKEN = {
    "self", "application", "application_args", "conf", "conn_id", "durable", "env_vars", "java_class", "kwargs", "name",
    "openlineage_inject_parent_job_info", "openlineage_inject_transport_info", "py_files", "reconnect_on_retry",
}  # fmt: skip
_SUFFIXES = (".py", ".zip", ".egg")
_SPARKS_OWN = ("PYSPARK_GATEWAY", "PYSPARK_REMOTE", "SPARK_CONNECT_MODE", "SPARK_LOCAL_REMOTE", "SPARK_REMOTE")


def server_of(operator: SparkPipelineOperator, submission: Submission) -> ConnectString | None:
    """Return the server that this try works on, ``None`` where it submits.

    :raises SparkConnectError: arguments are given that mean nothing there
    :raises NotDeferrableError: the try was asked to be deferred
    """
    spark = submission.spec.spark
    server = find_server(connection_id(operator), spark, operator.log.info, is_named=operator.conn_is_named)
    if server is not None:
        _refuse_arguments_of_spark_submit(operator)
        if operator.deferrable:
            cannot_be_deferred(operator, "on Spark Connect the driver runs beside the task")
    return server


def run(operator: SparkPipelineOperator, submission: Submission, server: ConnectString) -> int | None:
    """Check, claim, and run the driver to its end.

    :return: its exit code; ``None`` where nothing was left to run
    :raises SparkConnectError: the server is not there, or takes no such modules
    :raises PipelineDefinitionError: a component cannot be loaded
    """
    refuse_settings(operator.conf or {})
    warn_of_a_mixture()
    modules = _modules(operator)
    runtime = runtime_archive()
    launcher = submission.launcher()
    python = driver_python({}, os.environ)
    path = [*import_path(modules, submission.directory / "modules"), str(runtime)]
    submission.check(launcher, python=python, path=path)
    _say_what_the_server_may_not_see(operator, submission, server)
    await_server(server, operator.log.info)
    config = {
        **submission.spec.spark.config,
        **{str(name): str(value) for name, value in (operator.conf or {}).items()},
    }
    target = ConnectTarget(server.url, (*modules, str(runtime)))
    variables = {"PYTHONUNBUFFERED": "1", **(operator.env_vars or {})}
    child = Child(environment(variables, path, without=_SPARKS_OWN), Levels(operator.log).info)
    try:
        request = submission.claim(spark_config=config, connect=target, local=True)
    except CompletedMeanwhileError as error:
        operator.log.info("%s", error)
        return None
    operator.child = child
    return child.run([python, str(launcher), "run", str(request)])


def _refuse_arguments_of_spark_submit(operator: SparkPipelineOperator) -> None:
    given = given_arguments(operator, without=_TAKEN)
    if given:
        raise SparkConnectError(
            f"On Spark Connect nothing is submitted; these arguments are spark-submit's: {', '.join(given)}. Remove "
            f"them, and say what they say where the server is started."
        )
    if injects_openlineage(operator):
        operator.log.info("OpenLineage's settings are those of the Spark Connect server; none are added.")


def _modules(operator: SparkPipelineOperator) -> list[str]:
    modules = resolve_py_files(operator.py_files, operator.dag_dir)
    wrong = [name for name in modules if is_url(name) or Path(name).suffix not in _SUFFIXES]
    if wrong:
        raise SparkConnectError(
            f"py_files: on Spark Connect modules are local .py, .zip and .egg files, or directories; these are not: "
            f"{', '.join(wrong)}."
        )
    return modules


def _say_what_the_server_may_not_see(
    operator: SparkPipelineOperator, submission: Submission, server: ConnectString
) -> None:
    spec = submission.spec
    saves = spec.save_outputs or any(component.save_outputs for component in spec.components)
    if saves and submission.keeps_progress and submission.is_local and not server.is_on_this_machine:
        operator.log.warning(
            "save-outputs: the checkpoint location %s is a directory, and the Spark Connect server at %s writes the "
            "outputs on its own machines. Unless all of them share that directory, use a location such as s3a://.",
            submission.location,
            server.address,
        )
