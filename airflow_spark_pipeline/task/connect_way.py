"""One try on a Spark Connect server: the driver is a process next to the task, and nothing is submitted."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_spark_pipeline.exceptions import SparkConnectError
from airflow_spark_pipeline.launch.archives import runtime_archive
from airflow_spark_pipeline.launch.child_process import Child, environment
from airflow_spark_pipeline.launch.driver_output import Levels
from airflow_spark_pipeline.launch.executables import driver_python, existing_python
from airflow_spark_pipeline.launch.preflight import DriverHere
from airflow_spark_pipeline.launch.py_files import import_path, is_url, resolve_py_files
from airflow_spark_pipeline.launch.spark_connect import await_server
from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.protocol import ConnectTarget, DriverRequest
from airflow_spark_pipeline.spark_installation import warn_of_a_mixture
from airflow_spark_pipeline.task.deferral import cannot_be_deferred
from airflow_spark_pipeline.task.driver_files import REQUEST, DriverFiles
from airflow_spark_pipeline.task.earlier_job import forget_job
from airflow_spark_pipeline.task.try_arguments import SparkArguments
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.way import Ended, Way

# Arguments of the provider that have a meaning here as well, or none anywhere in this operator.
_TAKEN = {
    "application", "application_args", "conf", "conn_id", "durable", "env_vars", "java_class", "name",
    "openlineage_inject_parent_job_info", "openlineage_inject_transport_info", "py_files", "reconnect_on_retry",
}  # fmt: skip
_SUFFIXES = (".py", ".zip", ".egg")
_SPARKS_OWN = ("PYSPARK_GATEWAY", "PYSPARK_REMOTE", "SPARK_CONNECT_MODE", "SPARK_LOCAL_REMOTE", "SPARK_REMOTE")


class ConnectWay(Way):
    """A driver process on this machine that uses a Spark Connect server; created by :meth:`to`."""

    def __init__(self, server: ConnectString, unit: Unit, spark: SparkArguments) -> None:
        self._server = server
        self._unit = unit
        self._spark = spark
        self._files = DriverFiles(unit.directory)
        self._child: Child | None = None

    @classmethod
    def to(cls, server: ConnectString, unit: Unit, spark: SparkArguments) -> ConnectWay:
        """Return the way to a server.

        :raises SparkConnectError: an argument has no meaning there
        :raises NotDeferrableError: the try was asked to be deferred
        """
        _refuse_arguments_of_spark_submit(unit, spark)
        if unit.arguments.deferrable:
            cannot_be_deferred(unit.arguments, "on Spark Connect the driver runs next to the task")
        return cls(server, unit, spark)

    @property
    def shows_output(self) -> bool:
        """Always true: what the process prints goes to the task's log."""
        return True

    def forget_earlier_job(self) -> None:
        """Forget what an earlier try submitted, before the task was moved to Spark Connect."""
        forget_job(self._unit.task_state)

    def run(self) -> Ended:
        """Check, claim, and run the driver to its end.

        :raises SparkConnectError: the server does not answer, or does not accept a kind of module
        :raises PipelineDefinitionError: a component cannot be loaded
        """
        refuse_settings(self._spark.conf)
        warn_of_a_mixture()
        modules = self._modules()
        launcher = self._files.launcher()
        python = existing_python(driver_python({}, os.environ))
        path = [*import_path(modules, self._unit.directory / "modules"), str(runtime_archive())]
        self._check(launcher, python, path)
        self._say_what_the_server_may_not_see()
        await_server(self._server, self._unit.log.info)
        variables = {"PYTHONUNBUFFERED": "1", **self._unit.arguments.env_vars}
        child = Child(environment(variables, path, without=_SPARKS_OWN), Levels(self._unit.log).info)
        try:
            request = self._files.write(REQUEST, self._claim(modules))
        except AlreadyCompletedError as error:
            self._unit.log.info("%s", error)
            return Ended()
        self._child = child
        return Ended(child.run([python, str(launcher), "run", str(request)]))

    def stop(self) -> None:
        """End the driver's process."""
        if self._child is not None:
            self._child.stop()

    def _check(self, launcher: Path, python: str, path: list[str]) -> None:
        driver = DriverHere(launcher, python, path, self._unit.arguments.env_vars)
        self._files.check(self._unit.check_request(), driver, self._unit.spec.source)

    def _claim(self, modules: list[str]) -> DriverRequest:
        config = {
            **self._unit.spec.spark.config,
            **{str(name): str(value) for name, value in self._spark.conf.items()},
        }
        target = ConnectTarget(self._server.url, (*modules, str(runtime_archive())))
        return self._unit.claim(spark_config=config, connect=target, local=True)

    def _modules(self) -> list[str]:
        modules = resolve_py_files(self._unit.arguments.py_files, self._unit.arguments.dag_dir)
        wrong = [name for name in modules if is_url(name) or Path(name).suffix not in _SUFFIXES]
        if wrong:
            raise SparkConnectError(
                f"py_files: on Spark Connect modules are local .py, .zip and .egg files, or directories; these are "
                f"not: {', '.join(wrong)}."
            )
        return modules

    def _say_what_the_server_may_not_see(self) -> None:
        unit, spec = self._unit, self._unit.spec
        saves = spec.save_outputs or any(component.save_outputs for component in spec.components)
        if saves and unit.keeps_progress and unit.is_local and not self._server.is_on_this_machine:
            unit.log.warning(
                "save-outputs: the checkpoint location %s is a directory, and the Spark Connect server at %s writes "
                "the outputs on its own machines. Unless all of them share that directory, use a location such as "
                "s3a://.",
                unit.location.location,
                self._server.address,
            )


def _refuse_arguments_of_spark_submit(unit: Unit, spark: SparkArguments) -> None:
    given = [name for name in spark.given if name not in _TAKEN]
    if given:
        raise SparkConnectError(
            "On Spark Connect nothing is submitted, so these arguments of spark-submit cannot be "
            f"used: {', '.join(given)}. Remove them, and set them where the server is started."
        )
    if spark.adds_openlineage:
        unit.log.info("OpenLineage's settings are those of the Spark Connect server; none are added.")
