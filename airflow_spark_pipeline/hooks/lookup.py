"""The last run of a task instance, as a retry callback finds it.

In the task's process the operator is rendered and its connection can be asked for. In the DAG processor, which runs the
callbacks of tasks that were killed, neither holds.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.catalog import find_run
from airflow_spark_pipeline.checkpoint.key import unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.store import CheckpointStore
from airflow_spark_pipeline.hooks.locations import checkpoint_location, configured, storage_options
from airflow_spark_pipeline.hooks.source import read_source, render
from airflow_spark_pipeline.hooks.task_instance import unit_key
from airflow_spark_pipeline.pipeline.hocon import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import next_try, open_log

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_RETRY_SECONDS = 1.0


class Lookup:
    """One look-up.

    :param context: of the callback
    :param deadline: seconds for the store to answer
    """

    def __init__(self, context: Context, deadline: float) -> None:
        self._context = context
        self._deadline = deadline
        self._task: Any = context["task"]
        # Airflow's task runner always gives the exception, its DAG processor never.
        self._in_task = "exception" in context

    def find(self) -> dict[str, Any] | None:
        """Return what is to be said, ``None`` where the task runs no pipeline, or there is nothing to look at.

        :raises TimeoutError: the store did not answer in time
        :raises SparkPipelineError: the description or the location is wrong
        """
        if not hasattr(self._task, "resume_scope"):
            return None
        spec = self._describe()
        checkpoint = spec.checkpoint.with_defaults(enabled=True, auto_resume=True)
        resumes = self._task.auto_resume if self._task.auto_resume is not None else checkpoint.auto_resume
        if not checkpoint.enabled or not resumes:
            return None
        conn_id = self._task.checkpoint_conn_id or configured("checkpoint_conn_id")
        if conn_id is not None and not self._in_task:
            return None
        location = checkpoint_location(self._task.checkpoint_location, checkpoint.location)
        if "{{" in location:
            return None
        options = storage_options(conn_id)

        def look() -> CheckpointState | None:
            unit = unit_path(spec.pipeline_name, unit_key(self._context))
            log = open_log(checkpoint, location, options, unit)
            return self._latest(log.store, unit)

        state = _within(self._deadline, look)
        if state is None or state.status in (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED):
            return None
        return next_try(state)

    def _describe(self) -> PipelineSpec:
        source = read_source(self._task.pipeline, Path(self._task.dag.fileloc).parent)
        if self._in_task:
            source = render(source, self._context, self._task.get_template_env())
        return parse_pipeline(source.text, file=source.file, base_dir=source.base_dir)

    def _latest(self, store: CheckpointStore, unit: str) -> CheckpointState | None:
        # A run that was taken over from another task instance is known by the error only.
        run_id = getattr(self._context.get("exception"), "run_id", None)
        if run_id is not None:
            entry = find_run(store, run_id)
            return None if entry is None or entry.commit is None else entry.commit.state
        latest = RunLog(store, unit, retry_seconds=_RETRY_SECONDS).latest()
        return None if latest is None else latest.state


def _within(seconds: float, look: Any) -> CheckpointState | None:
    """Run it in a thread of its own, which is left behind when it takes too long."""
    answer: list[CheckpointState | None] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answer.append(look())
        except Exception as error:  # noqa: BLE001  # raised again in the thread that asked
            errors.append(error)

    thread = threading.Thread(target=run, name="spark-pipeline-lookup", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answer:
        raise TimeoutError(f"the checkpoint location did not answer within {seconds:g} s")
    return answer[0]
