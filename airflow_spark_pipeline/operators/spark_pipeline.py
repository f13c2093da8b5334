"""The operator: one HOCON pipeline in one Spark job, resumed by the retry where it failed.

1. read, render and parse the description; find the checkpoint location;
2. read the log: what is done, and whether this try resumes, starts over, or only reports a success;
3. let the provider's operator submit; the claim is made right before spark-submit starts, or not at all if the provider
   reconnects to a live driver of an earlier try;
4. read the result from the log. Exit codes and output never decide.

Importing this module imports nothing that the provider's ``SparkSubmitOperator`` has not imported already: what a task
needs when it runs is imported then.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import conf

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.links.spark_pipeline import SparkPipelineRunLink
from airflow_spark_pipeline.operators.pipeline_task import PipelineTask
from airflow_spark_pipeline.task.argument_checks import check_inherited, flag

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk import XComArg
    from pydantic import JsonValue

    from airflow_spark_pipeline.hooks.spark_pipeline import SparkPipelineSubmitHook
    from airflow_spark_pipeline.task.one_try import Waited
    from airflow_spark_pipeline.task.submit_way import SubmitWay
    from airflow_spark_pipeline.task.try_arguments import SparkArguments
    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

# Asked once, as the operators of Airflow's providers do: a DAG file may hold hundreds of tasks.
_DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
_OURS = ("application", "java_class", "application_args")


class SparkPipelineOperator(PipelineTask, SparkSubmitOperator):
    """Run a pipeline of components in one Spark job; a retry resumes at the component that failed.

    .. code-block:: python

        SparkPipelineOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            retries=3,
        )

    It accepts all arguments of :class:`SparkSubmitOperator`, except ``application``, ``java_class`` and
    ``application_args``, which this operator sets itself. Without a Spark connection, the job runs on the file's
    ``spark.master``, otherwise on ``local[*]``, with the ``spark-submit`` and the Python of the worker's environment.

    :param pipeline: path of a HOCON file (absolute, or relative to the DAG file or to a directory of the DAG's
        ``template_searchpath``), its URL, or the HOCON text itself; or an XCom that contains one of these.
        The file is read and rendered with Jinja when the task runs. (templated)
    :param checkpoint_location: directory or URL where progress is recorded; wins over the file's
        ``checkpoint.location``. The Airflow worker and the Spark driver must both reach it. (templated)
    :param checkpoint_conn_id: Airflow connection with the credentials of the location; default:
        ``[spark_pipeline] checkpoint_conn_id``
    :param auto_resume: ``False`` starts every try from the first component. Default: the file's value, or ``True``
    :param resume_run_id: id of an unfinished run of this pipeline to resume in its own log, from any DAG run;
        empty for none. A run that is still running for another task instance is never taken over. (templated)
    :param resume_scope: ``dag_run`` (the default): a task instance resumes only itself; ``pipeline``: one that has
        nothing recorded yet takes over the pipeline's newest unfinished run that is not running
    :param start_from: name of a component: it and all later ones run, done or not; earlier components that are not
        done are left out. A retry runs what is left. Empty for none. (templated)
    :param stop_after: name of a component: later ones that are not done are left out; empty for none (templated)
    :param only: names of the only components to run, done or not; if there are none, all run (templated)
    :param force: names of components that run even if they are done (templated)
    :param on_change: what a retry does if a completed component was edited: ``fail`` (the default), ``restart``
        from the first component, or ``rerun-from-change``; wins over the file's ``checkpoint.on-change``
    :param py_files: your modules for the driver and the executors: ``.py``, ``.zip`` and ``.egg`` files and
        directories (they are zipped), relative to the DAG file, or URLs (templated)
    :param conn_id: Spark connection; if it is not set and ``spark_default`` does not exist, see above
    :param name: name of the Spark application; default: the file's ``spark.app-name``, otherwise the pipeline's name
        (templated)
    :param deferrable: wait for the driver in the triggerer, without a worker slot: in cluster mode on YARN and
        Kubernetes. In other modes ``True`` is an error, and the default, ``[operators] default_deferrable``, is
        ignored
    :param start_timeout: seconds, or ``timedelta``, that a deferred task waits for the first sign of life of its driver
        after the cluster has accepted the job. Default: no limit if YARN can be asked about the job (the Spark
        connection has ``yarn_resourcemanager_webapp_address``), otherwise an hour
    :param finish_early_as: how Airflow shows the task if a component finished the run early: ``success`` (the
        default), or ``skipped``
    :raises SparkPipelineError: the subclass says what is wrong, and ``retry_helps`` whether another try may end
        differently. The default retry policy, :class:`~airflow_spark_pipeline.retries.AutoResumeRetryPolicy`, uses it.
    :return: run id, attempt, names of the components run and skipped, seconds of work (XCom)
    """

    template_fields: Sequence[str] = (
        "pipeline",
        "checkpoint_location",
        "resume_run_id",
        "start_from",
        "stop_after",
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
        stop_after: str | None = None,
        only: str | Sequence[str] | None = None,
        force: str | Sequence[str] | None = None,
        py_files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        conn_id: str | None = None,
        name: str | None = None,
        deferrable: bool | None = None,
        start_timeout: float | timedelta | None = None,
        finish_early_as: Literal["success", "skipped"] = "success",
        **kwargs: Any,
    ) -> None:
        from airflow_spark_pipeline.launch.provider import java_class

        super().__init__(conn_id=conn_id or "spark_default", **kwargs)
        check_inherited(self, texts_of=SparkSubmitOperator)
        for argument, value in zip(_OURS, (self.application, java_class(self), self.application_args), strict=True):
            if value:
                raise ValueError(
                    f"SparkPipelineOperator sets {argument} itself; name the components in the pipeline's file. For "
                    f"any other application use SparkSubmitOperator."
                )
        self.conn_is_named = conn_id is not None
        self.deferrable_is_named = deferrable is not None
        self.deferrable = flag("deferrable", deferrable, _DEFAULT_DEFERRABLE)
        # Named twice: Airflow applies default_args and checks partial() by the signature of each operator.
        self.take_arguments(
            pipeline=pipeline,
            checkpoint_location=checkpoint_location,
            checkpoint_conn_id=checkpoint_conn_id,
            auto_resume=auto_resume,
            on_change=on_change,
            resume_run_id=resume_run_id,
            resume_scope=resume_scope,
            start_from=start_from,
            stop_after=stop_after,
            only=only,
            force=force,
            py_files=py_files,
            name=name,
            start_timeout=start_timeout,
            finish_early_as=finish_early_as,
        )

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]  # the parent returns nothing
        """Run what is not done yet."""
        self._hook = None  # of an earlier try, as in dag.test()
        return self.run_pipeline(context)

    # ---- the way to its driver

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: ``spark-submit`` by the parent, or a Spark Connect server."""
        from airflow_spark_pipeline.task.way_choice import choose_way

        return choose_way(
            unit,
            self._spark_arguments(),
            submit=lambda: SparkSubmitOperator.execute(self, context),
            kill=lambda: SparkSubmitOperator.on_kill(self),
        )

    def _spark_arguments(self) -> SparkArguments:
        from airflow_spark_pipeline.launch.provider import connection_id, given_arguments, injects_openlineage
        from airflow_spark_pipeline.task.try_arguments import SparkArguments

        return SparkArguments(
            conn_id=connection_id(self),
            conn_is_named=self.conn_is_named,
            conf=self.conf or {},
            durable=self.durable,
            given=tuple(given_arguments(self, without=())),
            adds_openlineage=injects_openlineage(self),
        )

    # ---- what the parent asks while it submits

    def _get_hook(self) -> SparkPipelineSubmitHook:
        """Return the hook; called by the parent when it is about to submit."""
        from airflow_spark_pipeline.launch.provider import hook_arguments

        way = self._submitting
        hook = way.hook(hook_arguments(self))
        self.application = way.application
        self.durable = self.durable and way.may_reconnect
        return hook

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Wait for a job whose id Airflow knows; the parent calls this for one that it found again as well."""
        if self._submitting.waits_here(external_id):
            super().poll_until_complete(external_id, context)

    def after_deferral(self, unit: Unit, waited: Waited) -> None:
        """Run the user's commands for the time after the job, which the try that was deferred left out."""
        from airflow_spark_pipeline.launch.provider import ProviderHook, hook_arguments

        if self.post_submit_commands and not waited.was_stopped:
            ProviderHook(**hook_arguments(self)).run_post_submit_commands()

    @property
    def _submitting(self) -> SubmitWay:
        from airflow_spark_pipeline.task.submit_way import SubmitWay

        if not isinstance(self._way, SubmitWay):
            raise TypeError("the application of a SparkPipelineOperator exists only while its task runs")
        return self._way
