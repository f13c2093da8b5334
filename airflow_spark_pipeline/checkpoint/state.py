"""What one commit of a run's log holds: the persisted format, schema version 2.

Promises: ``decode(encode(state, number)) == state`` (see ``decoding``); fields that this version does not know are kept
and written back. Does not promise that two versions of this package write the same bytes.

The names of the fields are those of JSON. ``runId``, ``pipelineName``, ``startedAt``, ``completedComponents``,
``lastCheckpointedIndex``, ``totalComponents``, ``status`` and ``resumedFrom`` are the ones that users of checkpoints
know; the others serve the protocol and the display.

============================  ========================================================================================
``checksum``                  of the bytes that follow it (see ``checksum``); the first member in every schema version
``schemaVersion``             2
``number``                    of the commit, as in the object's name
``key``                       the unit of work: namespace, dagId, runId, taskId, mapIndex, iteration (see ``key``)
``runId``                     id of this attempt at the unit; leads to the unit's directory
``resumedFrom``               run id whose progress this one took over, or null
``attempt``                   1, 2, … within the epoch
``attemptId``                 unique for each claim
``claimNumber``               number of the commit by which the attempt claimed the unit
``nonce``                     fresh for each commit; tells a writer that lost the store's answer whether it won
``epoch``                     raised whenever the unit starts over
``caller``                    what Airflow knew at the claim: maxTries, retries, tryNumber, identity; else null
``status``                    submitted, running, failed, completed, discarded
``startedAt, updatedAt``      ISO 8601, UTC: when the attempt was claimed, when this commit was made
``pipelineName``              as in the description
``totalComponents``           how many components the description lists
``completedComponents``       names of the components that are done: a set, in the order of the description
``lastCheckpointedIndex``     highest index of them, -1 for none
``components``                for each component: ``ComponentCheckpoint``
``attempts``                  for each attempt of the epoch: ``AttemptSummary``
``failure``                   why the attempt failed: ``Failure``, or null
``fingerprintSalt``           key of the fingerprints' digests, one for each epoch
``leaseSeconds``              after how many seconds without a sign of life the attempt's driver is taken for dead
``sparkApplicationId``        of the driver that made the commit, or null
``selection``                 what the user asked for by component name (startFrom, only, force), or null
============================  ========================================================================================
"""

from __future__ import annotations

import enum
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import seal

SCHEMA_VERSION = 2
DEFAULT_LEASE_SECONDS = 60.0


