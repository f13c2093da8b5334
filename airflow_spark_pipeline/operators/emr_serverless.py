"""Runs a pipeline as a job of EMR Serverless.

Importing this module imports Airflow's Amazon provider: ``pip install 'airflow-spark-pipeline[emr]'``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.emr import EmrServerlessHook
from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator

from airflow_spark_pipeline.operators.emr_submission import EmrJob, client_arguments, job_driver
from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, StagedJob

if TYPE_CHECKING:
    from pydantic import JsonValue

_CLIENT = "airflow_spark_pipeline.operators.emr_serverless.emr_serverless_job"
_ENDED = frozenset(EmrServerlessHook.JOB_TERMINAL_STATES)


class SparkPipelineEmrServerlessOperator(EmrJob, EmrServerlessStartJobOperator):  # type: ignore[misc]
    """Run a pipeline as a job of EMR Serverless; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineEmrServerlessOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            application_id="00f1…",
            execution_role_arn="arn:aws:iam::123456789012:role/etl",
            deferrable=True,
            retries=3,
        )

    It takes all arguments of :class:`EmrServerlessStartJobOperator` except those that it sets itself (``job_driver``,
    ``client_request_token``, ``wait_for_completion``), and those of
    :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    Tested with the provider's operator against a mock of the API that starts real drivers, see ``docs/emr.md``;
    not tested on AWS.

    :param spark_submit_parameters: more options for ``spark-submit``, such as ``--jars`` (templated)
    """

    deduplicates: ClassVar[bool] = True
    submit_only: ClassVar[Mapping[str, Any]] = {"job_driver": {}, "wait_for_completion": False, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = {
        "job_driver": f"{NAME_THE_COMPONENTS}, and options of spark-submit in spark_submit_parameters",
        "client_request_token": "each attempt has its own",
        "wait_for_completion": "use deferrable to choose where the task waits",
    }
    template_fields: Sequence[str] = (
        *(field for field in EmrServerlessStartJobOperator.template_fields if field != "job_driver"),
        "spark_submit_parameters",
    )

    def place(self, job: StagedJob) -> None:
        """Set ``job_driver`` for the job, and its token."""
        self.job_driver = {"sparkSubmit": job_driver(job, self.spark_submit_parameters)}
        self.client_request_token = job.token
        self.name = job.name

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a job run."""
        return self._job(job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a job run."""
        self._job(job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a job run in the triggerer."""
        return _CLIENT, {
            "application_id": self.application_id,
            "job_id": str(job),
            **self._hook_arguments,
        }

    def _job(self, job: JsonValue) -> EmrServerlessJob:
        return EmrServerlessJob(self.hook.conn, self.application_id, str(job))


def emr_serverless_job(*, application_id: str, job_id: str, **hook_arguments: Any) -> EmrServerlessJob:
    """Return a job run, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook, and its ``botocore_config``
    """
    return EmrServerlessJob(EmrServerlessHook(**client_arguments(**hook_arguments)).conn, application_id, job_id)


class EmrServerlessJob:
    """One job run.

    :param client: boto3 client
    :param application_id: id of the EMR Serverless application
    :param job_id: id of the job run
    """

    def __init__(self, client: Any, application_id: str, job_id: str) -> None:
        self._client = client
        self._which = {"applicationId": application_id, "jobRunId": job_id}

    def state(self) -> JobState:
        """Return the state; a forgotten job run has ended."""
        try:
            run = self._client.get_job_run(**self._which)["jobRun"]
        except self._client.exceptions.ResourceNotFoundException:
            return JobState.ended("EMR Serverless no longer has the job run")
        return JobState.ended(f"{run['state']} {run.get('stateDetails', '')}") if run["state"] in _ENDED else ACTIVE

    def cancel(self) -> None:
        """Cancel the job run unless it has ended."""
        known = self._client.exceptions
        with contextlib.suppress(known.ResourceNotFoundException, known.ValidationException):  # it has ended since
            if self.state().is_active:
                self._client.cancel_job_run(**self._which)
