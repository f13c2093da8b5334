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
``decidedOn``                 the end that the attempt's claim follows: ``number``, ``nonce``; absent if it follows none
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
``keptSeconds``               how long the run is kept after it has completed; absent if it is not
``selection``                 the user's selection by component name (startFrom, stopAfter, only, force), or null
============================  ========================================================================================
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.user_errors.headline import headline_of

BASE_VERSION = 2  # schema version of a commit that holds the whole state
SCHEMA_VERSION = 3  # the newest: that of a commit that holds changes
DEFAULT_LEASE_SECONDS = 60.0


class CheckpointStatus(str, enum.Enum):
    """The status of an attempt in a commit. It does not tell whether a *running* attempt is alive."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    FAILED = "failed"
    COMPLETED = "completed"
    DISCARDED = "discarded"


#: States that only a new claim follows.
ENDED_STATUSES = (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED)


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


# These are without slots: ``encoding`` keeps the text of each record, and a state keeps an index of its records.


@dataclass(frozen=True)
class ComponentCheckpoint:
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
    :param finished: why the component finished the run early; absent in JSON if it did not
    :param parts: keys of its parts that are done, in the order in which they were recorded, until it is done itself;
        absent in JSON if there are none
    :param part_counts: how many parts it has (``total``), and how many of them earlier attempts (``skipped``) and this
        one (``run``) did; absent in JSON if it has none
    :param part_seconds: seconds that these parts took, as ``skipped`` and ``run``; absent in JSON if it has none
    :param code: code of the component's class and of the user's modules that it imports: map from file to keyed digest;
        ``planning`` compares it; absent in JSON if the code is not known
    :param changed_code: files of ``code`` that had changed when an attempt skipped the component; absent in JSON if
        there are none
    :param wrote: what the component wrote: map from URI to facts about it, for Airflow's asset events; absent in JSON
        if it said nothing
    :param tolerated: whether the run can complete although this component failed, or was not run because one that it
        depends on failed: ``optional`` in the description; absent in JSON if not
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
    finished: str | None = None
    parts: tuple[str, ...] = ()
    part_counts: Mapping[str, int] = field(default_factory=dict)
    part_seconds: Mapping[str, float] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    changed_code: tuple[str, ...] = ()
    tolerated: bool = False
    failure_traceback: str | None = None
    wrote: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
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
        """The error in one line."""
        return headline_of(self.error_type, self.message)


@dataclass(frozen=True)
class AttemptSummary:
    """What an attempt did; only for display, never for deciding what runs."""

    attempt: int
    run_id: str
    started_at: str
    ran: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: str | None = None
    error: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
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
    decided_on: Mapping[str, Any] | None = None
    kept_seconds: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last_checkpointed_index(self) -> int:
        """Highest index of a completed component, -1 for none."""
        done = set(self.completed_components)
        return max((c.index for c in self.components if c.name in done), default=-1)

    @property
    def all_done(self) -> bool:
        """Whether all components are done, except those left out, and optional ones that failed."""
        done, left_out = set(self.completed_components), (ComponentAction.OMITTED, ComponentAction.DISABLED)
        return all(c.name in done or c.action in left_out or c.tolerated for c in self.components)

    def component(self, name: str) -> ComponentCheckpoint | None:
        """Return the record of the component with this name, or ``None``."""
        return self._by_name.get(name)

    @functools.cached_property
    def _by_name(self) -> dict[str, ComponentCheckpoint]:
        return {record.name: record for record in self.components}

    def with_component(self, record: ComponentCheckpoint, **changes: Any) -> CheckpointState:
        """Return a copy of the state in which this record replaces the one with the same index.

        :param changes: other fields to change
        """
        components = (*self.components[: record.index], record, *self.components[record.index + 1 :])
        return replace(self, components=components, **changes)


@dataclass(frozen=True)  # without slots, so that what is computed once can be cached
class Base:
    """A commit that holds the whole state, and that later ones may refer to.

    :param number: number of the commit
    :param state: its state
    """

    number: int
    state: CheckpointState

    @functools.cached_property
    def indexes(self) -> dict[str, int]:
        """Map from the name of each component to its index."""
        return {record.name: record.index for record in self.state.components}

    @functools.cached_property
    def texts(self) -> dict[int, tuple[ComponentCheckpoint, str]]:
        """What was written of changed records, by index: most are the same in the next commit."""
        return {}


@dataclass(frozen=True, slots=True)
class Commit:
    """A state, and the number under which the log has it.

    :param base: base of the commit: itself if it holds the whole state, or the one whose changes it holds; ``None`` if
        the next commit has to be a base
    """

    number: int
    state: CheckpointState
    base: Base | None = field(default=None, compare=False, repr=False)


def utc_now() -> str:
    """Return the current time in the recorded form: ISO 8601, UTC, milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
