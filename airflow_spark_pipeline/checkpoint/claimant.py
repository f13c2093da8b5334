"""The claimant: who claims a unit of work, and what the claim records about it.

A unit belongs to one task instance, or to a run outside Airflow. Another task instance or process, a *guest*, may
resume the unit by its run id. The claim then records the guest, and keeps the owner's last record, so that a try of the
owner can still tell a retry from a clear.

The field ``caller`` of a commit: ``maxTries``, ``retries``, ``tryNumber``, ``identity``, ``taskInstanceId`` of the
claimer; for a guest also ``taskInstance``, its key (``{}`` outside Airflow), and ``owner``, the owner's last record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_GUEST = "taskInstance"
_OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Caller:
    """What Airflow knew when the unit was claimed; recorded in the claim, so that the next claim can compare.

    :param max_tries: ``max_tries`` of the task instance; a clear raises it
    :param retries: ``retries`` of the task; with it a clear is told from a retry even if ``retries`` was lowered in
        between
    :param try_number: try number of the task instance, counted from 1
    :param identity: identity of the DAG run, kept in the task state store; ``None`` if it is not known
    :param task_instance_id: Airflow's id of the task instance (UUIDv7), new for each try; a later id is greater.
        ``None`` if it is not known
    :param clear_forgets: whether a clear may have emptied the task state store, which gives the DAG run a new identity
    :param guest: key of the task instance that resumes another's unit; ``None`` for the owner of the unit
    """

    max_tries: int
    retries: int
    try_number: int
    identity: str | None = None
    task_instance_id: str | None = None
    clear_forgets: bool = False
    guest: Mapping[str, Any] | None = None


def to_record(caller: Caller | None, recorded: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the field ``caller`` of a claim.

    :param caller: what Airflow knows about this try; ``None`` outside Airflow
    :param recorded: field ``caller`` of the previous commit
    """
    if caller is None:
        return None if recorded is None else {_GUEST: {}, _OWNER: _owner(recorded)}
    record = {
        "maxTries": caller.max_tries,
        "retries": caller.retries,
        "tryNumber": caller.try_number,
        "identity": caller.identity,
        "taskInstanceId": caller.task_instance_id,
    }
    return record if caller.guest is None else {**record, _GUEST: dict(caller.guest), _OWNER: _owner(recorded)}


def is_claim_of(caller: Caller | None, recorded: Mapping[str, Any] | None) -> bool:
    """Whether a claim was made by this caller's task instance, in this try or an earlier one."""
    if caller is None:  # outside Airflow, every process may resume another's run
        return recorded is None or recorded.get(_GUEST) == {}
    return recorded is not None and recorded.get(_GUEST) == caller.guest


def is_same_try(caller: Caller, recorded: Mapping[str, Any]) -> bool:
    """Whether a record was made by this same try, which may have been deferred since then."""
    made_by = recorded.get("taskInstanceId")
    same_id = None in (made_by, caller.task_instance_id) or made_by == caller.task_instance_id
    return same_id and recorded.get("tryNumber") == caller.try_number


def recorded_of(caller: Caller, recorded: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the last record of this caller's task instance, or an empty mapping if there is none."""
    if is_claim_of(caller, recorded):
        return recorded or {}
    return (_owner(recorded) or {}) if caller.guest is None else {}


def claimer(key: Mapping[str, Any], recorded: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the key of the claimer of the unit of ``key``; without a DAG if it was claimed outside Airflow."""
    guest: Mapping[str, Any] | None = (recorded or {}).get(_GUEST)
    return key if guest is None else guest


def describe(key: Mapping[str, Any]) -> str:
    """Return a description of a claimer for people."""
    if not key.get("dagId"):
        return "a run outside Airflow"
    mapped = f"[{key['mapIndex']}]" if key.get("mapIndex", -1) >= 0 else ""
    iteration = f", iteration {key['iteration']}," if key.get("iteration") is not None else ""
    return f"task {key['dagId']}.{key['taskId']}{mapped}{iteration} of DAG run {key['runId']}"


def _owner(recorded: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if recorded is None or _GUEST not in recorded:
        return recorded
    owner: Mapping[str, Any] | None = recorded.get(_OWNER)
    return owner
