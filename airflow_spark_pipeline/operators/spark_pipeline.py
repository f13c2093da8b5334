"""The operator: one HOCON pipeline in one Spark job, resumed by the retry where it failed.

1. read, render and parse the description; find the checkpoint location;
2. look into the log: what is done, and whether this try resumes, starts over, or only reports a success;
3. let the provider's operator submit; the claim is made right before spark-submit starts, or not at all where the
   provider reconnects to a live driver of an earlier try;
4. read from the log what came of it. Exit codes and output never decide.

Importing this module imports nothing that the provider's ``SparkSubmitOperator`` has not imported already: what a task
needs when it runs is imported then.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import conf

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.callbacks import with_auto_resume
from airflow_spark_pipeline.links.spark_pipeline import SparkPipelineRunLink
from airflow_spark_pipeline.retries import final, take_policy

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk import XComArg
    from jinja2 import Environment
    from pydantic import JsonValue

    from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
    from airflow_spark_pipeline.launch.child_process import Child
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec
    from airflow_spark_pipeline.planning import Plan
    from airflow_spark_pipeline.task.attempt import Outlook, TaskAttempt
    from airflow_spark_pipeline.task.deferral import Deferral
    from airflow_spark_pipeline.task.submission import Submission

# Asked once, as the operators of Airflow's providers do: a DAG file may hold hundreds of tasks.
_DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
_OURS = ("application", "java_class", "application_args")


class SparkPipelineOperator(SparkSubmitOperator):
    """Run a pipeline of components in one Spark job; a retry resumes at the component that failed.

    .. code-block:: python

        SparkPipelineOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            retries=3,
        )

    Everything that :class:`SparkSubmitOperator` takes is taken, except ``application``, ``java_class`` and
    ``application_args``, which this operator sets itself. Without a Spark connection the job runs on the file's
    ``spark.master``, else on ``local[*]``, with the ``spark-submit`` and the Python of the worker's own environment.

    :param pipeline: path of a HOCON file (absolute, or relative to the DAG file, else to a directory of the DAG's
        ``template_searchpath``), its URL, or the HOCON text itself; or an XCom that holds one of these.
        The file is read and rendered with Jinja when the task runs. (templated)
    :param checkpoint_location: directory or URL where progress is recorded, wins over the file's
        ``checkpoint.location``; the Airflow worker and the Spark driver must both reach it. (templated)
    :param checkpoint_conn_id: Airflow connection that holds the credentials of the location; default from
        ``[spark_pipeline] checkpoint_conn_id``
    :param auto_resume: ``False`` starts every try from the first component. Default: as the file says, else ``True``
    :param resume_run_id: id of an unfinished run of this pipeline, of whatever DAG run, that is resumed in its own log;
        empty for none. A run that is at work for another task instance is never taken over. (templated)
    :param resume_scope: ``dag_run`` (the default): a task instance resumes only itself; ``pipeline``: one that has
        nothing recorded yet takes over the pipeline's newest unfinished run that nobody works on
    :param start_from: name of a component: it and all after it run, done or not; what lies before it and is not done
        is left out. A retry goes on with what is left. (templated)
    :param only: names of the components that alone run, done or not (templated)
    :param force: names of components that run although they are done (templated)
    :param on_change: what a retry does when a component that is done was edited: ``fail`` (the default), ``restart``
        from the first component, or ``rerun-from-change``; wins over the file's ``checkpoint.on-change``
    :param py_files: modules of yours for the driver and the executors: ``.py``, ``.zip`` and ``.egg`` files and
        directories (zipped on the way), relative to the DAG file, or URLs (templated)
    :param conn_id: Spark connection; where it is not given and ``spark_default`` does not exist, see above
    :param name: name of the Spark application; default the file's ``spark.app-name``, else the pipeline's name
        (templated)
    :param deferrable: wait for the driver in the triggerer, where this task holds no worker slot: in cluster mode on
        YARN and Kubernetes. Elsewhere ``True`` is an error; the default, ``[operators] default_deferrable``, is ignored
        there
    :param start_timeout: seconds, or ``timedelta``, that a deferred task waits for the first sign of its driver once
        the cluster has accepted the job. Default: for ever where YARN can be asked about the job (the Spark connection
        names ``yarn_resourcemanager_webapp_address``), else an hour
    :raises SparkPipelineError: its subclass says what is wrong; its ``retry_helps`` whether another try may end
        differently. :class:`~airflow_spark_pipeline.retries.AutoResumeRetryPolicy`, the default policy, heeds it.
    :return: run id, attempt, names of the components run and skipped, seconds of work (XCom)
    """

    template_fields: Sequence[str] = (
        "pipeline",
        "checkpoint_location",
        "resume_run_id",
        "start_from",
        "only",
        "force",
        *(field for field in SparkSubmitOperator.template_fields if field not in _OURS),
        "resolved_pipeline",
    )
    template_fields_renderers = {"conf": "json", "env_vars": "json", "resolved_pipeline": "json"}  # noqa: RUF012  # as in Airflow
    operator_extra_links: tuple[SparkPipelineRunLink, ...] = (
        (SparkPipelineRunLink(),) if AIRFLOW.has_react_plugins else ()
    )
    ui_color = "#f5dcc4"

    def __init__(
        self,
        *,
        pipeline: str | os.PathLike[str] | XComArg,
        checkpoint_location: str | os.PathLike[str] | None = None,
        checkpoint_conn_id: str | None = None,
        auto_resume: bool | None = None,
        on_change: Literal["fail", "restart", "rerun-from-change"] | None = None,
        resume_run_id: str | None = None,
        resume_scope: Literal["dag_run", "pipeline"] = "dag_run",
        start_from: str | None = None,
        only: str | Sequence[str] | None = None,
        force: str | Sequence[str] | None = None,
        py_files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        conn_id: str | None = None,
        name: str | None = None,
        deferrable: bool | None = None,
        start_timeout: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        from airflow_spark_pipeline.launch.provider import java_class

        super().__init__(conn_id=conn_id or "spark_default", **kwargs)
        for argument, value in zip(_OURS, (self.application, java_class(self), self.application_args), strict=True):
            if value:
                raise ValueError(
                    f"SparkPipelineOperator sets {argument} itself; name the components in the pipeline's file. For "
                    f"any other application use SparkSubmitOperator."
                )
        self.pipeline = _as_text(pipeline)
        self.checkpoint_location = _as_text(checkpoint_location)
        self.checkpoint_conn_id = checkpoint_conn_id
        if on_change not in (None, "fail", "restart", "rerun-from-change"):
            raise ValueError(f"on_change is {on_change!r}; it is one of fail, restart, rerun-from-change")
        if resume_scope not in ("dag_run", "pipeline"):
            raise ValueError(f"resume_scope is {resume_scope!r}; it is one of dag_run, pipeline")
        self.resume_run_id = resume_run_id
        self.resume_scope = resume_scope
        self.start_from = start_from
        self.only = only
        self.force = force
        self.auto_resume = auto_resume
        self.on_change = on_change
        self.py_files = _as_text(py_files)
        self.name = name  # type: ignore[assignment]  # ours becomes text when the description is read
        self.resolved_pipeline: str | None = None
        self.conn_is_named = conn_id is not None
        self.deferrable_is_named = deferrable is not None
        self.deferrable = _DEFAULT_DEFERRABLE if deferrable is None else deferrable
        self.start_timeout = start_timeout.total_seconds() if isinstance(start_timeout, timedelta) else start_timeout
        self._deferral: Deferral | None = None
        # Set here and not before super().__init__(): a mapped task passes each of these explicitly, empty.
        take_policy(self)
        self.on_retry_callback = with_auto_resume(self.on_retry_callback)
        self.text_of_dag: str | None = None  # of a pipeline that is no file, before it is rendered
        self._spec: PipelineSpec | None = None
        self._submission: Submission | None = None
        self.child: Child | None = None
        self._left_behind: str | None = None  # the job of an earlier try, whose driver is gone

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Context, jinja_env: Environment, seen_oids: set[int]
    ) -> None:
        """Render the templated arguments, and resolve the description, so that Airflow shows it from the start.

        Airflow calls this for a mapped task as well, which its public counterpart is not called for.
        """
        from airflow_spark_pipeline.exceptions import SparkPipelineError
        from airflow_spark_pipeline.task import arguments

        if parent is not self:  # an object inside an argument
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
            return
        arguments.render(self, super()._do_render_template_fields, template_fields, context, jinja_env, seen_oids)
        with contextlib.suppress(SparkPipelineError):  # execute says it as the task's own error
            self._describe(context)

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]  # the parent returns nothing
        """Run what is not done yet."""
        from airflow_spark_pipeline.deployment.task_instance import remember_failure
        from airflow_spark_pipeline.exceptions import SparkPipelineError

        try:
            return self._execute(context)
        except SparkPipelineError as error:
            self.log.debug("Where it comes from:", exc_info=True)
            remember_failure(context, error)
            # Airflow logs the whole chain and every frame; the text says all there is, once.
            raise final(error).with_traceback(None) from None
        except Exception as error:
            remember_failure(context, error)
            raise

    def plan(self, context: Context) -> Plan:
        """Return what the next try would run and skip, and why; nothing is claimed, and no Spark is started.

        :param context: of the task instance
        :raises SparkPipelineError: as :meth:`execute` would
        """
        from airflow_spark_pipeline.task.submission import Submission

        with tempfile.TemporaryDirectory(prefix="spark-pipeline-") as directory:
            spec = self._describe(context)
            return self._look(Submission.of(self, spec, context, Path(directory)).attempt, spec, context).plan

    def on_kill(self) -> None:
        """Stop the driver. Killing its JVM ends its Python as well; what is recorded stays."""
        if self.child is not None:
            self.child.stop()
        elif self._hook is not None:
            super().on_kill()

    def _execute(self, context: Context) -> dict[str, Any]:
        from airflow_spark_pipeline.checkpoint.claim import ClaimKind
        from airflow_spark_pipeline.exceptions import SupersededError
        from airflow_spark_pipeline.task.attempt import result
        from airflow_spark_pipeline.task.stats import TryStats
        from airflow_spark_pipeline.task.submission import Submission

        self._hook = self._deferral = self.child = self._left_behind = None  # of an earlier try, as in dag.test()
        exit_code, stats = None, None
        directory = Path(tempfile.mkdtemp(prefix="spark-pipeline-"))  # mode 0700: the request in it may hold secrets
        try:
            spec = self._describe(context)
            stats = TryStats(context, spec.pipeline_name)
            submission = Submission.of(self, spec, context, directory)
            submission.remember_description()
            outlook = self._look(submission.attempt, spec, context)
            stats.looked(outlook)
            submission.begin()
            if outlook.decision.kind is ClaimKind.REPORT:
                self.log.info("Pipeline %r: %s; nothing runs", spec.pipeline_name, outlook.decision.reason)
            else:
                plan = outlook.plan.describe()
                self.log.info("Pipeline %r: %s; %s", spec.pipeline_name, outlook.decision.reason, plan)
                if outlook.decision.kind is ClaimKind.START or submission.attempt.driver_is_gone():
                    self._left_behind = self.forget_earlier_job(context)
                self._submission = submission
                exit_code = self._run_driver(context, submission)
            state = submission.outcome(exit_code)
            stats.completed(state)
            submission.retire()
            return result(state)
        except SupersededError:
            if stats is not None:
                stats.superseded()
            raise
        finally:
            self._spec = None  # another try in this process reads the file again
            shutil.rmtree(directory, ignore_errors=True)

    def _run_driver(self, context: Context, submission: Submission) -> int | None:
        """Submit and wait, here or in the triggerer; the log tells meanwhile what a driver elsewhere does."""
        from airflow_spark_pipeline.launch.progress import told

        with told(submission.progress, self.log.info):
            exit_code = self._submit(context, submission.attempt)
        if self._deferral is not None and submission.attempt.is_at_work():
            self._deferral.defer()
        return exit_code

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Wait for a job whose id Airflow knows; the parent calls this for one that it found again as well."""
        if self._deferral is not None:
            self._deferral.defer()
        if self._hook is not None:
            self._hook.found_again(external_id)  # type: ignore[attr-defined]  # ours
        super().poll_until_complete(external_id, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Go on once the trigger saw the end of the attempt: what came of it is in the log."""
        from airflow_spark_pipeline.exceptions import SparkPipelineError
        from airflow_spark_pipeline.task import deferral

        try:
            return deferral.complete(self, context, event)
        except SparkPipelineError as error:
            raise final(error).with_traceback(None) from None  # as in execute
        finally:
            self._spec = None

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Go on after the triggerer; a driver that nobody waits for any longer is stopped."""
        try:
            from airflow.sdk.exceptions import TaskDeferralTimeout
        except ImportError:  # Airflow 3.1 has it there alone
            from airflow.exceptions import TaskDeferralTimeout  # type: ignore[no-redef]

        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            from airflow_spark_pipeline.task import deferral

            deferral.give_up(self, context, "its task took longer than execution_timeout")
            raise

    def _describe(self, context: Context) -> PipelineSpec:
        """Read, render and parse the description, once."""
        if self._spec is not None:
            return self._spec
        from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow, tell_airflow
        from airflow_spark_pipeline.secrets import mask, secrets_of_environment
        from airflow_spark_pipeline.secrets.references import values_of
        from airflow_spark_pipeline.task.arguments import settle
        from airflow_spark_pipeline.task.templates import describe, shown, source_of

        take_names_of_airflow()
        settle(self)
        # Before anything can fail, and say why: these are rendered already.
        tell_airflow(self.conf, secrets_of_environment(self.env_vars or {}), [self.checkpoint_location])
        source, environment = source_of(self), self.get_template_env()
        if source.file is None:
            self.pipeline = shown(source, context, environment)
        spec = describe(source, context, environment, environ=self.env_vars)
        for warning in spec.warnings:
            self.log.warning("%s", warning)
        variables = {**os.environ, **{name: str(value) for name, value in (self.env_vars or {}).items()}}
        tell_airflow(spec.to_dict(), {"secret": values_of(variables, spec.to_dict(), self.conf)})
        self.resolved_pipeline = json.dumps(mask(spec.to_dict()), indent=2)
        self.name = self.name or spec.spark.app_name or spec.pipeline_name
        self._spec = spec
        return spec

    def _look(self, attempt: TaskAttempt, spec: PipelineSpec, context: Context) -> Outlook:
        """Decide what this try does; a refusal names fields that cannot stay the same."""
        from airflow_spark_pipeline.exceptions import ResumeRefusedError
        from airflow_spark_pipeline.task.templates import source_of
        from airflow_spark_pipeline.task.volatile_fields import explain

        try:
            return attempt.look()
        except ResumeRefusedError as error:
            raise explain(error, spec, source_of(self), context, self.get_template_env(), self.env_vars) from None

    def _submit(self, context: Context, attempt: TaskAttempt) -> int | None:
        """Run a driver to its end: by the parent, or on a Spark Connect server. Returns its exit code, if known."""
        from airflow_spark_pipeline.task import connect_way, submit_way

        submission = self._claiming
        server = connect_way.server_of(self, submission)
        if server is not None:
            return connect_way.run(self, submission, server)
        return submit_way.run(self, submission, context)

    def _get_hook(self) -> SparkPipelineSubmitHook:
        """Return the hook; called by the parent when it is about to submit."""
        from airflow_spark_pipeline.task import deferral, submit_way

        submission = self._claiming
        hook = submit_way.make_hook(self, submission)
        if deferral.wanted(self, submission, hook):
            self._deferral = deferral.Deferral(self, submission, hook)
        elif self.durable:
            hook.require_a_way_to_reconnect()
        if self._left_behind is not None:
            hook.end_what_is_left(self._left_behind)
        return hook

    @property
    def _claiming(self) -> Submission:
        if self._submission is None:
            raise RuntimeError("what a SparkPipelineOperator submits exists while its task runs only")
        return self._submission

    def forget_earlier_job(self, context: Context) -> str | None:
        """Keep the parent from looking at a job that is over; return its id, where there is one.

        Of a success that was cleared since it would report the success again; and a driver that vanished with exit code
        0 has succeeded by the cluster's word, so that no try would ever submit again.
        """
        from airflow_spark_pipeline.launch.provider import POD_STATUS

        store = context.get("task_state_store")
        if store is None:
            return None
        known = store.get(self.external_id_key)
        store.delete(self.external_id_key)
        store.delete(POD_STATUS)  # or the next job would have succeeded before it ran
        return known if isinstance(known, str) else None

    @property
    def dag_dir(self) -> Path:
        """The directory of the DAG file, where relative paths start."""
        return Path(self.get_dag().fileloc).parent  # type: ignore[union-attr]  # a task that runs has a DAG


def _as_text(value: Any) -> Any:
    """Return a path as text, also inside a list: only text is rendered, and sent to the scheduler."""
    if isinstance(value, (list, tuple)):
        return [_as_text(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
