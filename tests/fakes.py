"""Small stand-ins that behave: a store in a dictionary whose every operation can be made to go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.checkpoint.store import (
    CheckpointStore,
    ObjectExistsError,
    ObjectNotFoundError,
    StoredObject,
)

Fault = Callable[[str, str], None]


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
        rests = [path[len(prefix) :] for path in self.objects if path.startswith(prefix)]
        found = [StoredObject(rest, self.modified.get(prefix + rest, 0.0)) for rest in rests if "/" not in rest]
        self.after("list", directory)
        return found

    def list_directories(self, directory: str) -> list[str]:
        self._enter("list_directories", directory)
        prefix = f"{directory}/" if directory else ""
        found = {path[len(prefix) :].partition("/") for path in self.objects if path.startswith(prefix)}
        return sorted({name for name, slash, _ in found if slash})

    def delete_tree(self, directory: str) -> None:
        self._enter("delete_tree", directory)
        for path in [path for path in self.objects if path.startswith(f"{directory}/")]:
            del self.objects[path]
        self.after("delete_tree", directory)

    def read(self, path: str) -> bytes:
        self._enter("read", path)
        if path not in self.objects:
            raise ObjectNotFoundError(path, path=path)
        self.after("read", path)
        return self.objects[path]

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
    attempt_id: str = "1-me",
    **changes: Any,
) -> CheckpointState:
    """A state of a pipeline whose components have one-letter names."""
    values: dict[str, object] = {
        "key": {"namespace": "test"},
        "run_id": "p~u~0",
        "pipeline_name": "Test",
        "status": status,
        "attempt": attempt,
        "attempt_id": attempt_id,
        "claim_number": 0,
        "nonce": "nonce",
        "epoch": 0,
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "updated_at": "2026-01-01T00:00:00.000+00:00",
        "total_components": len(names),
        "completed_components": tuple(done),
        "components": tuple(
            ComponentCheckpoint(index, name, "m.C", attempt=1 if name in done else None)
            for index, name in enumerate(names)
        ),
        "attempts": (AttemptSummary(attempt, "p~u~0", "2026-01-01T00:00:00.000+00:00"),),
        "fingerprint_salt": "salt",
    }
    return CheckpointState(**{**values, **changes})
