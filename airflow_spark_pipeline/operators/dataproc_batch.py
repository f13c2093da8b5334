"""Runs a pipeline as a batch of Dataproc Serverless.

Importing this module imports Airflow's Google provider: ``pip install 'airflow-spark-pipeline[dataproc]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.google.cloud.hooks.dataproc import DataprocHook
from airflow.providers.google.cloud.operators.dataproc import DataprocCreateBatchOperator
from google.api_core.exceptions import NotFound

from airflow_spark_pipeline.operators.dataproc_submission import as_dict, job_name, pyspark_part, refuse_misfit
from airflow_spark_pipeline.operators.job import ACTIVE, JobState, SparkPipelineJob, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

_CLIENT = "airflow_spark_pipeline.operators.dataproc_batch.dataproc_batch"
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_ID_LENGTH = 63


class SparkPipelineDataprocBatchOperator(SparkPipelineJob, DataprocCreateBatchOperator):  # type: ignore[misc]
    """Run a pipeline as a batch of Dataproc Serverless; a retry resumes at the failed component. *Experimental*.

    .. code-block:: python

        SparkPipelineDataprocBatchOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="gs://data-lake/checkpoints",
            project_id="my-project",
            region="europe-west1",
            batch={"runtime_config": {"version": "3.0"}},
            deferrable=True,
            retries=3,
        )

    ``batch`` may hold the runtime, the environment, labels and jars. The operator sets its main file, arguments and
    modules, and adds the Spark settings of the pipeline.

    It takes all arguments of :class:`DataprocCreateBatchOperator` except those that it sets itself (``batch_id``,
    ``batch_id_prefix``, ``request_id``, ``asynchronous``, ``num_retries_if_resource_is_not_ready``), and those of
    :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    Tested with the provider's operator against a mock of the API, see ``docs/dataproc.md``; not tested on Google Cloud.
    """

    batch: Any  # as the user described it
    deduplicates: ClassVar[bool] = True
    submit_only: ClassVar[Mapping[str, Any]] = {"batch": {}, "asynchronous": True, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("batch_id", "batch_id_prefix", "request_id"), "each attempt has its own"),
        "asynchronous": "use deferrable to choose where the task waits",
        "num_retries_if_resource_is_not_ready": "use retries",
    }
    template_fields: Sequence[str] = tuple(
        field for field in DataprocCreateBatchOperator.template_fields if field not in ("batch_id", "batch_id_prefix")
    )

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a batch of Dataproc.

        :raises PipelineDefinitionError: ``batch`` is no description
        """
        refuse_misfit("batch", self.batch)
        return super().choose_way(unit, context)

    def place(self, job: StagedJob) -> None:
        """Set the batch to create for the job, its id and its token."""
        described = as_dict(self.batch)
        runtime = described.get("runtime_config") or {}
        settings = {**(runtime.get("properties") or {}), **job.spark_config}
        self._placed = {
            **described,
            "pyspark_batch": pyspark_part(job, described.get("pyspark_batch")),
            "runtime_config": {**runtime, "properties": settings},
        }
        self.batch_id = job_name(job, length=_ID_LENGTH)
        self.request_id = job.token

    def submit(self, context: Context) -> JsonValue:
        """Create the batch; return its id, and where it is."""
        described, self.batch = self.batch, self._placed
        try:
            super().submit(context)
        finally:
            self.batch = described
        return {
            "batch_id": self.batch_id,
            "region": self.region,
            "project_id": self.project_id or self.hook.project_id,
        }

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a batch."""
        return DataprocBatch(self.hook, job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a batch."""
        DataprocBatch(self.hook, job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a batch in the triggerer."""
        return _CLIENT, {
            "job": job,
            "gcp_conn_id": self.gcp_conn_id,
            "impersonation_chain": self.impersonation_chain,
        }


def dataproc_batch(*, job: JsonValue, **hook_arguments: Any) -> DataprocBatch:
    """Return a batch, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook
    """
    return DataprocBatch(DataprocHook(**hook_arguments), job)


class DataprocBatch:
    """One batch.

    :param job: its id, and where it is, as the operator returned them
    """

    def __init__(self, hook: DataprocHook, job: Any) -> None:
        self._hook = hook
        self._which = dict(job)

    def state(self) -> JobState:
        """Return the state; a batch that was deleted has ended."""
        found = self._found()
        if found is None:
            return JobState.ended("Dataproc no longer has the batch")
        if found.state.name not in _ENDED:
            return ACTIVE
        return JobState.ended(f"{found.state.name} {found.state_message}")

    def cancel(self) -> None:
        """Cancel the batch unless it has ended, by cancelling its operation: the API has no other call for this."""
        found = self._found()
        if found is not None and found.state.name not in _ENDED:
            self._hook.get_operations_client(region=self._which["region"]).cancel_operation(name=found.operation)

    def _found(self) -> Any:
        try:
            return self._hook.get_batch(**self._which)
        except NotFound:
            return None
