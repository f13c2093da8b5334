"""Runs a pipeline as a batch of Apache Livy.

Importing this module imports Airflow's Livy provider: ``pip install 'airflow-spark-pipeline[livy]'``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.apache.livy.hooks.livy import LivyHook
from airflow.providers.apache.livy.operators.livy import LivyOperator
from airflow.providers.common.compat.sdk import AirflowException

from airflow_spark_pipeline.operators.job import ACTIVE, NAME_THE_COMPONENTS, JobState, SparkPipelineJob, StagedJob
from airflow_spark_pipeline.secrets import mask_text

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

_CLIENT = "airflow_spark_pipeline.operators.livy.livy_batch"
_NOT_FOUND = 404
_ENDED = frozenset(state.value for state in LivyHook.TERMINAL_STATES)  # states unknown to the provider are not ends
_LINES = 2  # lines of Livy's log in the reason
_HEADINGS = frozenset(("stdout:", "stderr:", "YARN Diagnostics:"))  # in its log, even if nothing follows


class SparkPipelineLivyOperator(SparkPipelineJob, LivyOperator):
    """Run a pipeline as a batch of Apache Livy; a retry resumes at the component that failed. *Experimental*.

    .. code-block:: python

        SparkPipelineLivyOperator(
            task_id="daily_etl",
            pipeline="daily_etl.conf",
            py_files=["my_etl"],
            checkpoint_location="hdfs:///checkpoints",
            livy_conn_id="livy",
            executor_memory="4g",
            retries=3,
        )

    It takes all arguments of :class:`LivyOperator` except those that it sets itself (``file``, ``args``,
    ``class_name``, ``polling_interval``), and those of :class:`~airflow_spark_pipeline.operators.job.SparkPipelineJob`.

    ``docs/livy.md`` says what was tested, and what was not.
    """

    submit_only: ClassVar[Mapping[str, Any]] = {"file": "", "polling_interval": 0, "deferrable": False}
    sets_itself: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("file", "args", "class_name"), NAME_THE_COMPONENTS),
        "polling_interval": "use job_poll_interval for the seconds between two checks of the batch",
    }
    template_fields: Sequence[str] = LivyOperator.template_fields

    def place(self, job: StagedJob) -> None:
        """Set ``spark_params`` for the job."""
        self.spark_params = {
            **self.spark_params,
            "file": job.main,
            "args": list(job.arguments),
            "py_files": list(job.py_files),
            "conf": dict(job.spark_config),
            # Livy refuses the name of another batch, and restarts its ids from 0.
            "name": f"{job.name} {job.token}",
        }

    def submit(self, context: Context) -> JsonValue:
        """Submit the batch; return its id and its name."""
        self._batch_id = None
        try:
            super().submit(context)
        except AirflowException:
            if not self._has_batch:
                raise
            self.log.warning("Livy has the batch, but has not reported its state yet.", exc_info=True)
        return {"id": self._batch_id, "name": str(self.spark_params["name"])}

    @property
    def _has_batch(self) -> bool:
        return self._batch_id is not None

    def job_state(self, job: JsonValue) -> JobState:
        """Return the state of a batch."""
        return LivyBatch(self.hook, job).state()

    def cancel(self, job: JsonValue) -> None:
        """Delete a batch."""
        LivyBatch(self.hook, job).cancel()

    def job_client(self, job: JsonValue) -> tuple[str, dict[str, Any]]:
        """Return the class that asks about a batch in the triggerer."""
        return _CLIENT, {
            "job": job,
            "livy_conn_id": self._livy_conn_id,
            "endpoint_prefix": self._livy_endpoint_prefix,
            "extra_options": self._extra_options,
        }


def livy_batch(*, job: JsonValue, **hook_arguments: Any) -> LivyBatch:
    """Return a batch, for a process without the operator.

    :param hook_arguments: arguments of the provider's hook
    """
    return LivyBatch(LivyHook(**hook_arguments), job)


class LivyBatch:
    """One batch.

    :param job: id and name of the batch, as the operator returned them
    """

    def __init__(self, hook: LivyHook, job: Any) -> None:
        self._hook = hook
        self._id, self._name = job["id"], job["name"]

    def state(self) -> JobState:
        """Return the state; a batch that Livy has forgotten has ended."""
        found = self._found()
        if found is None:
            return JobState.ended("Livy no longer has the batch")
        state = str(found.get("state"))
        if state not in _ENDED:
            return ACTIVE
        lines = [line.strip() for line in found.get("log") or ()]
        said = [line for line in lines if line and line not in _HEADINGS]
        return JobState.ended(mask_text("; ".join([state, *said[-_LINES:]])))

    def cancel(self) -> None:
        """Delete the batch, unless it has ended: Livy forgets ended batches later."""
        if self.state().is_active:
            self._hook.delete_batch(self._id)

    def _found(self) -> dict[str, Any] | None:
        try:
            found = self._hook.get_batch(self._id)
        except AirflowException as error:
            response = getattr(error.__context__, "response", None)
            if getattr(response, "status_code", None) == _NOT_FOUND:
                return None
            raise
        # After a restart without recovery, another batch has the same id.
        return found if found.get("name") in (None, self._name) else None
