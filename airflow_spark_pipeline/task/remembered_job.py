"""The job that an earlier try submitted to a platform, kept in Airflow's task state store.

Older versions of Airflow do not have this store, and an entry may be lost. Then the job is submitted again, with the
same token if the platform deduplicates; otherwise a new claim ends the driver of the lost job.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from pydantic import JsonValue

JOB = "spark_pipeline.job"


@dataclass(frozen=True, slots=True)
class RememberedJob:
    """A job and its attempt.

    :param id: the id that the platform returned
    """

    attempt_id: str
    id: JsonValue


def remembered(context: Context) -> RememberedJob | None:
    """Return the job that an earlier try submitted."""
    store = context.get("task_state_store")
    text = None if store is None else store.get(JOB)
    with suppress(ValueError, TypeError, KeyError):  # not ours, or of another version
        data = json.loads(str(text))
        return RememberedJob(str(data["attempt"]), data["job"])
    return None


def remember(context: Context, job: RememberedJob) -> None:
    """Keep the job for later tries.

    :raises Exception: any error of Airflow's store
    """
    store = context.get("task_state_store")
    if store is not None:
        from airflow.sdk import NEVER_EXPIRE  # type: ignore[attr-defined]  # missing in its stub, there at run time

        store.set(JOB, json.dumps({"attempt": job.attempt_id, "job": job.id}), retention=NEVER_EXPIRE)


def forget(context: Context) -> None:
    """Forget the job, which has ended."""
    store = context.get("task_state_store")
    if store is not None:
        store.delete(JOB)
