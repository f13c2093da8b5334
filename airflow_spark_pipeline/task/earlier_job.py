"""The job of an earlier try, which the provider's operator keeps in Airflow's task state store."""

from __future__ import annotations

from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.launch.provider import JOB_ID, POD_STATUS


def forget_job(task_state: TaskState) -> str | None:
    """Delete and return the id of a job that has ended, so that the provider's operator ignores it.

    Otherwise the provider's operator would report a success again after it was cleared. It would also report a driver
    that vanished with exit code 0 as a success, and never submit again.
    """
    known = task_state.get(JOB_ID)
    task_state.delete(JOB_ID)
    task_state.delete(POD_STATUS)  # otherwise the next job would count as succeeded before it runs
    return known if isinstance(known, str) else None
