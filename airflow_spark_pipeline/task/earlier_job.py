"""The job of an earlier try, which the provider's operator keeps in Airflow's task state store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline.launch.provider import JOB_ID, POD_STATUS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def forget_job(context: Context) -> str | None:
    """Delete and return the id of a job that has ended, so that the provider's operator ignores it.

    Otherwise the provider's operator would report a success again after it was cleared. It would also report a driver
    that vanished with exit code 0 as a success, and never submit again.
    """
    store = context.get("task_state_store")
    if store is None:
        return None
    known = store.get(JOB_ID)
    store.delete(JOB_ID)
    store.delete(POD_STATUS)  # otherwise the next job would count as succeeded before it runs
    return known if isinstance(known, str) else None
