"""One try by ``spark-submit``, through the provider's operator and its hook.

The provider's ``execute`` is a template method: it asks the operator for a hook, submits with it or finds the job of
the previous try, and waits. The operator passes these calls on to :meth:`SubmitWay.hook` and
:meth:`SubmitWay.waits_here`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
from airflow_spark_pipeline.launch.archives import runtime_archive
from airflow_spark_pipeline.launch.preflight import DriverHere
from airflow_spark_pipeline.launch.private_settings import hidden
from airflow_spark_pipeline.launch.provider import exit_code_of, says_that_nobody_answers, says_that_the_job_ended
from airflow_spark_pipeline.launch.py_files import import_path, is_url, resolve_py_files, without_commas
from airflow_spark_pipeline.launch.yarn import explain
from airflow_spark_pipeline.pipeline.spark_settings import refuse_settings
from airflow_spark_pipeline.planning import AlreadyCompletedError
from airflow_spark_pipeline.task import deferral
from airflow_spark_pipeline.task.driver_files import REQUEST, DriverFiles
from airflow_spark_pipeline.task.earlier_job import forget_job
from airflow_spark_pipeline.task.try_arguments import SparkArguments
from airflow_spark_pipeline.task.unit import Unit
from airflow_spark_pipeline.task.way import Deferred, Ended, Way


class SubmitWay(Way):
    """``spark-submit``, by the provider's operator.

    :param submit: the provider's ``execute``
    :param kill: the provider's ``on_kill``
    """

    def __init__(self, unit: Unit, spark: SparkArguments, submit: Callable[[], None], kill: Callable[[], None]) -> None:
        self._unit = unit
        self._spark = spark
        self._submit = submit
        self._kill = kill
        self._files = DriverFiles(unit.directory)
        #: The file that ``spark-submit`` starts, once the hook is made.
        self.application = ""
        self._hook: SparkPipelineSubmitHook | None = None
        self._defers = False
        self._left_behind: str | None = None  # the job of an earlier try, whose driver is gone

    @property
    def shows_output(self) -> bool:
        """Whether the driver runs on this machine, so that the provider logs its lines."""
        return self._hook is None or self._hook.runs_driver_here

    def forget_earlier_job(self) -> None:
        """Make the provider's operator forget the job; the hook ends what is left of it on YARN."""
        self._left_behind = forget_job(self._unit.task_state)

    def run(self) -> Ended | Deferred:
        """Let the provider's operator submit, or reconnect. The log wins over the exit code of spark-submit."""
        try:
            exit_code = self._submitted()
            if self._defers and self._hook is not None and self._unit.attempt.is_running():
                return Deferred(deferral.trigger(self._unit, self._hook))
        except AlreadyCompletedError as error:
            self._unit.log.info("%s", error)
            return Ended()
        except Exception:
            self._run_delayed_commands()
            raise
        self._run_delayed_commands()
        return Ended(exit_code)

    def stop(self) -> None:
        """Stop the driver, or ``spark-submit``, as the provider does."""
        if self._hook is not None:
            self._kill()
            self._run_delayed_commands()

    # ---- what the provider's operator asks for, through ours

    def hook(self, arguments: Mapping[str, Any]) -> SparkPipelineSubmitHook:
        """Check everything that can be checked before submission, and return the hook that submits the driver.

        :param arguments: what the provider's operator passes to its own hook
        :raises SparkInstallationError: spark-submit or Java is missing
        :raises PipelineDefinitionError: ``conf`` has a setting that has a field or an argument, a component cannot be
            loaded, or a module to ship does not exist
        :raises NotDeferrableError: the user wants it, and it is not possible
        """
        hook = self._made(arguments)
        self._defers = deferral.is_wanted(self._unit, hook)
        if self._defers:
            hook.let_go()
            if not self._unit.attempt.is_running():
                # The run has ended, so its job is not needed. It may still be ending, and must not be found again.
                forget_job(self._unit.task_state)
        elif self._spark.durable:
            hook.require_a_way_to_reconnect()
        if self._left_behind is not None:
            hook.end_what_is_left(self._left_behind)
        self._hook = hook
        return hook

    @property
    def may_reconnect(self) -> bool:
        """Whether the provider may look for the job of the previous try.

        Not if the try defers and only the resource manager knows the job: the provider would refuse to submit. The log
        is enough here.
        """
        hook = self._hook
        return hook is None or not self._defers or not hook.is_on_yarn or hook.tracks_by_api

    def waits_here(self, job: Any) -> bool:
        """Whether the provider waits for a job that it submitted or found again."""
        if self._hook is not None and not self._defers:
            self._hook.found_again(job)
        return not self._defers

    # ---- how the hook is made

    def _made(self, given: Mapping[str, Any]) -> SparkPipelineSubmitHook:
        conf, spark = given["conf"] or {}, self._unit.spec.spark
        refuse_settings(conf)
        launcher = self._files.launcher()
        self.application = str(launcher)
        modules = without_commas(
            resolve_py_files(given["py_files"], self._unit.arguments.dag_dir), self._unit.directory / "py_files"
        )
        private = hidden({**spark.config, **conf})
        kept = {name: value for name, value in conf.items() if name not in private}
        arguments = {**given, "py_files": ",".join(modules) or None, "conf": kept}
        hook = SparkPipelineSubmitHook(
            fallback_master=None if self._spark.conn_is_named else spark.master or "local[*]",
            spark_config={name: value for name, value in spark.config.items() if name not in private},
            private=private,
            directory=self._unit.directory,
            runtime=runtime_archive(),
            before_submit=lambda hook: self._claim(hook, private),
            **arguments,
        )
        self._refuse_a_log_out_of_reach(hook)
        hook.prepare()
        if hook.runs_driver_here:
            self._check(hook, launcher, modules, modules_elsewhere=_brings_more_modules(arguments, modules))
        return hook

    def _refuse_a_log_out_of_reach(self, hook: SparkPipelineSubmitHook) -> None:
        if not self._unit.keeps_progress and not hook.runs_driver_here:
            raise CheckpointLocationError(
                "checkpoint.enabled = false works in client mode only: in cluster mode the log is how the driver "
                "answers. Remove it; auto-resume = false starts every try from the beginning."
            )

    def _check(
        self, hook: SparkPipelineSubmitHook, launcher: Path, modules: list[str], *, modules_elsewhere: bool
    ) -> None:
        mine = import_path(modules, self._unit.directory / "modules")
        path = [str(runtime_archive()), *mine, *hook.spark_path()]
        driver = DriverHere(launcher, hook.driver_python, path, self._unit.arguments.env_vars, modules_elsewhere)
        self._files.check(self._unit.check_request(), driver, self._unit.spec.source)

    def _claim(self, hook: SparkPipelineSubmitHook, private: Mapping[str, str]) -> list[str]:
        """Claim, right before spark-submit starts; return the driver's arguments."""
        settings = {**private, **hook.private_environment}
        request = self._unit.claim(spark_config=settings, local=hook.runs_spark_here)
        path = self._files.write(REQUEST, request)
        if hook.runs_driver_here:
            return ["run", str(path)]
        hook.ship(path)
        return ["run", path.name]

    # ---- how it ended

    def _submitted(self) -> int | None:
        """Submit, or reconnect; return the exit code."""
        try:
            self._submit()
        except AlreadyCompletedError:
            raise
        except (AirflowException, RuntimeError) as error:
            return self._exit_code(error)
        return 0

    def _run_delayed_commands(self) -> None:
        """Run the user's post-submit commands if this try was to be deferred but is not: no later call runs them."""
        if self._hook is not None:
            self._hook.run_delayed_commands()

    def _exit_code(self, error: Exception) -> int | None:
        """Return the exit code in an error of the provider; raise the error if the driver recorded nothing better."""
        attempt = self._unit.attempt
        if says_that_nobody_answers(error) and attempt.is_running():
            raise error  # the state of the driver is unknown; a retry may find it alive
        if not attempt.driver_recorded() and not (says_that_the_job_ended(error) and attempt.has_started()):
            if (why := explain(str(error), attempt.log.store.location)) is not None:
                self._unit.log.warning("%s", error)
                raise why from error
            raise error
        if isinstance(error, RuntimeError):
            self._unit.log.warning("%s", error)  # only this error has the cluster manager's diagnostics
        return exit_code_of(error)


def _brings_more_modules(arguments: Mapping[str, Any], modules: list[str]) -> bool:
    """Whether the driver may have modules that are not on this machine before Spark runs."""
    others = ("packages", "jars", "archives", "properties_file")
    return any(arguments[name] for name in others) or any(map(is_url, modules))
