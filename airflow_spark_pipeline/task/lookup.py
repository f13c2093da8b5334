"""Finds the last run of a task instance, for a retry callback.

In the task's process, the operator is already rendered and its connection is available. The DAG processor runs the
callbacks of tasks that were killed. There, templates are rendered only with what Airflow passes to the callback:
variables, connections and XComs are not available.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

from airflow_spark_pipeline.checkpoint.catalog import find_run
from airflow_spark_pipeline.checkpoint.key import unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.deployment.locations import configured, location_of, storage_options
from airflow_spark_pipeline.deployment.task_instance import unit_key
from airflow_spark_pipeline.launch.py_files import is_url
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import next_try
from airflow_spark_pipeline.task.templates import describe, is_text, source_of
from airflow_spark_pipeline.time_limit import within

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_RETRY_SECONDS = 1.0
_AT_HAND = (
    "dag",
    "dag_run",
    "data_interval_end",
    "data_interval_start",
    "ds",
    "ds_nodash",
    "logical_date",
    "macros",
    "params",
    "run_id",
    "ts",
    "ts_nodash",
    "ts_nodash_with_tz",
)


class Lookup:
    """The search for one task instance's run.

    :param context: context of the callback
    :param deadline: seconds that the store has to answer
    """

    def __init__(self, context: Context, deadline: float) -> None:
        self._context = context
        self._deadline = deadline
        self._task: Any = context["task"]
        # Airflow's task runner always gives the exception, its DAG processor never.
        self._in_task = "exception" in context

    def find(self) -> dict[str, Any] | None:
        """Return what to report, or ``None`` if the task does not run a pipeline or nothing is recorded.

        :raises TimeoutError: the store did not answer in time
        :raises SparkPipelineError: the description or the location is wrong
        """
        if not hasattr(self._task, "resume_scope"):
            return None
        if not isinstance(self._task.pipeline, str):
            return None  # from XCom, which was not read before the task ended, and is not asked for now
        if not self._in_task and is_url(self._task.pipeline):
            return None  # a server that does not answer would hold up the DAG file
        spec = self._describe()
        checkpoint = spec.checkpoint.with_defaults(enabled=True, auto_resume=True)
        resumes = self._task.auto_resume if self._task.auto_resume is not None else checkpoint.auto_resume
        if not checkpoint.enabled or not resumes:
            return None
        conn_id = self._task.checkpoint_conn_id or configured("checkpoint_conn_id")
        if conn_id is not None and not self._in_task:
            return None
        location = location_of(self._rendered(self._task.checkpoint_location), conn_id, checkpoint)
        options = storage_options(conn_id, location.location)

        def look() -> CheckpointState | None:
            unit = unit_path(spec.pipeline_name, unit_key(self._context))
            return self._latest(location.open(options), unit)

        try:
            state = within(self._deadline, look, "spark-pipeline-lookup")
        except TimeoutError:
            raise TimeoutError(f"the checkpoint location did not answer within {self._deadline:g} s") from None
        if state is None or state.status in (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED):
            return None
        return next_try(state)

    def _describe(self) -> PipelineSpec:
        task = copy.copy(self._task)  # rendered in this copy, which no other code sees
        if not self._in_task:
            task.text_of_dag = task.pipeline if is_text(task.pipeline) else None
            if task.text_of_dag is None:
                task.pipeline = self._rendered(task.pipeline)
            task.env_vars = self._rendered(task.env_vars)
        return describe(source_of(task), self._templates, task.get_template_env(), environ=task.env_vars)

    @property
    def _templates(self) -> Context:
        """The names that templates can use."""
        if self._in_task:
            return self._context
        at_hand: Any = {name: value for name, value in self._context.items() if name in _AT_HAND}
        return cast("Context", at_hand)

    def _rendered(self, value: Any) -> Any:
        if self._in_task or value is None:
            return value
        return self._task.render_template(value, self._templates, self._task.get_template_env())

    def _latest(self, store: CheckpointStore, unit: str) -> CheckpointState | None:
        # A run that was taken over from another task instance is known by the error only.
        run_id = getattr(self._context.get("exception"), "run_id", None)
        if run_id is not None:
            entry = find_run(store, run_id)
            return None if entry is None or entry.commit is None else entry.commit.state
        latest = RunLog(store, unit, retry_seconds=_RETRY_SECONDS).latest()
        return None if latest is None else latest.state
