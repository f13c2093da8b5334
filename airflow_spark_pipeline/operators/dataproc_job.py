"""Runs a pipeline as a job of a Dataproc cluster.

Importing this module imports Airflow's Google provider: ``pip install 'airflow-spark-pipeline[dataproc]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.google.cloud.hooks.dataproc import DataprocHook
from airflow.providers.google.cloud.operators.dataproc import DataprocSubmitJobOperator
from google.api_core.exceptions import NotFound

from airflow_spark_pipeline.operators.dataproc_submission import as_dict, job_name, pyspark_part, refuse_misfit
from airflow_spark_pipeline.operators.job import ACTIVE, JobState, SparkPipelineJob, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

_CLIENT = "airflow_spark_pipeline.operators.dataproc_job.dataproc_job"
_ENDED = ("DONE", "ERROR", "CANCELLED")  # after ATTEMPT_FAILURE, the job is started again
_ID_LENGTH = 100


class SparkPipelineDataprocJobOperator(SparkPipelineJob, DataprocSubmitJobOperator):  # type: ignore[misc]
    """Run a pipeline as a job of a Dataproc cluster; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineDataprocJobOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="gs://data-lake/checkpoints",
            project_id="my-project",
            region="europe-west1",
            job={"placement": {"cluster_name": "etl"}},
            deferrable=True,
            retries=3,
        )

    ``job`` names the cluster, and may hold labels, jars and properties. The operator sets its id, main file, arguments
    and modules, and adds the Spark settings of the pipeline.

    It takes all arguments of :class:`DataprocSubmitJobOperator` except those that it sets itself (``request_id``,
    ``asynchronous``, ``wait_timeout``, ``start_from_trigger``), and those of
    :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    Tested with the provider's operator against a mock of the API, see ``docs/dataproc.md``; not tested on Google Cloud.
    """

    job: Any  # as the user described it
    deduplicates: ClassVar[bool] = True
    submit_only: ClassVar[Mapping[str, Any]] = {"asynchronous": True, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = {
        "request_id": "each attempt has its own",
        "wait_timeout": "use execution_timeout to limit how long the task waits",
        **dict.fromkeys(("asynchronous", "start_from_trigger"), "use deferrable to choose where the task waits"),
    }
    template_fields: Sequence[str] = tuple(
        field for field in DataprocSubmitJobOperator.template_fields if field != "request_id"
    )

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a job of Dataproc.

        :raises PipelineDefinitionError: ``job`` is no description
        """
        refuse_misfit("job", self.job)
        return super().choose_way(unit, context)

    def place(self, job: StagedJob) -> None:
        """Set ``job`` for the job, and its token."""
        whole = as_dict(self.job)
        described = dict(whole.get("pyspark_job") or {})
        settings = {**(described.get("properties") or {}), **job.spark_config}
        name = {**(whole.get("reference") or {}), "job_id": job_name(job, length=_ID_LENGTH)}
        pyspark = {**pyspark_part(job, described), "properties": settings}
        self._placed = {**whole, "reference": name, "pyspark_job": pyspark}
        self.request_id = job.token

    def submit(self, context: Context) -> JsonValue:
        """Submit the job; return its id, and where it is."""
        described, self.job = self.job, self._placed
        try:
            job = str(super().submit(context))
        finally:
            self.job = described
        return {"job_id": job, "region": self.region, "project_id": self.project_id or self.hook.project_id}

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a job."""
        return self._job(job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a job."""
        self._job(job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a job in the triggerer."""
        return _CLIENT, {
            "job": job,
            "gcp_conn_id": self.gcp_conn_id,
            "impersonation_chain": self.impersonation_chain,
        }

    def _job(self, job: JsonValue) -> DataprocJob:
        return dataproc_job(job=job, gcp_conn_id=self.gcp_conn_id, impersonation_chain=self.impersonation_chain)


def dataproc_job(*, job: JsonValue, **hook_arguments: Any) -> DataprocJob:
    """Return a job, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook
    """
    return DataprocJob(DataprocHook(**hook_arguments), job)


class DataprocJob:
    """One job.

    :param job: its id, and where it is, as the operator returned them
    """

    def __init__(self, hook: DataprocHook, job: Any) -> None:
        self._hook = hook
        self._which = dict(job)

    def state(self) -> JobState:
        """Return the state; a job that Dataproc has forgotten has ended."""
        try:
            status = self._hook.get_job(**self._which).status
        except NotFound:
            return JobState.ended("Dataproc no longer has the job")
        if status.state.name not in _ENDED:
            return ACTIVE
        return JobState.ended(f"{status.state.name} {status.details}")

    def cancel(self) -> None:
        """Cancel the job unless it has ended."""
        if self.state().is_active:
            self._hook.cancel_job(**self._which)
