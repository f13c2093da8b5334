"""The content of a commit: the persisted format, schema version 2.

Guarantees: ``decode(encode(state, number)) == state`` (see ``decoding``); fields that this version does not know are
kept and written back. Not guaranteed: that two versions of this package write the same bytes.

The field names are those of the JSON. ``runId``, ``pipelineName``, ``startedAt``, ``completedComponents``,
``lastCheckpointedIndex``, ``totalComponents``, ``status`` and ``resumedFrom`` are the fields that users of checkpoints
know; the others are for the protocol and for display.

============================  ========================================================================================
``checksum``                  digest of the bytes after it (see ``checksum``); the first member in every schema version
``schemaVersion``             2
``number``                    number of the commit, as in the object's name
``key``                       the unit of work: namespace, dagId, runId, taskId, mapIndex, iteration (see ``key``)
``runId``                     id of this attempt at the unit; leads to the unit's directory
``resumedFrom``               id of the run whose progress this attempt took over, or null
``attempt``                   number of the attempt within the epoch, counted from 1
``attemptId``                 unique for each claim
``claimNumber``               number of the commit by which the attempt claimed the unit
``nonce``                     new for each commit; a writer that lost the store's answer finds out whether it won
``epoch``                     number that increases whenever the unit starts over
``caller``                    what Airflow knew at the claim (see ``claimant``), or null
``status``                    submitted, running, failed, completed, discarded
``startedAt, updatedAt``      ISO 8601, UTC: when the attempt was claimed, when this commit was made
``pipelineName``              name of the pipeline in the description
``totalComponents``           number of components in the description
``completedComponents``       names of the completed components: a set, in the order of the description
``lastCheckpointedIndex``     highest index of a completed component, -1 for none
``components``                for each component: ``ComponentCheckpoint``
``attempts``                  for each attempt of the epoch: ``AttemptSummary``
``failure``                   why the attempt failed: ``Failure``, or null
``fingerprintSalt``           key of the fingerprints' digests, one for each epoch
``leaseSeconds``              seconds without a heartbeat after which the attempt's driver counts as dead
``sparkApplicationId``        id of the Spark application that made the commit, or null
``selection``                 the user's selection by component name (startFrom, stopAfter, only, force), or null
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
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey

SCHEMA_VERSION = 2
DEFAULT_LEASE_SECONDS = 60.0


class CheckpointStatus(str, enum.Enum):
    """The status of an attempt in a commit. It does not tell whether a *running* attempt is alive."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETED = "completed"
    DISCARDED = "discarded"


class ComponentAction(str, enum.Enum):
    """What an attempt did with a component."""

    PENDING = "pending"
    RAN = "ran"
    REPLAYED = "replayed"
    SKIPPED = "skipped"
    OMITTED = "omitted"
    FAILED = "failed"
    DISABLED = "disabled"
    UPSTREAM_FAILED = "upstream_failed"  # not run, because a component that it depends on failed


class _Record:
    """A part of a commit that caches its JSON text, since most parts are the same as in the previous commit.

    Its fields and their contents never change; a changed record is a new object.
    """

    @functools.cached_property
    def text(self) -> str:
        """The record as JSON."""
        return _dumps(_members(self))


# Ends of Spark's lines that only announce an error of a Python function; the second is Spark Connect's.
_ANNOUNCES = (":", "stack trace below.")
# The line of a Python traceback that names the error.
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception): ")


