"""Runs a pipeline as a job of any platform: the platform's own operator submits; this package waits and resumes.

.. code-block:: python

    class OurPipelineOperator(SparkPipelineJob, OurSubmitOperator):
        def place(self, job: StagedJob) -> None:
            self.main_file, self.main_arguments = job.main, list(job.arguments)
            self.python_files, self.spark_conf = list(job.py_files), dict(job.spark_config)

        def job_state(self, job: JsonValue) -> JobState:
            status = self.hook.status(job)
            return ACTIVE if status in ("QUEUED", "RUNNING") else JobState.ended(status)

        def cancel(self, job: JsonValue) -> None:
            self.hook.cancel(job)

``OurSubmitOperator`` is any operator whose ``execute`` submits one Spark application and returns its id without
waiting. Run :class:`airflow_spark_pipeline.testing.job_contract.JobContract` against the result.

Importing this module imports no provider.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.links.spark_pipeline import SparkPipelineRunLink
from airflow_spark_pipeline.operators.pipeline_task import PipelineTask
from airflow_spark_pipeline.task.argument_checks import check_inherited, flag, seconds
from airflow_spark_pipeline.task.job import ACTIVE, JobState, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk import XComArg
    from pydantic import JsonValue

    from airflow_spark_pipeline.task.one_try import Waited
    from airflow_spark_pipeline.task.try_arguments import Arguments
    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

__all__ = ["ACTIVE", "JobState", "SparkPipelineJob", "StagedJob"]

#: What to use instead of an argument that names the application.
NAME_THE_COMPONENTS = "name the components in the pipeline's file"
_DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
_TEMPLATED = (
    "pipeline",
    "checkpoint_location",
    "staging_location",
    "resume_run_id",
    "start_from",
    "stop_after",
    "only",
    "force",
    "py_files",
    "conf",
    "name",
    "resolved_pipeline",
)


class SparkPipelineJob(PipelineTask, BaseOperator):
    """A mixin for an operator that submits one Spark job: the job runs a pipeline, and retries resume it.

    It takes the arguments below and passes all others on to the platform's operator, the next base class. It waits for
    the job by the checkpoint log: neither the operator's own waiting nor the state of the job decides the result.

    Four methods depend on the platform: :meth:`place`, :meth:`submit`, :meth:`job_state` and :meth:`cancel`.

    :param pipeline: as in :class:`~airflow_spark_pipeline.operators.spark_pipeline.SparkPipelineOperator`, and so are
        ``auto_resume``, ``resume_run_id``, ``resume_scope``, ``start_from``, ``stop_after``, ``only``, ``force``,
        ``on_change`` and ``finish_early_as``
    :param checkpoint_location: URL where progress is recorded. Airflow and the job must both reach it, each with its
        own identity: the job gets none of Airflow's keys. (templated)
    :param checkpoint_conn_id: Airflow connection with which Airflow opens the checkpoint and the staging location
    :param staging_location: URL where the launcher, the modules and the request of each try are uploaded; default:
        ``_staged`` at the checkpoint location (templated)
    :param allow_secrets_in_staging: whether secrets in the description may be uploaded
    :param py_files: your modules: ``.py``, ``.zip`` and ``.egg`` files and directories, which are uploaded, or URLs
        that the platform reads (templated)
    :param conf: Spark settings that win over the file's (templated)
    :param name: name of the Spark application; default: the file's ``spark.app-name``, otherwise the pipeline's name
        (templated)
    :param deferrable: wait in the triggerer, without a worker slot; default: ``[operators] default_deferrable``
    :param start_timeout: seconds, or ``timedelta``, that a deferred task waits for the first sign of life of its
        driver. Default: no limit if the platform can be asked from the triggerer, otherwise an hour
    :param job_poll_interval: seconds between two checks of the job while the task waits on its worker
    :raises SparkPipelineError: as in ``SparkPipelineOperator``
    :return: as in ``SparkPipelineOperator`` (XCom)
    """

    #: ``spark-submit`` if the platform starts the main file as a process; ``session`` if it runs the file inside an
    #: existing Spark session, where no process may be ended.
    started_by: ClassVar[str] = "spark-submit"
    #: Whether a second call with the same token (see :class:`StagedJob`) returns the job of the first one.
    deduplicates: ClassVar[bool] = False
    #: Arguments for the platform's operator, so that it does not wait.
    submit_only: ClassVar[Mapping[str, Any]] = {}
    #: Arguments of the platform's operator that this one sets itself, each with what to use instead.
    sets_itself: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add our templated arguments, and the link to the page, to those of the platform's operator."""
        super().__init_subclass__(**kwargs)
        theirs = tuple(field for field in cls.template_fields if field not in _TEMPLATED)
        cls.template_fields = (*_TEMPLATED[:-1], *theirs, _TEMPLATED[-1])
        cls.template_fields_renderers = {
            **cls.template_fields_renderers,
            "conf": "json",
            "resolved_pipeline": "json",
        }
        links = tuple(link for link in cls.operator_extra_links if not isinstance(link, SparkPipelineRunLink))
        cls.operator_extra_links = (*links, SparkPipelineRunLink()) if AIRFLOW.has_react_plugins else links

    def __init__(
        self,
        *,
        pipeline: str | os.PathLike[str] | XComArg,
        checkpoint_location: str | os.PathLike[str] | None = None,
        checkpoint_conn_id: str | None = None,
        staging_location: str | None = None,
        allow_secrets_in_staging: bool = False,
        auto_resume: bool | None = None,
        on_change: Literal["fail", "restart", "rerun-from-change"] | None = None,
        resume_run_id: str | None = None,
        resume_scope: Literal["dag_run", "pipeline"] = "dag_run",
        start_from: str | None = None,
        stop_after: str | None = None,
        only: str | Sequence[str] | None = None,
        force: str | Sequence[str] | None = None,
        py_files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        conf: dict[str, Any] | None = None,
        name: str | None = None,
        deferrable: bool | None = None,
        start_timeout: float | timedelta | None = None,
        finish_early_as: Literal["success", "skipped"] = "success",
        job_poll_interval: float = 10.0,
        **kwargs: Any,
    ) -> None:
        for argument, instead in self.sets_itself.items():
            if kwargs.get(argument):
                raise ValueError(f"{type(self).__name__} sets {argument} itself; {instead}.")
        super().__init__(**{**self.submit_only, **kwargs})
        check_inherited(self)
        self.staging_location = staging_location
        self.allow_secrets_in_staging = flag("allow_secrets_in_staging", allow_secrets_in_staging, default=False)
        self.conf = conf
        self.env_vars = None  # variables of the driver are set by the platform's own arguments
        self.waits_in_triggerer = flag("deferrable", deferrable, _DEFAULT_DEFERRABLE)
        self.deferrable_is_named = deferrable is not None
        self.deferrable = False  # the platform's operator must not defer
        self.job_poll_interval = seconds("job_poll_interval", job_poll_interval, 10.0)
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

    def execute(self, context: Context) -> Any:
        """Run what is not done yet."""
        return self.run_pipeline(context)

    # ---- what depends on the platform

    def place(self, job: StagedJob) -> None:
        """Set the operator's own arguments for a job; they replace those of an earlier call."""
        raise NotImplementedError(f"{type(self).__name__} must define place(), which sets the arguments for a job")

    def submit(self, context: Context) -> JsonValue:
        """Submit the placed job; return its id, as JSON, without waiting for the job."""
        job: JsonValue = super().execute(context)  # the platform's operator
        return job

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a job; a job that the platform has forgotten has ended.

        An error means that the platform does not answer: the task continues to wait by the log.
        """
        raise NotImplementedError(f"{type(self).__name__} must define job_state(), which returns the state of a job")

    def cancel(self, job: JsonValue) -> None:
        """Cancel a job; no error if it has ended, or was cancelled already."""
        raise NotImplementedError(f"{type(self).__name__} must define cancel(), which cancels a job")

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]] | None:
        """Return the class that asks about a job in the triggerer, or ``None`` if the triggerer cannot ask.

        :return: dotted name of a class with ``state()`` and ``cancel()``, and its arguments: plain JSON without secrets
        """
        return None

    # ---- from the operator to the try

    def arguments(self, context: Context) -> Arguments:
        """Return what a try needs, with the description rendered.

        :raises PipelineDefinitionError: the description or an argument is wrong
        """
        from dataclasses import replace

        return replace(super().arguments(context), deferrable=self.waits_in_triggerer)

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a job of the platform."""
        from airflow_spark_pipeline.task.job_way import JobArguments, JobWay

        given = JobArguments(
            name=self.name,
            conf=self.conf or {},
            staging_location=self.staging_location or None,
            allows_secrets=self.allow_secrets_in_staging,
            poll_interval=self.job_poll_interval,
        )
        return JobWay(unit, self, given)

    def after_deferral(self, unit: Unit, waited: Waited) -> None:
        """Cancel the job unless its attempt had ended by the log, and remove its request."""
        from airflow_spark_pipeline.task.job_way import forget_request

        if not waited.had_ended:
            self._cancel_remembered(unit.context, waited.attempt_id)
        if waited.is_newest:  # otherwise it is the request of another attempt
            forget_request(unit, self.staging_location or None)

    def after_timeout(self, context: Context) -> None:
        """Cancel a job that took too long in the triggerer."""
        self._cancel_remembered(context)

    def _cancel_remembered(self, context: Context, attempt_id: str | None = None) -> None:
        from airflow_spark_pipeline.deployment.task_state import TaskState
        from airflow_spark_pipeline.task.remembered_job import remembered

        job = remembered(TaskState.of(context))
        if job is None or attempt_id not in (None, job.attempt_id):
            return
        try:
            self.cancel(job.id)
        except Exception as error:  # noqa: BLE001  # whatever its client raises; the log stops the driver
            self.log.warning("Job %s could not be cancelled: %s", job.id, error)
