"""Small stand-ins: a store in a dictionary, whose every operation can be made to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import seal, unseal
from airflow_spark_pipeline.checkpoint.encoding import encode
from airflow_spark_pipeline.checkpoint.heartbeat import write_heartbeat
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.checkpoint.stores.base import (
    CheckpointStore,
    ObjectExistsError,
    ObjectNotFoundError,
    StoredObject,
)

Fault = Callable[[str, str], None]

PIPELINE_NAME = "Test"
KEY = UnitKey("test", "", "run", "task")
#: The directory, and the id of the first run, of the states that :func:`make_state` makes.
UNIT = unit_path(PIPELINE_NAME, KEY)
RUN_ID = make_run_id(UNIT, 0)


def unit_of(name: str, pipeline_name: str = PIPELINE_NAME) -> str:
    """The directory of another unit, of the task of that name."""
    return unit_path(pipeline_name, key_of(name))


def key_of(name: str) -> UnitKey:
    return UnitKey("test", "", "run", name)


class DictStore(CheckpointStore):
    """A store in memory.

    ``before`` and ``after`` are called around each operation with its name and path; what they raise reaches the
    caller, ``after`` with the operation done: the answer was lost.
    """

    def __init__(self) -> None:
        super().__init__("dict://")
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, float] = {}
        self.clock = Clock()
        self.calls: list[tuple[str, str]] = []
        self.before: Fault = lambda operation, path: None
        self.after: Fault = lambda operation, path: None

    def list_objects(self, directory: str) -> list[StoredObject]:
        self._enter("list", directory)
        prefix = f"{directory}/"
        rests = [path[len(prefix) :] for path in list(self.objects) if path.startswith(prefix)]
        found = [StoredObject(rest, self.modified.get(prefix + rest, 0.0)) for rest in rests if "/" not in rest]
        self.after("list", directory)
        return found

    def list_directories(self, directory: str) -> list[str]:
        self._enter("list_directories", directory)
        prefix = f"{directory}/" if directory else ""
        found = {path[len(prefix) :].partition("/") for path in list(self.objects) if path.startswith(prefix)}
        return sorted({name for name, slash, _ in found if slash})

    def delete_tree(self, directory: str) -> None:
        self._enter("delete_tree", directory)
        for path in [path for path in list(self.objects) if path.startswith(f"{directory}/")]:
            del self.objects[path]
        self.after("delete_tree", directory)

    def read(self, path: str) -> bytes:
        self._enter("read", path)
        if path not in self.objects:
            raise ObjectNotFoundError(path, path=path)
        data = self.objects[path]
        self.after("read", path)
        return data

    def create(self, path: str, data: bytes) -> None:
        self._enter("create", path)
        if path in self.objects:
            raise ObjectExistsError(path, path=path)
        self.objects[path] = data
        self.modified[path] = self.clock()
        self.after("create", path)

    def write(self, path: str, data: bytes) -> None:
        self._enter("write", path)
        self.objects[path] = data
        self.modified[path] = self.clock()
        self.after("write", path)

    def delete(self, path: str) -> None:
        self._enter("delete", path)
        self.objects.pop(path, None)
        self.after("delete", path)

    def _enter(self, operation: str, path: str) -> None:
        self.calls.append((operation, path))
        self.before(operation, path)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def make_state(
    names: str = "abc",
    *,
    done: str = "",
    status: CheckpointStatus = CheckpointStatus.RUNNING,
    attempt: int = 1,
    attempt_id: str | None = None,
    unit: str | None = None,
    **changes: Any,
) -> CheckpointState:
    """A state of a pipeline whose components have one-letter names.

    :param done: the components that are done; all of them where the status is completed
    :param unit: the task of its key, where it is not that of :data:`UNIT`
    """
    done = names if status is CheckpointStatus.COMPLETED else done
    discarded = status is CheckpointStatus.DISCARDED
    pipeline_name = changes.get("pipeline_name", PIPELINE_NAME)
    key = changes.get("key") or (KEY if unit is None else key_of(unit))
    run_id = changes.get("run_id") or make_run_id(unit_path(pipeline_name, key), 0)
    values: dict[str, object] = {
        "key": key,
        "run_id": run_id,
        "pipeline_name": pipeline_name,
        "status": status,
        "attempt": attempt,
        "attempt_id": attempt_id or f"{attempt}-me",
        "claim_number": 0,
        "nonce": "nonce",
        "epoch": 0,
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "updated_at": "2026-01-01T00:00:00.000+00:00",
        "total_components": len(names),
        "completed_components": () if discarded else tuple(done),
        "components": () if discarded else tuple(_record(index, name, done) for index, name in enumerate(names)),
        "attempts": (AttemptSummary(attempt, run_id, "2026-01-01T00:00:00.000+00:00"),),
        "fingerprint_salt": "salt",
    }
    return CheckpointState(**{**values, **changes})


def as_attempt(state: CheckpointState, attempt: int, run_id: str) -> CheckpointState:
    """The state as the claim of a later attempt carries it over."""
    summary = AttemptSummary(attempt, run_id, state.started_at)
    return replace(
        state,
        attempt=attempt,
        attempt_id=f"{attempt}-other",
        run_id=run_id,
        attempts=(*state.attempts, summary),
    )


def heartbeat(**about: Any) -> bytes:
    """What a driver's heartbeat holds."""
    return write_heartbeat({"runId": RUN_ID, "attempt": 1, **about}, 60.0)


def resealed(state: CheckpointState, number: int = 0, **changes: Any) -> bytes:
    """A commit in which somebody changed members, and made the checksum anew."""
    return seal(json.dumps({**unseal(encode(state, number)), **changes})[1:-1])


def _record(index: int, name: str, done: str) -> ComponentCheckpoint:
    action = ComponentAction.RAN if name in done else ComponentAction.PENDING
    return ComponentCheckpoint(index, name, "m.C", action, attempt=1 if name in done else None)


def progressed(state: CheckpointState, done: str, **changes: Any) -> CheckpointState:
    """The state with these components done."""
    records = tuple(
        replace(record, action=ComponentAction.RAN, attempt=record.attempt or 1) if record.name in done else record
        for record in state.components
    )
    return replace(state, components=records, completed_components=tuple(done), **changes)


def with_done(state: CheckpointState, name: str) -> CheckpointState:
    """The state as a driver records it when one more component is done."""
    record = state.component(name)
    assert record is not None
    done = {*state.completed_components, name}
    *before, last = state.attempts
    return replace(
        state.with_component(replace(record, action=ComponentAction.RAN, attempt=state.attempt, duration_seconds=1.0)),
        completed_components=tuple(c.name for c in state.components if c.name in done),
        attempts=(*before, replace(last, ran=(*last.ran, name))),
    )
