"""Runs a pipeline as a run of a Databricks job cluster.

Importing this module imports Airflow's Databricks provider: ``pip install 'airflow-spark-pipeline[databricks]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.databricks.hooks.databricks import DatabricksHook
from airflow.providers.databricks.operators.databricks import DatabricksSubmitRunOperator

from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, SparkPipelineJob, StagedJob

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

    from airflow_spark_pipeline.task.unit import Unit
    from airflow_spark_pipeline.task.way import Way

_CLIENT = "airflow_spark_pipeline.operators.databricks.databricks_run"
_NOT_FOUND = 404
_OURS = {
    **dict.fromkeys(("json", "tasks", "spark_jar_task", "notebook_task", "spark_python_task"), NAME_THE_COMPONENTS),
    **dict.fromkeys(("spark_submit_task", "pipeline_task", "dbt_task"), NAME_THE_COMPONENTS),
    "idempotency_token": "each attempt has its own",
    "wait_for_termination": "use deferrable to choose where the task waits",
}
_SCHEMES = {"s3a": "s3", "s3n": "s3"}
#: Directories of Databricks, which Airflow does not see, and where no file can be created exclusively.
_DIRECTORIES = ("/Volumes/", "/Workspace/", "/dbfs/", "dbfs:")


class SparkPipelineDatabricksOperator(SparkPipelineJob, DatabricksSubmitRunOperator):  # type: ignore[misc]
    """Run a pipeline as a Databricks run; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineDatabricksOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="s3://data-lake/checkpoints",
            new_cluster={"spark_version": "17.3.x-scala2.13", "num_workers": 2, ...},
            libraries=[{"pypi": {"package": "s3fs"}}],
            retries=3,
        )

    It takes all arguments of :class:`DatabricksSubmitRunOperator` except those that it sets itself (those that name a
    task, ``json``, ``idempotency_token``, ``wait_for_termination``), and those of
    :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    The driver runs inside the Spark session of the cluster, which it neither starts nor stops: set settings that cannot
    be changed in a running session in ``new_cluster``.

    Tested only against a mock of the API, see ``docs/databricks.md``; not tested on Databricks.
    """

    started_by: ClassVar[str] = "session"
    deduplicates: ClassVar[bool] = True
    submit_only: ClassVar[Mapping[str, Any]] = {"wait_for_termination": False, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = _OURS
    template_fields: Sequence[str] = tuple(
        field for field in DatabricksSubmitRunOperator.template_fields if field not in _OURS
    )

    def choose_way(self, unit: Unit, context: Context) -> Way:
        """Return the way to a driver: a run of Databricks.

        :raises CheckpointLocationError: a location is a directory of Databricks
        """
        refuse_directories(unit.location.location, self.staging_location)
        return super().choose_way(unit, context)

    def place(self, job: StagedJob) -> None:
        """Set ``spark_python_task`` for the job, and its token."""
        self.spark_python_task = {"python_file": _cloud(job.main), "parameters": [*map(_cloud, job.arguments)]}
        self.idempotency_token = job.token
        self.run_name = job.name

    def submit(self, context: Context) -> JsonValue:
        """Submit the run; return its id."""
        run: JsonValue = self.submit_job(context)
        return run

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a run."""
        return DatabricksRun(self._hook, job).state()

    def cancel(self, job: JsonValue) -> None:
        """Cancel a run."""
        DatabricksRun(self._hook, job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a run in the triggerer."""
        return _CLIENT, {
            "run_id": job,
            "databricks_conn_id": self.databricks_conn_id,
            "retry_limit": self.databricks_retry_limit,
            "retry_delay": self.databricks_retry_delay,
        }


def databricks_run(*, run_id: JsonValue, **hook_arguments: Any) -> DatabricksRun:
    """Return a run, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook
    """
    return DatabricksRun(DatabricksHook(**hook_arguments), run_id)


class DatabricksRun:
    """One run.

    :param run_id: id that Databricks returned
    """

    def __init__(self, hook: DatabricksHook, run_id: Any) -> None:
        self._hook = hook
        self._id = int(run_id)

    def state(self) -> JobState:
        """Return the state; a run that Databricks has forgotten has ended."""
        try:
            state = self._hook.get_run_state(self._id)
        except AirflowException as error:
            if getattr(error, "http_status_code", None) == _NOT_FOUND:
                return JobState.ended("Databricks no longer has the run")
            raise
        if not state.is_terminal:
            return ACTIVE
        return JobState.ended(f"{state.life_cycle_state} {state.result_state} {state.state_message}")

    def cancel(self) -> None:
        """Cancel the run unless it has ended."""
        if self.state().is_active:
            self._hook.cancel_run(self._id)


def refuse_directories(checkpoint_location: str, staging_location: str | None) -> None:
    """Refuse locations in the file system of Databricks.

    :raises CheckpointLocationError: one of them is there
    """
    for what, location in (("checkpoint", checkpoint_location), ("staging", staging_location or "")):
        path = location.removeprefix("file://")
        if f"{path}/".startswith(_DIRECTORIES):
            raise CheckpointLocationError(
                f"The {what} location {location!r} is a directory of Databricks: Airflow does not reach it, and it "
                "cannot keep two writers apart. Use a URL of cloud storage: s3://, abfss:// or gs://. For a volume, "
                "that is the location of its files."
            )


def _cloud(url: str) -> str:
    """Return the URL with a scheme that Databricks supports."""
    scheme, separator, rest = url.partition("://")
    return f"{_SCHEMES.get(scheme, scheme)}://{rest}" if separator else url