@dataclass(frozen=True)  # without slots, so that the text can be cached
class ComponentCheckpoint(_Record):
    """The record of one component.

    :param action: what the attempt that wrote the commit did with the component
    :param reason: reason of the action, for people (``done in attempt 1``)
    :param attempt: number of the attempt that ran the component last; ``None`` if it has not run
    :param started_at: start of that last run, ISO 8601, UTC
    :param duration_seconds: duration of that last run, in seconds
    :param fingerprint: map from config path to keyed digest; ``planning`` compares it
    :param views: names of the temp views that the component made
    :param outputs: saved outputs: map from view to ``path``, ``schema`` (Spark's JSON) and ``files``
    :param retries: one entry for each failed try inside the attempt that was followed by another: ``startedAt``,
        ``durationSeconds``, ``error``, ``delaySeconds`` until the next try; absent in JSON if there was none
    :param session: changes to the Spark session that a resume sets again: map from kind (``conf``, ``catalog``,
        ``database``, …) to the new values, see ``runtime.spark.session_state``; absent in JSON if nothing changed
    :param leaves: what the component left in the session that a resume cannot restore: map from kind (``views``,
        ``functions``, ``tables``, …) to names; absent in JSON if there is nothing
    :param published: values that the component published, by name, secrets masked; absent in JSON if there are none
    :param code: code of the component's class and of the user's modules that it imports: map from file to keyed digest;
        ``planning`` compares it; absent in JSON if the code is not known
    :param changed_code: files of ``code`` that had changed when an attempt skipped the component; absent in JSON if
        there are none
    :param wrote: what the component wrote: map from URI to facts about it, for Airflow's asset events; absent in JSON
        if it said nothing
    :param failure_traceback: traceback of its failure, secrets masked; absent in JSON if it did not fail, or if its
        failure is the first one of the attempt, which the commit itself has
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
    published: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    changed_code: tuple[str, ...] = ()
    failure_traceback: str | None = None
    wrote: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure(_Record):
    """Why an attempt failed.

    :param component: name of the component that failed; ``None`` if no component had started
    :param index: index of the component that failed
    :param error_type: class of the exception, without its module
    :param message: text of the exception, secrets masked
    :param traceback: Python's traceback, secrets masked
    :param retry_helps: ``False`` if another try would fail in the same way
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
        """The error in one line; if it only announces another error, in Python or in the JVM, both."""
        first, *more = self.message.splitlines() or [""]
        if more and more[0].startswith(": "):  # py4j.protocol.Py4JJavaError: the Java class and its message
            return f"{self.error_type}: {first.rstrip('.')}{more[0]}"
        announces = first.rstrip().endswith(_ANNOUNCES)
        raised = [line for line in more if _RAISED.match(line)] if announces else []
        return " ".join([f"{self.error_type}: {first}", *raised[-1:]])


@dataclass(frozen=True)
class AttemptSummary(_Record):
    """What an attempt did; only for display, never for deciding what runs."""

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
    """The whole state of a unit of work, as in one commit; see the table in the module's docstring."""

    key: UnitKey
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
    caller: Claimant | None = None
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
        """Whether all components are done, except those that the user or the description leaves out."""
        done, left_out = set(self.completed_components), (ComponentAction.OMITTED, ComponentAction.DISABLED)
        return all(c.name in done or c.action in left_out for c in self.components)

    def component(self, name: str) -> ComponentCheckpoint | None:
        """Return the record of the component with this name, or ``None``."""
        return next((c for c in self.components if c.name == name), None)

    def with_component(self, record: ComponentCheckpoint) -> CheckpointState:
        """Return a copy of the state in which this record replaces the one with the same component name."""
        components = tuple(record if c.name == record.name else c for c in self.components)
        return replace(self, components=components)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without the checksum and number that only a stored object has."""
        data: dict[str, Any] = json.loads(f'{{"schemaVersion":{SCHEMA_VERSION},{_spliced(self)}}}')
        return data


@dataclass(frozen=True, slots=True)
class Commit:
    """A state, and the number under which the log has it."""

    number: int
    state: CheckpointState


_NESTED: dict[str, type] = {"components": ComponentCheckpoint, "attempts": AttemptSummary, "failure": Failure}
_ABSENT_WHEN_EMPTY = {"retries", "session", "leaves", "published", "code", "changedCode", "failureTraceback", "wrote"}


def _plain(value: Any) -> dict[str, Any]:
    return value.to_dict() if isinstance(value, (UnitKey, Claimant)) else dict(value)


_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain).encode


def utc_now() -> str:
    """Return the current time in the recorded form: ISO 8601, UTC, milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def encode(state: CheckpointState, number: int) -> bytes:
    """Return the bytes of a commit.

    :param number: number of the commit
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


# Map from field name to persisted name; computed once, since every commit needs the names for every component.
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
