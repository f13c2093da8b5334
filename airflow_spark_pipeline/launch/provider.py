"""Everything that this package uses of the internals of Airflow's Spark provider: private names, signatures, messages.

No other module uses a private name of the provider, reads its signatures or parses its errors. The names here are
checked against the installed provider by ``tests/unit/launch/test_provider.py``, and when a task submits: a provider
without one of the names is rejected with its version, before anything is claimed. Arguments that a newer provider adds
are left to the provider.

Two methods of the provider's operator are overridden by name in ``operators/spark_pipeline.py``: see
:data:`OPERATOR_NAMES`.

This is one long file on purpose: to support a newer provider, only this file has to be read.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import version
from typing import Any

from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem, SparkInstallationError
from airflow_spark_pipeline.launch.driver_output import Levels

PACKAGE = "apache-airflow-providers-apache-spark"

#: Attributes of a new hook.
HOOK_NAMES = (
    "_application_args",
    "_build_spark_common_args",
    "_build_spark_submit_command",
    "_conf",
    "_conn_id",
    "_connection",
    "_create_keytab_path_from_base64_keytab",
    "_env",
    "_env_vars",
    "_files",
    "_is_kubernetes",
    "_is_yarn",
    "_is_yarn_cluster_mode",
    "_kill_yarn_application",
    "_kubernetes_driver_pod",
    "_post_submit_commands_done",
    "_process_spark_submit_log",
    "_properties_file",
    "_py_files",
    "_query_yarn_application_status",
    "_run_post_submit_commands",
    "_should_track_driver_via_k8s_api",
    "_spark_exit_code",
    "_status_poll_interval",
    "_submit_sp",
    "_yarn_application_id",
    "_yarn_rm_auth",
    "_yarn_track_via_rm_api",
)
#: Attributes of the operator. ``_get_hook`` and ``poll_until_complete`` are overridden; ``execute`` calls them.
OPERATOR_NAMES = (
    "_conn_id",
    "_get_hook",
    "_hook",
    "_java_class",
    "_openlineage_inject_parent_job_info",
    "_openlineage_inject_transport_info",
    "external_id_key",
    "poll_until_complete",
)
#: Key in the task state store under which the operator records the id of its job, so that a retry finds it.
JOB_ID = SparkSubmitOperator.external_id_key
#: Key in the task state store under which the operator records that its job's pod succeeded.
POD_STATUS = "k8s_driver_status"

_EXIT_CODE = re.compile(r"Error code is: (-?\d+)")
_ENDED = re.compile(r"YARN application \S+ ended with")
_LOST_SIGHT = "YARN RM REST API"


def exit_code_of(error: Exception) -> int | None:
    """Return the exit code of spark-submit from the error of the provider's hook, or ``None``."""
    found = _EXIT_CODE.search(str(error))
    return int(found[1]) if found else None


def says_that_the_job_ended(error: Exception) -> bool:
    """Whether the error says that the YARN application ended without success."""
    return _ENDED.match(str(error)) is not None


def says_that_nobody_answers(error: Exception) -> bool:
    """Whether the error says that YARN did not answer; the job may still be running."""
    return _LOST_SIGHT in str(error)


def hook_arguments(operator: SparkSubmitOperator) -> dict[str, Any]:
    """Return what the provider's operator passes to its hook.

    An argument that only the hook has, as in a newer provider, keeps the hook's default.

    :raises SparkInstallationError: such an argument has no default
    :raises PipelineDefinitionError: an argument has a type with which the hook would fail
    """
    given, missing, misfits = {}, [], []
    for name, parameter in _parameters(SparkSubmitHook).items():
        if (found := _kept(operator, name)) is not None:
            given[name] = found[0]
            misfits += [] if name == "py_files" else _misfit(name, parameter, found[0])  # it becomes text later
        elif parameter.default is parameter.empty:
            missing.append(name)
    if missing:
        raise SparkInstallationError(_unknown(f"its hook needs the arguments {', '.join(missing)}"))
    if misfits:
        raise PipelineDefinitionError(misfits)
    return given


