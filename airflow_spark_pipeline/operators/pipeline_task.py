"""What every operator of pipelines does in Airflow, independent of what starts its driver.

Only this module and the operators that inherit from :class:`PipelineTask` define Airflow's template methods. What a try
needs is read from the operator once, into :class:`~airflow_spark_pipeline.task.try_arguments.Arguments`; from there on
``task/one_try.py`` runs the try and knows no operator. Importing this module imports nothing that only a task needs.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_spark_pipeline.callbacks import with_auto_resume
from airflow_spark_pipeline.retries import final, take_policy
from airflow_spark_pipeline.task.argument_checks import as_text, choice, flag, plain_text, seconds
from airflow_spark_pipeline.task.argument_types import OF_OPERATORS, check_templated

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import BaseOperator, Context
    from jinja2 import Environment

    from airflow_spark_pipeline.planning import Plan
    from airflow_spark_pipeline.task.one_try import Waited
    from airflow_spark_pipeline.task.rendered_description import Description
    from airflow_spark_pipeline.task.try_arguments import Arguments
    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

    _Operator = BaseOperator
else:
    _Operator = object

_Used = TypeVar("_Used")
_CHANGES = ("fail", "restart", "rerun-from-change")


class PipelineTask(_Operator):
    """A mixin for an operator that can start one Spark application.

    The operator's own class must define ``execute``, since Airflow checks it there, and call :meth:`run_pipeline`.
    See :mod:`airflow_spark_pipeline.task.way` for what else it must define.
    """

    # What its templates are rendered and read from, see task/arguments.py.
    pipeline: Any
    checkpoint_location: Any
    conf: Any
    env_vars: Any
    text_of_dag: str | None = None  # of a pipeline that is not a file, before it is rendered
    resolved_pipeline: str | None
    name: Any
    deferrable: Any
    deferrable_is_named: bool
    finish_early_as: str
    argument_types: ClassVar = OF_OPERATORS
    needs_arguments: tuple[str, ...] = ("pipeline",)

    _description: Description | None = None
    _way: Way | None = None

    # ---- what the operator gives

    def take_arguments(
        self,
        *,
        pipeline: Any,
        checkpoint_location: Any,
        checkpoint_conn_id: str | None,
        auto_resume: bool | None,
        on_change: str | None,
        resume_run_id: str | None,
        resume_scope: str,
        start_from: str | None,
        stop_after: str | None,
        only: Any,
        force: Any,
        py_files: Any,
        name: str | None,
        start_timeout: float | timedelta | None,
        finish_early_as: str = "success",
    ) -> None:
        """Keep the arguments of a pipeline, and set what its retries need; called by ``__init__``.

        :raises ValueError: one of them has another type, or is not one of its choices
        """
        self.pipeline = as_text(pipeline)
        self.checkpoint_location = as_text(checkpoint_location)
        self.checkpoint_conn_id = plain_text("checkpoint_conn_id", checkpoint_conn_id)
        self.finish_early_as = choice("finish_early_as", finish_early_as, ("success", "skipped"))
        self.resume_run_id = resume_run_id
        self.resume_scope = choice("resume_scope", resume_scope, ("dag_run", "pipeline"))
        self.start_from = start_from
        self.stop_after = stop_after
        self.only = only
        self.force = force
        self.auto_resume = flag("auto_resume", auto_resume, None)
        self.on_change = None if on_change is None else choice("on_change", on_change, _CHANGES)
        self.py_files = as_text(py_files)
        self.name = name  # becomes text when the description is read
        self.resolved_pipeline = None
        self.start_timeout = seconds("start_timeout", start_timeout, None)
        check_templated(self)
        # Set here and not before super().__init__(): a mapped task passes each of these explicitly, empty.
        take_policy(self)
        self.on_retry_callback = with_auto_resume(self.on_retry_callback)

    def arguments(self, context: Context) -> Arguments:
        """Return what a try needs of this operator, with the description rendered.

        :raises PipelineDefinitionError: the description or an argument is wrong
        """
        from airflow_spark_pipeline.planning import Selection
        from airflow_spark_pipeline.task.arguments import names
        from airflow_spark_pipeline.task.try_arguments import Arguments

        description = self._describe(context)  # before anything is read: it gives the arguments their types
        return Arguments(
            description,
            self.log,
            self.dag_dir,
            py_files=self.py_files,
            env_vars=self.env_vars or {},
            checkpoint_location=self.checkpoint_location,
            checkpoint_conn_id=self.checkpoint_conn_id,
            auto_resume=self.auto_resume,
            on_change=self.on_change,
            resume_run_id=self.resume_run_id,
            resume_scope=self.resume_scope,
            selection=Selection(self.start_from or None, names(self.only), names(self.force), self.stop_after or None),
            deferrable=self.deferrable,
            deferrable_is_named=self.deferrable_is_named,
            start_timeout=self.start_timeout,
        )

    @property
    def dag_dir(self) -> Path:
        """The directory of the DAG file, where relative paths start."""
        return Path(self.get_dag().fileloc).parent  # type: ignore[union-attr]  # a task that runs has a DAG

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver for a try."""
        raise NotImplementedError

    def after_deferral(self, unit: Unit, waited: Waited) -> None:
        """Clean up after an attempt that the triggerer waited for; called once the wait is over."""

    def after_timeout(self, context: Context) -> None:
        """End a job that took too long in the triggerer, if the log could not be read."""

    # ---- what Airflow calls

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Context, jinja_env: Environment, seen_oids: set[int]
    ) -> None:
        """Render the templated arguments, and resolve the description, so that Airflow shows it from the start.

        Airflow calls this for mapped tasks as well, but not its public counterpart.
        """
        from airflow_spark_pipeline.exceptions import SparkPipelineError
        from airflow_spark_pipeline.task import arguments

        if parent is not self:  # an object inside an argument
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        arguments.render(self, super()._do_render_template_fields, template_fields, context, jinja_env, seen_oids)
        with contextlib.suppress(SparkPipelineError):  # execute says it as the task's own error
            self._describe(context)

    def run_pipeline(self, context: Context) -> dict[str, Any]:
        """Run what is not done yet; ``execute`` of the operator."""
        from airflow_spark_pipeline.deployment.task_instance import remember_failure
        from airflow_spark_pipeline.exceptions import SparkPipelineError

        try:
            ended = self._run(context)
        except SparkPipelineError as error:
            self.log.debug("Where it comes from:", exc_info=True)
            remember_failure(context, error)
            # Airflow logs the whole chain and every frame; the text says all there is, once.
            raise final(error).with_traceback(None) from None
        except Exception as error:
            remember_failure(context, error)
            raise
        return self._shown(ended, context)

    def _run(self, context: Context) -> dict[str, Any]:
        from airflow_spark_pipeline.task import one_try
        from airflow_spark_pipeline.task.way import Deferred

        def choose(unit: Unit) -> Way:
            self._way = way = self.choose_way(unit, context)
            return way

        self._way = None  # of an earlier try, as in dag.test()
        ended = self._with_unit(context, lambda unit: one_try.run(unit, choose))
        if not isinstance(ended, Deferred):
            return ended
        self.defer(trigger=ended.trigger, method_name="execute_complete", timeout=self.execution_timeout)
        raise AssertionError  # defer() never returns

    def plan(self, context: Context) -> Plan:
        """Return what the next try would run and skip, and why; nothing is claimed or written, no Spark is started.

        :param context: of the task instance
        :raises SparkPipelineError: as :meth:`execute` would
        """
        return self._with_unit(context, lambda unit: unit.decide().plan)

    def on_kill(self) -> None:
        """Stop the driver. Killing its JVM ends its Python as well; what is recorded stays."""
        if self._way is not None:
            self._way.stop()

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Continue after the trigger has seen the end of the attempt; the log has the result."""
        from airflow_spark_pipeline.exceptions import SparkPipelineError
        from airflow_spark_pipeline.task import one_try

        try:
            ended = self._with_unit(
                context, lambda unit: one_try.complete(unit, event, self.after_deferral), claimed=event["unit"]
            )
        except SparkPipelineError as error:
            raise final(error).with_traceback(None) from None  # as in execute
        return self._shown(ended, context)

    def _shown(self, ended: dict[str, Any], context: Context) -> dict[str, Any]:
        """Return what the task pushes to XCom; a run that was finished early is shown as skipped, if asked to."""
        early = ended["finished_early"]
        if early is None or self.finish_early_as == "success":
            return ended
        from airflow.providers.common.compat.sdk import AirflowSkipException

        if self.do_xcom_push:  # Airflow pushes what a task returns, and a skipped one returns nothing
            context["ti"].xcom_push(key="return_value", value=ended)
        raise AirflowSkipException(f"{early['component']} finished the run early: {early['reason']}")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Continue after the triggerer; if no task waits for the driver any longer, it is stopped."""
        from airflow_spark_pipeline.airflow_features import deferral_timeout

        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except deferral_timeout():
            from airflow_spark_pipeline.task import one_try

            why = "its task took longer than execution_timeout"
            try:
                self._with_unit(context, lambda unit: one_try.give_up(unit, why, self.after_deferral))
            except Exception as error:  # noqa: BLE001  # such as a file that is wrong by now; the timeout is what is raised
                self.log.warning("The driver could not be stopped through the checkpoint log: %s", error)
                self.after_timeout(context)
            raise

    # ---- from Airflow to the try

    def _with_unit(self, context: Context, use: Callable[[Unit], _Used], *, claimed: str | None = None) -> _Used:
        """Open this try, and use it; afterwards it is forgotten, so that the next try reads the file again."""
        from airflow_spark_pipeline.task.one_try import private_directory
        from airflow_spark_pipeline.task.unit import Unit

        try:
            with private_directory() as directory:
                return use(Unit.open(self.arguments(context), context, directory, claimed=claimed))
        finally:
            self._description = None

    def _describe(self, context: Context) -> Description:
        """Read, render and parse the description, once in a try."""
        if self._description is not None:
            return self._description
        from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow, tell_airflow
        from airflow_spark_pipeline.secrets import secrets_of_environment
        from airflow_spark_pipeline.task.arguments import settle
        from airflow_spark_pipeline.task.rendered_description import Description
        from airflow_spark_pipeline.task.templates import shown, source_of, url_of

        take_names_of_airflow()
        settle(self)
        # Before anything can fail with a message that contains them: these are rendered already.
        tell_airflow(self.conf, secrets_of_environment(self.env_vars or {}), [self.checkpoint_location, url_of(self)])
        source, environment = source_of(self), self.get_template_env()
        self._description = description = Description.of(source, context, environment, self.env_vars)
        spec = description.spec
        for warning in spec.warnings:
            self.log.warning("%s", warning)
        tell_airflow(*description.secrets(self.conf))
        if source.file is None:  # Airflow shows it, with the secrets masked that it knows by now
            self.pipeline = shown(source, context, environment)
        self.resolved_pipeline = description.masked()
        self.name = self.name or spec.spark.app_name or spec.pipeline_name
        return description
