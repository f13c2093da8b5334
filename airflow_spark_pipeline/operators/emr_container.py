"""Runs a pipeline as a job of EMR on EKS.

Importing this module imports Airflow's Amazon provider: ``pip install 'airflow-spark-pipeline[emr]'``.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.emr import EmrContainerHook
from airflow.providers.amazon.aws.operators.emr import EmrContainerOperator

from airflow_spark_pipeline.operators.emr_submission import EmrJob, client_arguments, job_driver
from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, StagedJob

if TYPE_CHECKING:
    from pydantic import JsonValue

_CLIENT = "airflow_spark_pipeline.operators.emr_container.emr_container_job"
_ENDED = ("COMPLETED", "FAILED", "CANCELLED")  # the provider adds CANCEL_PENDING, whose driver still runs
_NAME_LENGTH = 64


class SparkPipelineEmrContainerOperator(EmrJob, EmrContainerOperator):  # type: ignore[misc]
    """Run a pipeline as a job of EMR on EKS; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineEmrContainerOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            virtual_cluster_id="0b0qvauoy3ch1nqodxxxxxxxx",
            execution_role_arn="arn:aws:iam::123456789012:role/etl",
            release_label="emr-7.13.0-latest",
            deferrable=True,
            retries=3,
        )

    It takes all arguments of :class:`EmrContainerOperator` except those that it sets itself (``job_driver``,
    ``client_request_token``, ``wait_for_completion``, ``poll_interval``, ``max_polling_attempts``), and those of
    :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    Tested with the provider's operator against a mock of the API, see ``docs/emr.md``; not tested on AWS.

    :param spark_submit_parameters: more options for ``spark-submit``, such as ``--jars`` (templated)
    """

    deduplicates: ClassVar[bool] = True
    submit_only: ClassVar[Mapping[str, Any]] = {
        "name": "",
        "job_driver": {},
        "wait_for_completion": False,
        "deferrable": False,
    }
    sets_itself: ClassVar[Mapping[str, str]] = {
        "job_driver": f"{NAME_THE_COMPONENTS}, and options of spark-submit in spark_submit_parameters",
        "client_request_token": "each attempt has its own",
        "wait_for_completion": "use deferrable to choose where the task waits",
        "poll_interval": "use job_poll_interval for the seconds between two checks of the job",
        "max_polling_attempts": "use execution_timeout to limit how long the task waits",
    }
    template_fields: Sequence[str] = (
        *(field for field in EmrContainerOperator.template_fields if field != "job_driver"),
        "spark_submit_parameters",
    )

    def place(self, job: StagedJob) -> None:
        """Set ``job_driver`` for the job, its name and its token."""
        self.job_driver = {"sparkSubmitJobDriver": job_driver(job, self.spark_submit_parameters)}
        self.client_request_token = job.token
        self.name = re.sub(r"[^.\-_/#A-Za-z0-9]", "-", job.name)[:_NAME_LENGTH]  # all that EMR on EKS allows

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a job run."""
        return self._job(job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a job run."""
        self._job(job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a job run in the triggerer."""
        return _CLIENT, {
            "virtual_cluster_id": self.virtual_cluster_id,
            "job_id": str(job),
            **self._hook_arguments,
        }

    def _job(self, job: JsonValue) -> EmrContainerJob:
        return EmrContainerJob(self.hook.conn, self.virtual_cluster_id, str(job))


def emr_container_job(*, virtual_cluster_id: str, job_id: str, **hook_arguments: Any) -> EmrContainerJob:
    """Return a job run, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook, and its ``botocore_config``
    """
    hook = EmrContainerHook(virtual_cluster_id=virtual_cluster_id, **client_arguments(**hook_arguments))
    return EmrContainerJob(hook.conn, virtual_cluster_id, job_id)


class EmrContainerJob:
    """One job run.

    :param client: boto3 client
    :param virtual_cluster_id: id of the virtual cluster
    :param job_id: id of the job run
    """

    def __init__(self, client: Any, virtual_cluster_id: str, job_id: str) -> None:
        self._client = client
        self._which = {"virtualClusterId": virtual_cluster_id, "id": job_id}

    def state(self) -> JobState:
        """Return the state; a forgotten job run has ended."""
        try:
            run = self._client.describe_job_run(**self._which)["jobRun"]
        except self._client.exceptions.ResourceNotFoundException:
            return JobState.ended("EMR on EKS no longer has the job run")
        if run["state"] not in _ENDED:
            return ACTIVE
        said = [run.get("failureReason"), run.get("stateDetails")]
        return JobState.ended(" ".join([run["state"], *filter(None, said)]))

    def cancel(self) -> None:
        """Cancel the job run unless it has ended."""
        known = self._client.exceptions
        with contextlib.suppress(known.ResourceNotFoundException, known.ValidationException):  # it has ended since
            if self.state().is_active:
                self._client.cancel_job_run(**self._which)