def given_arguments(operator: SparkSubmitOperator, *, without: Collection[str]) -> list[str]:
    """Return the names of the provider's arguments that were passed and differ from the default.

    :param without: names of arguments to ignore
    """
    given = []
    for name, parameter in _parameters(SparkSubmitOperator).items():
        found = None if name in without else _kept(operator, name)
        if found is not None and found[0] and found[0] != parameter.default:
            given.append(name)
    return given


def java_class(operator: SparkSubmitOperator) -> Any:
    """Return the argument ``java_class``."""
    return operator._java_class  # noqa: SLF001


def connection_id(operator: SparkSubmitOperator) -> str:
    """Return the argument ``conn_id``."""
    return operator._conn_id  # noqa: SLF001


def injects_openlineage(operator: SparkSubmitOperator) -> bool:
    """Whether the provider adds OpenLineage's settings to the Spark settings."""
    return operator._openlineage_inject_parent_job_info or operator._openlineage_inject_transport_info  # noqa: SLF001


class ProviderHook(SparkSubmitHook):
    """The provider's hook, with public names for the parts that a subclass needs.

    :raises SparkInstallationError: the internals of the installed provider are not supported by this package
    """

    #: Logger for the driver's lines while they are read.
    levels: Any = None

    @property
    def log(self) -> Any:
        """The hook's logger."""
        return super().log if self.levels is None else self.levels

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delays_commands = False
        missing = [name for name in HOOK_NAMES if not hasattr(self, name)]
        if missing:
            raise SparkInstallationError(_unknown(f"its hook has no {', '.join(missing)}"))

    def watch(self, output: Iterator[Any]) -> Iterator[Any]:
        """Return the lines of spark-submit's output that the provider should see."""
        return output

    def environment(self) -> dict[str, str]:
        """Return variables to add to spark-submit's environment; the user's variables take precedence."""
        return {}

    def options(self, options: list[str]) -> list[str]:
        """Return the options to use for spark-submit, ``--conf`` included."""
        return options

    @property
    def conf(self) -> dict[str, str]:
        """The Spark settings of the submission."""
        return self._conf

    @conf.setter
    def conf(self, value: dict[str, str]) -> None:
        self._conf = value

    @property
    def py_files(self) -> str | None:
        """The modules of ``--py-files``, separated by commas."""
        return self._py_files

    @py_files.setter
    def py_files(self, value: str) -> None:
        self._py_files = value

    @property
    def files(self) -> str | None:
        """The files of ``--files``, separated by commas."""
        return self._files

    @files.setter
    def files(self, value: str) -> None:
        self._files = value

    @property
    def connection(self) -> dict[str, Any]:
        """Values from the Spark connection and the arguments: ``master``, ``deploy_mode``, ``spark_binary``, …"""
        return self._connection

    @property
    def connection_id(self) -> str:
        """The id of the Spark connection."""
        return self._conn_id

    @property
    def properties_file(self) -> str | None:
        """The user's file with Spark settings."""
        return self._properties_file or None

    @property
    def variables(self) -> dict[str, Any]:
        """The environment variables that the user adds for spark-submit."""
        return self._env_vars or {}

    @property
    def targets_yarn(self) -> bool:
        """Whether the master is YARN."""
        return bool(self._is_yarn)

    @property
    def targets_yarn_cluster(self) -> bool:
        """Whether the master is YARN and the connection or the arguments set cluster mode."""
        return bool(self._is_yarn_cluster_mode)

    @property
    def targets_kubernetes(self) -> bool:
        """Whether the master is Kubernetes."""
        return bool(self._is_kubernetes)

    @property
    def asks_resource_manager(self) -> bool:
        """Whether the job is followed through YARN's API."""
        return bool(self._yarn_track_via_rm_api)

    @property
    def tracks_by_api(self) -> bool:
        """Whether the provider follows the job through the cluster manager's own interface."""
        return self.asks_resource_manager or bool(self._should_track_driver_via_k8s_api())

    @property
    def needs_yarn_auth(self) -> bool:
        """Whether an authentication object for YARN was passed, which other processes do not have."""
        return self._yarn_rm_auth is not None

    @property
    def yarn_application(self) -> str | None:
        """The id of the application that was submitted to YARN."""
        return self._yarn_application_id

    @yarn_application.setter
    def yarn_application(self, value: str) -> None:
        self._yarn_application_id = value

    @property
    def driver_pod(self) -> str | None:
        """The name of the driver's pod on Kubernetes."""
        return self._kubernetes_driver_pod

    @driver_pod.setter
    def driver_pod(self, value: str) -> None:
        self._kubernetes_driver_pod = value

    @property
    def poll_interval(self) -> float:
        """Seconds between two checks of the job."""
        return float(self._status_poll_interval)

    @property
    def process(self) -> Any:
        """The process of spark-submit, or ``None`` before it starts."""
        return self._submit_sp

    def pass_to_driver(self, arguments: list[str]) -> None:
        """Set the arguments of the driver."""
        self._application_args = arguments

    def expect_no_end(self) -> None:
        """Let spark-submit end before the driver: post-submit commands are delayed, and no exit code is expected."""
        self._post_submit_commands_done = self.delays_commands = True
        self._spark_exit_code = 0

    def run_delayed_commands(self) -> None:
        """Run the post-submit commands that :meth:`expect_no_end` delayed, once."""
        if self.delays_commands:
            self._post_submit_commands_done = self.delays_commands = False
            self._run_post_submit_commands()

    def run_post_submit_commands(self) -> None:
        """Run the user's post-submit commands."""
        self._run_post_submit_commands()

    def yarn_status(self, application_id: str) -> tuple[str, str, str]:
        """Return state, final status and diagnostics of a YARN application.

        :raises RuntimeError: the resource manager does not answer
        """
        return self._query_yarn_application_status(application_id)

    def kill_yarn_application(self, application_id: str) -> None:
        """Kill a YARN application; errors are only logged."""
        self._kill_yarn_application(application_id)

    def _process_spark_submit_log(self, itr: Iterator[Any]) -> None:
        self.levels = Levels(super().log)
        try:
            super()._process_spark_submit_log(self.watch(itr))
        finally:
            self.levels = None

    def _build_spark_common_args(self) -> list[str]:
        return self.options(super()._build_spark_common_args())

    def _create_keytab_path_from_base64_keytab(self, base64_keytab: str, principal: str | None) -> str:
        # The parent makes the file readable for all users of this machine.
        before = os.umask(0o077)
        try:
            path = super()._create_keytab_path_from_base64_keytab(base64_keytab, principal)
        finally:
            os.umask(before)
        with contextlib.suppress(OSError):  # belongs to another user, with the same content
            os.chmod(path, 0o600)
        return path

    def _build_spark_submit_command(self, application: str) -> list[str]:
        command = super()._build_spark_submit_command(application)
        if more := self.environment():
            self._env = {**more, **(self._env or {})}
        return command


