"""The claimant: who claims a unit of work, and what the claim records about it.

A unit belongs to one task instance, or to a run outside Airflow. Another task instance or process, a *guest*, may
resume the unit by its run id. The claim then records the guest, and keeps the owner's last record, so that a try of the
owner can still tell a retry from a clear.

The field ``caller`` of a commit: ``maxTries``, ``retries``, ``tryNumber``, ``identity``, ``taskInstanceId`` of the
claimer (the last is absent if it is not known); for a guest also ``taskInstance``, its key (``{}`` outside Airflow),
and ``owner``, the owner's last record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.checkpoint.key import NO_KEY, UnitKey

_NAMES = {
    "maxTries": "max_tries",
    "retries": "retries",
    "tryNumber": "try_number",
    "identity": "identity",
    "taskInstanceId": "task_instance_id",
}
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
    guest: UnitKey | None = None


@dataclass(frozen=True, slots=True)
class Claimant:
    """What a claim records of a :class:`Caller`; everything is ``None`` for a guest outside Airflow.

    :param guest: its key if the unit belongs to another one; :data:`NO_KEY` outside Airflow
    :param owner: what the unit's own task instance had recorded of itself, for a guest
    :param extra: members that this version does not know
    """

    max_tries: int | None = None
    retries: int | None = None
    try_number: int | None = None
    identity: str | None = None
    task_instance_id: str | None = None
    guest: UnitKey | None = None
    owner: Claimant | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Claimant:
        """Read what :meth:`to_dict` gave."""
        guest, owner = raw.get(_GUEST), raw.get(_OWNER)
        return cls(
            **{name: raw.get(key) for key, name in _NAMES.items()},
            guest=None if guest is None else UnitKey.from_dict(guest),
            owner=None if owner is None else cls.from_dict(owner),
            extra={key: value for key, value in raw.items() if key not in (*_NAMES, _GUEST, _OWNER)},
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, which is the field ``caller``."""
        raw = dict(self.extra)
        if self.try_number is not None:
            raw |= {key: getattr(self, name) for key, name in _NAMES.items()}
        if self.task_instance_id is None:
            raw.pop("taskInstanceId", None)
        if self.guest is None:
            return raw
        return {**raw, _GUEST: self.guest.to_dict(), _OWNER: None if self.owner is None else self.owner.to_dict()}


def to_record(caller: Caller | None, recorded: Claimant | None) -> Claimant | None:
    """Return the field ``caller`` of a claim.

    :param caller: what Airflow knows about this try; ``None`` outside Airflow
    :param recorded: field ``caller`` of the previous commit
    """
    if caller is None:
        return None if recorded is None else Claimant(guest=NO_KEY, owner=_owner(recorded))
    return Claimant(
        max_tries=caller.max_tries,
        retries=caller.retries,
        try_number=caller.try_number,
        identity=caller.identity,
        task_instance_id=caller.task_instance_id,
        guest=caller.guest,
        owner=None if caller.guest is None else _owner(recorded),
    )


def is_claim_of(caller: Caller | None, recorded: Claimant | None) -> bool:
    """Whether a claim was made by this caller's task instance, in this try or an earlier one."""
    if caller is None:  # outside Airflow, every process may resume what another one began
        return recorded is None or recorded.guest == NO_KEY
    return recorded is not None and recorded.guest == caller.guest


def is_same_try(caller: Caller, recorded: Claimant) -> bool:
    """Whether a record was made by this same try, which may have been deferred since then."""
    made_by = recorded.task_instance_id
    same_id = None in (made_by, caller.task_instance_id) or made_by == caller.task_instance_id
    return same_id and recorded.try_number == caller.try_number


def recorded_of(caller: Caller, recorded: Claimant | None) -> Claimant:
    """Return the last record of this caller's task instance, or an empty one if there is none."""
    if is_claim_of(caller, recorded):
        return recorded or Claimant()
    return (_owner(recorded) or Claimant()) if caller.guest is None else Claimant()


def claimer(key: UnitKey, recorded: Claimant | None) -> UnitKey:
    """Return the key of the claimer of the unit of ``key``; without a DAG if it was claimed outside Airflow."""
    guest = None if recorded is None else recorded.guest
    return key if guest is None else guest


def describe(key: UnitKey) -> str:
    """Return a description of a claimer for people."""
    if not key.dag_id:
        return "a run outside Airflow"
    mapped = f"[{key.map_index}]" if key.map_index >= 0 else ""
    iteration = f", iteration {key.iteration}," if key.iteration is not None else ""
    return f"task {key.dag_id}.{key.task_id}{mapped}{iteration} of DAG run {key.run_id}"


def _owner(recorded: Claimant | None) -> Claimant | None:
    return recorded if recorded is None or recorded.guest is None else recorded.owner
