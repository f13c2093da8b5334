"""Task instances in Airflow: their identity, the state kept between tries, and whether other tasks are running.

The task state store holds the id and position of the run, for the *Storage* tab of the task instance. It also holds an
id of the DAG run, which differs if the DAG run is created again with the same run id. Progress is never read from
there: if an entry cannot be written, the run continues. Reading changes nothing; a try writes when it starts.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.deployment.airflow_masker import redacted_by_airflow
from airflow_spark_pipeline.deployment.locations import namespace
from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.planning import position
from airflow_spark_pipeline.secrets import mask_text

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

RUN_ID = "spark_pipeline.run_id"
POSITION = "spark_pipeline.position"
#: The description that the newest try ran, with defaults and arguments, secrets masked. Read by the page.
DESCRIPTION = "spark_pipeline.description"
#: Why a try failed, followed by its number; the page reads it if the try recorded nothing in the log.
FAILURE = "spark_pipeline.failure."
_REPORTED = "spark_pipeline.reported"
_IDENTITY = "spark_pipeline.dag_run"
_LONGEST = 4_000  # maximum length of an error kept in Airflow, in characters
_NO_REGION = "00000000-0000-0000-0000-000000000000"
#: States of a task instance that is running or about to run.
ACTIVE_STATES = ("scheduled", "queued", "running", "restarting", "deferred", "up_for_reschedule")

log = logging.getLogger(__name__)


def unit_key(context: Context) -> UnitKey:
    """Return the key of the task instance's unit of work."""
    ti = context["ti"]
    map_index = -1 if ti.map_index is None else ti.map_index
    return UnitKey(namespace(), ti.dag_id, ti.run_id, ti.task_id, map_index, _iteration(context, map_index))


def _iteration(context: Context, map_index: int) -> int | None:
    """Return the loop iteration of the task instance; ``None`` outside loops, which exist since Airflow 3.4.

    This is the number and not the id of Airflow's region: an iteration that runs again after its loop's gate was
    cleared must find the driver that it replaces.
    """
    loop: Any = context.get("loop")
    if loop is not None:
        return int(loop.index)
    # The context of a callback in the DAG processor has no loop. An unmapped task has a region only inside a loop.
    ti: Any = context["ti"]
    region = getattr(ti, "region_id", None)
    in_loop = map_index < 0 and region is not None and str(region) != _NO_REGION
    return int(ti.region_index) if in_loop else None


def caller(context: Context, task_state: TaskState) -> Caller:
    """Return what Airflow knows about this try."""
    ti = context["ti"]
    return Caller(
        ti.max_tries,
        ti.task.retries or 0,
        ti.try_number,
        _dag_run_identity(task_state),
        _ordered_id(getattr(ti, "id", None)),
        clear_forgets=AIRFLOW.clear_discards_task_state,
    )


def _dag_run_identity(task_state: TaskState) -> str | None:
    """Return an id of the DAG run that differs if the DAG run is created again with the same run id.

    Airflow deletes the task's state store together with the DAG run, and keeps it through retries. Clears also keep it,
    but since Airflow 3.4 only if it is configured so. :func:`remember_identity` stores a new id.
    """
    return str(task_state.get(_IDENTITY) or uuid.uuid4().hex) if task_state.exists else None


def remember_identity(task_state: TaskState, caller: Caller) -> None:
    """Store the identity of the DAG run before this try records it in the log.

    :raises Exception: any error of Airflow's store; without the identity a retry would look like another DAG run's
    """
    if caller.identity is not None and task_state.get(_IDENTITY) != caller.identity:
        task_state.set(_IDENTITY, caller.identity, forever=True)


def _ordered_id(task_instance_id: object) -> str | None:
    """Return the id of a task instance if it is a UUIDv7, which can be ordered by creation time."""
    text = str(task_instance_id or "").lower()
    return text if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", text) else None


def remembered_run(task_state: TaskState) -> str | None:
    """Return the id of the run that an earlier try of this task instance worked on."""
    run_id = task_state.get(RUN_ID)
    return None if run_id is None else str(run_id)


def remember_run(task_state: TaskState, run_id: str) -> None:
    """Store the id of the run that this try works on."""
    _keep(task_state, RUN_ID, run_id)


def remember(task_state: TaskState, state: CheckpointState) -> None:
    """Store the position and status of a run."""
    _keep(task_state, RUN_ID, state.run_id)
    _keep(task_state, POSITION, position(state))


def remember_description(task_state: TaskState, description: str) -> None:
    """Store the description that this try runs, as JSON."""
    _keep(task_state, DESCRIPTION, description)


def remember_failure(context: Context, error: BaseException) -> None:
    """Store why this try failed: a try that is refused, or fails before its driver starts, records it only here."""
    about = {"type": type(error).__name__, "message": redacted_by_airflow(mask_text(str(error)))[:_LONGEST]}
    _keep(TaskState.of(context), f"{FAILURE}{context['ti'].try_number}", json.dumps(about))


def reported(task_state: TaskState, unit: str) -> tuple[int, int] | None:
    """Return the epoch and number of the last attempt whose components were reported; ``None`` if it is not known.

    :param unit: directory of the unit of work; a task instance can take over another one, whose numbers are others
    """
    last = task_state.get(_REPORTED)
    if last is None:
        return None
    epoch, _, rest = str(last).partition(" ")
    attempt, _, of = rest.partition(" ")
    return (int(epoch), int(attempt)) if of == unit else None


def remember_reported(task_state: TaskState, unit: str, last: tuple[int, int]) -> None:
    """Store the epoch and number of the last attempt of a unit whose components were reported."""
    _keep(task_state, _REPORTED, f"{last[0]} {last[1]} {unit}")


def _keep(task_state: TaskState, key: str, value: str) -> None:
    try:
        task_state.set(key, value)
    except Exception as error:  # noqa: BLE001  # whatever the API server has: the run does not depend on it
        log.warning("Airflow's task state store did not take %s: %s", key, error)


def task_is(context: Context, *, or_will_retry: bool) -> Callable[[UnitKey], bool]:
    """Return a function that asks Airflow whether the task instance of a unit's key is running, or is about to.

    :param or_will_retry: whether a task instance that waits for its retry also counts
    """
    states = [*ACTIVE_STATES, *(("up_for_retry",) if or_will_retry else ())]

    def is_active(key: UnitKey) -> bool:
        mapped: dict[str, Any] = {"map_index": key.map_index} if key.map_index >= 0 else {}
        return bool(
            context["ti"].get_ti_count(
                dag_id=key.dag_id, task_ids=[key.task_id], run_ids=[key.run_id], states=states, **mapped
            )
        )

    return is_active
