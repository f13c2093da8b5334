"""The job of an earlier try, as the provider's operator remembers it in Airflow's task state store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline.launch.provider import JOB_ID, POD_STATUS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def forget_job(context: Context) -> str | None:
    """Keep the provider's operator from looking at a job that is over; return its id, if there is one.

    Of a success that was cleared since it would report the success again; and a driver that vanished with exit code 0
    has succeeded by the cluster's word, so that no try would ever submit again.
    """
    store = context.get("task_state_store")
    if store is None:
        return None
    known = store.get(JOB_ID)
    store.delete(JOB_ID)
    store.delete(POD_STATUS)  # or the next job would have succeeded before it ran
    return known if isinstance(known, str) else None
