"""The submit hook: Airflow's Spark hook with defaults for new users, which claims before spark-submit starts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, Connection

from airflow_spark_pipeline.deployment.airflow_masker import tell_airflow
from airflow_spark_pipeline.exceptions import NotDeferrableError, SparkInstallationError
from airflow_spark_pipeline.launch.child_process import LAST_SECONDS, die_with_parent
from airflow_spark_pipeline.launch.driver_output import TEXT, lines
from airflow_spark_pipeline.launch.executables import driver_python, find_spark_submit, python_path
from airflow_spark_pipeline.launch.private_settings import hidden, resolved, without_secrets, write_properties
from airflow_spark_pipeline.launch.provider import ProviderHook
from airflow_spark_pipeline.launch.spark_defaults import OPTION, defaults_file, knows_option
from airflow_spark_pipeline.launch.yarn import YarnApplication, can_be_asked
from airflow_spark_pipeline.protocol import SUBMIT_PROPERTIES
from airflow_spark_pipeline.spark_installation import require_java

_YARN_WAITS = "spark.yarn.submit.waitAppCompletion"
_KUBERNETES_WAITS = "spark.kubernetes.submission.waitAppCompletion"
_SUBMISSION = re.compile(r"submission ID [\w.-]+:(\S+-driver)\b")  # namespace and pod
_LOGGING = Path(__file__).with_name("log4j2.properties")


class SparkPipelineSubmitHook(ProviderHook):
    """Submits the driver of a pipeline.

    :param fallback_master: Spark master to use if the connection does not exist; with ``None`` that is an error
    :param spark_config: Spark settings from the pipeline's file; the operator's ``conf`` takes precedence over them
    :param private: Spark settings that hold a secret; the driver gets them in its request
    :param directory: private directory of this try, for the file with the secret settings that spark-submit needs
    :param runtime: path of the zip with the driver's code, for ``--py-files``
    :param before_submit: function that is called with this hook right before spark-submit starts; it returns the
        driver's arguments
    :param kwargs: arguments of the provider's ``SparkSubmitHook``
    """

    def __init__(
        self,
        *,
        fallback_master: str | None,
        spark_config: dict[str, str],
        private: Mapping[str, str],
        directory: Path,
        runtime: Path,
        before_submit: Callable[[SparkPipelineSubmitHook], list[str]],
        **kwargs: Any,
    ) -> None:
        self._fallback_master = fallback_master
        self._names_binary = bool(kwargs.get("spark_binary"))
        super().__init__(**kwargs)
        quiet = {} if self.properties_file else {"spark.log.level": "WARN", "spark.ui.showConsoleProgress": "false"}
        self.conf = {**quiet, **spark_config, **self.conf}
        self.py_files = ",".join(filter(None, [str(runtime), self.py_files]))
        self._private = private
        self._directory = directory
        self._before_submit = before_submit
        self._environment: dict[str, str] = {}

    def get_connection(self, conn_id: str) -> Connection:  # type: ignore[override]  # the parent's needs no instance
        """Return the connection; if it does not exist, one with the fallback master."""
        try:
            connection = super().get_connection(conn_id)
        except AirflowNotFoundException as error:
            if self._fallback_master is None:
                raise SparkInstallationError(
                    f"The Spark connection {conn_id!r} does not exist. Create it, or correct conn_id."
                ) from error
            self.log.info("No Spark connection %r; the master is %s.", conn_id, self._fallback_master)
            return Connection(conn_id=conn_id, conn_type="spark", host=self._fallback_master)
        self._names_binary = self._names_binary or "spark-binary" in connection.extra_dejson
        tell_airflow({"password": connection.password, **connection.extra_dejson})
        return connection

    @property
    def runs_driver_here(self) -> bool:
        """Whether the driver runs on this machine (client mode)."""
        mode: str | None = self.connection["deploy_mode"] or self.conf.get("spark.submit.deployMode")
        return mode != "cluster"

    @property
    def runs_spark_here(self) -> bool:
        """Whether all of Spark runs inside the driver's processes; ``local-cluster`` starts others."""
        return self.master == "local" or self.master.startswith("local[")

    @property
    def is_on_yarn(self) -> bool:
        """Whether YARN runs the driver, in cluster mode."""
        return self.targets_yarn and not self.runs_driver_here

    @property
    def is_on_kubernetes(self) -> bool:
        """Whether Kubernetes runs the driver, in cluster mode."""
        return self.targets_kubernetes and not self.runs_driver_here

    @property
    def asks_yarn_by(self) -> str | None:
        """Id of the connection with which another process can ask YARN about the application, or ``None``."""
        needs_more = self.yarn_application is None or self.needs_yarn_auth
        return None if needs_more or not can_be_asked(self.connection_id) else self.connection_id

    def let_go(self) -> None:
        """Let spark-submit end when the cluster has accepted the job; the user's post-submit commands wait.

        :raises NotDeferrableError: the settings make spark-submit wait
        """
        name = _YARN_WAITS if self.is_on_yarn else _KUBERNETES_WAITS
        if str(self.conf.get(name, "")).strip().lower() == "true":
            raise NotDeferrableError(f"deferrable=True is not possible with {name}=true; remove the setting.")
        self.conf[name] = "false"
        self.expect_no_end()

    @property
    def master(self) -> str:
        """The Spark master that is submitted to."""
        master: str = self.connection["master"]
        return master

    def prepare(self) -> None:
        """Find the programs that the submission needs on this machine.

        :raises SparkInstallationError: a program was not found
        """
        if self._names_binary:
            named = self.connection["spark_binary"]
            if shutil.which(named) is None:
                raise SparkInstallationError(
                    f"The spark-submit program {named} does not exist or cannot be run. Correct spark_binary in the "
                    "DAG, or spark-binary in the Spark connection."
                )
            return
        binary, environment = find_spark_submit()
        require_java()
        self.connection["spark_binary"] = binary
        if self.runs_driver_here:
            # spark-submit would use the python3 in the PATH, which may not have pyspark.
            names = ["PYSPARK_DRIVER_PYTHON", *(["PYSPARK_PYTHON"] if self.master.startswith("local") else [])]
            given = self._given_environment
            chosen = {name: sys.executable for name in names if not given.get("PYSPARK_PYTHON")}
            environment |= {name: value for name, value in chosen.items() if not given.get(name)}
            environment |= _quiet_logging()
        self._environment = environment

    @property
    def _given_environment(self) -> dict[str, str]:
        """Return the worker's environment plus the variables that the user adds for spark-submit."""
        return {**os.environ, **{name: str(value) for name, value in self.variables.items()}}

    @property
    def driver_python(self) -> str:
        """The Python of a driver on this machine."""
        return driver_python(self.conf, self._given_environment)

    def spark_path(self) -> list[str]:
        """Return what a driver on this machine needs on its module path for ``import pyspark``."""
        given = self._given_environment
        if not given.get("SPARK_HOME") and self.driver_python == sys.executable:
            return []  # it has the package, and imports that faster than a zip
        return python_path({**self._environment, **given})

    def ship(self, file: Path) -> None:
        """Ship a file to a remote driver, which finds it by its name."""
        # The option --files overrides these settings of the user, so add them.
        names = ("spark.files", "spark.yarn.dist.files") if self.is_on_yarn else ("spark.files",)
        settings = [self.conf.pop(name, None) for name in names]
        self.files = ",".join(filter(None, [self.files, *settings, str(file)]))

    def submit(self, application: str = "", **kwargs: Any) -> str | None:
        """Claim the unit of work, and start spark-submit."""
        self.pass_to_driver(self._before_submit(self))
        if self.runs_driver_here:
            kwargs.setdefault("preexec_fn", die_with_parent())
        kwargs = {**TEXT, **kwargs}  # the parent decodes strictly, and fails at a byte that is not UTF-8
        try:
            return super().submit(application, **kwargs)
        finally:
            if self.process is not None and self.process.stdout is not None:
                self.process.stdout.close()  # the parent leaves the pipe open

    def on_kill(self) -> None:
        """Stop the driver; if it runs here, its JVM first gets time to remove its temporary files."""
        process = self.process
        if process is not None and process.poll() is None and self.runs_driver_here:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_SECONDS)
        super().on_kill()

    def found_again(self, job: Any) -> None:
        """Remember the job that an earlier try submitted, so that stopping this task stops the job, too."""
        if self.is_on_yarn and isinstance(job, str):
            self.yarn_application = job  # the parent remembers it only in other modes

    def end_what_is_left(self, job: str) -> None:
        """Kill a job whose driver is gone if YARN has not noticed: it would keep containers, or restart the driver."""
        if not (self.is_on_yarn and self.asks_resource_manager):
            return
        application = YarnApplication(self.connection_id, job)
        try:
            if application.end() is None:
                self.log.info("Ending YARN application %s: its driver no longer shows a sign of life.", job)
                application.kill()
        except RuntimeError as error:
            self.log.warning("YARN application %s may still be there: %s", job, error)

    def require_a_way_to_reconnect(self) -> None:
        """Reject settings that the provider's operator rejects with a less helpful message.

        :raises SparkInstallationError: in YARN's cluster mode it is not possible to find out whether an earlier driver
            is alive
        """
        if self.targets_yarn_cluster and not self.asks_resource_manager:
            raise SparkInstallationError(
                "In YARN's cluster mode a retry asks the ResourceManager whether the driver of the try before is still "
                "alive. Set yarn_track_via_rm_api=True, with the ResourceManager's address in the Spark connection; or "
                "set durable=False: then no try reconnects, and a driver that is still alive is superseded within one "
                "lease."
            )

    def watch(self, output: Iterator[Any]) -> Iterator[Any]:
        """Find the name of the driver's pod, which otherwise cannot be tracked or deleted.

        If spark-submit does not wait for the pod, the parent finds its name only in a namespace called ``spark``.
        """
        for line in lines(output):
            if self.is_on_kubernetes and (found := _SUBMISSION.search(line)):
                self.driver_pod = found[1]
            yield line

    def environment(self) -> dict[str, str]:
        """Return the environment that was found for spark-submit on this machine."""
        return self._environment

    @property
    def private_environment(self) -> dict[str, str]:
        """The settings by which secret variables reach a driver on YARN or Kubernetes."""
        if not (self.targets_yarn or self.targets_kubernetes):
            return {}
        prefix = "spark.yarn.appMasterEnv." if self.targets_yarn else "spark.kubernetes.driverEnv."
        return hidden({f"{prefix}{name}": str(value) for name, value in self.variables.items()})

    def options(self, options: list[str]) -> list[str]:
        """Return the options of spark-submit without secrets, which are in a file that it reads."""
        kept, settings = without_secrets(options, self._private, fetches=not self.is_on_kubernetes)
        if not settings:
            return kept
        settings = resolved(settings, self._given_environment if self.runs_driver_here else {})
        file = self._directory / SUBMIT_PROPERTIES
        if self.properties_file:
            write_properties(file, settings, self.properties_file)
            kept[kept.index("--properties-file") + 1] = str(file)
            return kept
        # With a properties file, spark-submit does not read spark-defaults.conf.
        binary, environment = self.connection["spark_binary"], {**self._environment, **self._given_environment}
        takes_both = knows_option(binary, environment)
        write_properties(file, settings, None if takes_both else defaults_file(binary, environment))
        return [*kept, "--properties-file", str(file), *([OPTION] if takes_both else [])]


def _quiet_logging() -> dict[str, str]:
    """Return settings that keep Spark's start-up lines out of the task log, unless Spark's logging is configured."""
    homes = [os.environ.get("SPARK_CONF_DIR"), Path(os.environ.get("SPARK_HOME", ""), "conf")]
    if any(Path(home, "log4j2.properties").exists() for home in homes if home):
        return {}
    options = os.environ.get("SPARK_SUBMIT_OPTS", "")
    if "log4j2" in options:
        return {}
    return {"SPARK_SUBMIT_OPTS": f"{options} -Dlog4j2.configurationFile={_LOGGING.as_uri()}".strip()}