class CheckpointStatus(str, enum.Enum):
    """What a commit says of its attempt. Whether a *running* one is alive is never said here."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETED = "completed"
    DISCARDED = "discarded"


class ComponentAction(str, enum.Enum):
    """What the attempt did with a component."""

    PENDING = "pending"
    RAN = "ran"
    REPLAYED = "replayed"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    FAILED = "failed"
    DISABLED = "disabled"


class _Record:
    """A part of a commit that keeps its JSON text: most of a commit is what the one before it held.

    Its fields, and what they hold, never change; a changed record is a new one.
    """

    @functools.cached_property
    def text(self) -> str:
        """The record as JSON."""
        return _dumps(_members(self))


# How Spark ends a line that only announces what a function in Python raised; the second one on Spark Connect.
_ANNOUNCES = (":", "stack trace below.")
# The line of a Python traceback that names the error.
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception): ")


@dataclass(frozen=True)  # without slots, which would leave no place for the text
class ComponentCheckpoint(_Record):
    """What is recorded of one component.

    :param action: what the attempt that wrote the commit did with it
    :param reason: why, for people (``done in attempt 1``)
    :param attempt: the attempt that ran it last; ``None`` while none did
    :param started_at: ISO 8601, UTC, of that run
    :param duration_seconds: of that run
    :param fingerprint: map from config path to keyed digest; opaque here, compared by ``planning``
    :param views: names of the temp views that it made
    :param outputs: of those that were saved: map from view to ``path``, ``schema`` (Spark's JSON) and ``files``
    :param retries: one entry for each time it failed and was tried again inside the attempt: ``startedAt``,
        ``durationSeconds``, ``error``, ``delaySeconds`` until the next try; absent in JSON where there was none
    :param session: what it changed of the Spark session and a resume sets again: map from kind (``conf``, ``catalog``,
        ``database``, …) to what it left, see ``runtime.session_state``; absent in JSON where it changed nothing
    :param leaves: what it left in the session and no resume can bring back: map from kind (``views``, ``functions``,
        ``tables``, …) to names; absent in JSON where there is nothing
    :param code: of its class and what that imports of the user's own: map from file to keyed digest; opaque here,
        compared by ``planning``; absent in JSON where it is not known
    """

    index: int
    name: str
    type: str
    action: ComponentAction = ComponentAction.PENDING
    reason: str | None = None
    attempt: int | None = None
    started_at: str | None = None
    duration_seconds: float | None = None
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    views: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    retries: tuple[Mapping[str, Any], ...] = ()
    session: Mapping[str, Any] = field(default_factory=dict)
    leaves: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure(_Record):
    """Why an attempt failed.

    :param component: name of the component that failed, ``None`` where none had started
    :param index: its index
    :param error_type: class of the exception, without its module
    :param message: its text, secrets masked
    :param traceback: as Python prints it, secrets masked
    :param retry_helps: ``False`` where another try cannot end differently
    """

    component: str | None
    index: int | None
    error_type: str
    message: str
    traceback: str | None = None
    retry_helps: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """The error in one line; where that only announces another error, in Python or in the JVM, both."""
        first, *more = self.message.splitlines() or [""]
        if more and more[0].startswith(": "):  # py4j.protocol.Py4JJavaError: the class in Java, and its message
            return f"{self.error_type}: {first.rstrip('.')}{more[0]}"
        announces = first.rstrip().endswith(_ANNOUNCES)
        raised = [line for line in more if _RAISED.match(line)] if announces else []
        return " ".join([f"{self.error_type}: {first}", *raised[-1:]])


@dataclass(frozen=True)
class AttemptSummary(_Record):
    """What an attempt did, for display: never read to decide what runs."""

    attempt: int
    run_id: str
    started_at: str
    ran: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: str | None = None
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """The whole state of a unit of work as one commit holds it; see the module's table."""

    key: Mapping[str, Any]
    run_id: str
    pipeline_name: str
    status: CheckpointStatus
    attempt: int
    attempt_id: str
    claim_number: int
    nonce: str
    epoch: int
    started_at: str
    updated_at: str
    total_components: int
    completed_components: tuple[str, ...] = ()
    components: tuple[ComponentCheckpoint, ...] = ()
    attempts: tuple[AttemptSummary, ...] = ()
    resumed_from: str | None = None
    failure: Failure | None = None
    caller: Mapping[str, Any] | None = None
    fingerprint_salt: str = ""
    lease_seconds: float = DEFAULT_LEASE_SECONDS
    spark_application_id: str | None = None
    selection: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last_checkpointed_index(self) -> int:
        """Highest index of a completed component, -1 for none."""
        done = set(self.completed_components)
        return max((c.index for c in self.components if c.name in done), default=-1)

    @property
    def all_done(self) -> bool:
        """Whether every component is done that is not left out, by the user or by the description."""
        done, left_out = set(self.completed_components), (ComponentAction.OMITTED, ComponentAction.DISABLED)
        return all(c.name in done or c.action in left_out for c in self.components)

    def component(self, name: str) -> ComponentCheckpoint | None:
        """Return the record of the component of that name, ``None`` where there is none."""
        return next((c for c in self.components if c.name == name), None)

    def with_component(self, record: ComponentCheckpoint) -> CheckpointState:
        """Return the state with the record of the same name replaced."""
        components = tuple(record if c.name == record.name else c for c in self.components)
        return replace(self, components=components)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what only an object in a store has: its checksum and number."""
        data: dict[str, Any] = json.loads(f'{{"schemaVersion":{SCHEMA_VERSION},{_spliced(self)}}}')
        return data


@dataclass(frozen=True, slots=True)
class Commit:
    """A state, and the number under which the log has it."""

    number: int
    state: CheckpointState


_NESTED: dict[str, type] = {"components": ComponentCheckpoint, "attempts": AttemptSummary, "failure": Failure}
_ABSENT_WHEN_EMPTY = {"retries", "session", "leaves", "code"}
_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=dict).encode


def utc_now() -> str:
    """Return the time as it is recorded: ISO 8601, UTC, milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def encode(state: CheckpointState, number: int) -> bytes:
    """Return the bytes of a commit.

    :param number: under which it is recorded
    """
    return seal(f'"schemaVersion":{SCHEMA_VERSION},"number":{number},{_spliced(state)}')


def _spliced(state: CheckpointState) -> str:
    members = _members(state)
    records = {key: _text(members.pop(key)) for key in _NESTED}
    members["lastCheckpointedIndex"] = state.last_checkpointed_index
    spliced = "".join(f',"{key}":{text}' for key, text in records.items())
    return f"{_dumps(members)[1:-1]}{spliced}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# The persisted name of each field, by its own; computed once, since every commit asks for those of every component.
NAMES: dict[type, dict[str, str]] = {
    cls: {f.name: _camel(f.name) for f in fields(cls) if f.name != "extra"}
    for cls in (CheckpointState, ComponentCheckpoint, AttemptSummary, Failure)
}


def _members(record: Any) -> dict[str, Any]:
    members = {key: getattr(record, name) for name, key in NAMES[type(record)].items()}
    for key in _ABSENT_WHEN_EMPTY & members.keys():
        if not members[key]:
            del members[key]
    return {**record.extra, **members}


def _text(item: _Record | tuple[_Record, ...] | None) -> str:
    if item is None:
        return "null"
    return f"[{','.join(each.text for each in item)}]" if isinstance(item, tuple) else item.text
