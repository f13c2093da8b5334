"""The job that an earlier try submitted to a platform, kept in Airflow's task state store.

Older versions of Airflow do not have this store, and an entry may be lost. Then the job is submitted again, with the
same token if the platform deduplicates; otherwise a new claim ends the driver of the lost job.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_spark_pipeline.deployment.task_state import TaskState

if TYPE_CHECKING:
    from pydantic import JsonValue

JOB = "spark_pipeline.job"


@dataclass(frozen=True, slots=True)
class RememberedJob:
    """A job and its attempt.

    :param id: the id that the platform returned
    """

    attempt_id: str
    id: JsonValue


def remembered(task_state: TaskState) -> RememberedJob | None:
    """Return the job that an earlier try submitted."""
    text = task_state.get(JOB)
    with suppress(ValueError, TypeError, KeyError):  # not ours, or of another version
        data = json.loads(str(text))
        return RememberedJob(str(data["attempt"]), data["job"])
    return None


def remember(task_state: TaskState, job: RememberedJob) -> None:
    """Keep the job for later tries.

    :raises Exception: any error of Airflow's store
    """
    task_state.set(JOB, json.dumps({"attempt": job.attempt_id, "job": job.id}), forever=True)


def forget(task_state: TaskState) -> None:
    """Forget the job, which has ended."""
    task_state.delete(JOB)
