"""Airflow's task state store, as one try uses it: each call is a request for which the task waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_spark_pipeline.deployment.task_state import TaskState
from tests.airflows import needs_store


@dataclass
class Store:
    """Airflow's store, which notes each request."""

    values: dict[str, Any] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def get(self, key: str) -> Any:
        self.requests.append(f"get {key}")
        return self.values.get(key)

    def set(self, key: str, value: Any, **how: Any) -> None:
        self.requests.append(" ".join(["set", key, *how]))
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.requests.append(f"delete {key}")
        self.values.pop(key, None)


@pytest.mark.parametrize("value", ["x", None])
def test_an_entry_is_read_once(value: str | None) -> None:
    store = Store({} if value is None else {"a": value})
    state = TaskState(store)
    assert [state.get("a"), state.get("a")] == [value, value]
    assert store.requests == ["get a"]


def test_what_was_stored_is_not_read_again() -> None:
    store = Store()
    state = TaskState(store)
    state.set("a", "x")
    assert state.get("a") == "x"
    state.delete("a")
    assert state.get("a") is None
    assert store.requests == ["set a", "delete a"]


def test_an_entry_that_is_known_to_be_absent_is_not_deleted() -> None:
    store = Store()
    state = TaskState(store)
    state.get("a")
    state.delete("a")
    state.delete("b")  # it may be there
    assert store.requests == ["get a", "delete b"]


def test_after_a_lost_answer_an_entry_is_read_again() -> None:
    class Lossy(Store):
        """A store whose writes take effect, and whose answers are lost."""

        def set(self, key: str, value: Any, **how: Any) -> None:
            super().set(key, value, **how)
            raise ConnectionError(key)

        def delete(self, key: str) -> None:
            super().delete(key)
            raise ConnectionError(key)

    state = TaskState(Lossy())
    assert state.get("a") is None
    with pytest.raises(ConnectionError):
        state.set("a", "x")
    assert state.get("a") == "x"
    with pytest.raises(ConnectionError):
        state.delete("a")
    assert state.get("a") is None


@needs_store
def test_an_entry_can_be_kept_forever() -> None:
    store = Store()
    TaskState(store).set("a", "x", forever=True)
    assert store.requests == ["set a retention"]


def test_without_a_store_nothing_is_kept() -> None:
    state = TaskState.of({})  # as in the context of an older Airflow
    state.set("a", "x", forever=True)
    state.delete("a")
    assert state.get("a") is None
    assert not state.exists