def _parameters(owner: type) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a class."""
    named = inspect.signature(owner.__init__).parameters.values()  # type: ignore[misc]
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {each.name: each for each in named if each.name != "self" and each.kind not in several}


def _misfit(name: str, parameter: inspect.Parameter, value: Any) -> list[Problem]:
    """Return what is wrong with an argument, of which a template or an XCom may have given another type."""
    kind, is_several = str(parameter.annotation), isinstance(value, (list, tuple))
    if kind.startswith("str") and (is_several or isinstance(value, (bool, Mapping, set))):
        needed = "text, with commas in between" if is_several else "text"
    elif kind.startswith("list") and not (is_several or value is None or isinstance(value, str)):
        needed = "a list of texts"
    else:
        return []
    return [Problem(f"the argument {name} is of type {type(value).__name__}; it must be {needed}")]


def _kept(operator: SparkSubmitOperator, name: str) -> tuple[Any] | None:
    """Return an argument that the provider's operator keeps as ``x`` or ``_x``, or ``None`` if it does not."""
    if name not in _parameters(SparkSubmitOperator):
        return None  # Airflow uses this name for something else
    return next(((getattr(operator, kept),) for kept in (name, f"_{name}") if hasattr(operator, kept)), None)


def _unknown(what: str) -> str:
    return (
        f"{PACKAGE} {version(PACKAGE)} is not a version that this package works with: {what}. Install a version that "
        f"its dependencies allow."
    )
