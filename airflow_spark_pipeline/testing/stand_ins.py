"""Mocks for the tests of platforms: Airflow's task instance and state store, and a driver without Spark."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.staged import split_url
from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    Commit,
    ComponentAction,
    Failure,
)
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.protocol import DriverRequest


class WorkerKilledError(BaseException):
    """The worker was killed at this moment: no code of the task runs after it."""


@dataclass
class TaskInstance:
    """The parts of Airflow's task instance that the operator reads."""

    task: Any
    try_number: int
    max_tries: int
    dag_id: str = "contract"
    run_id: str = "manual__2026-01-31"
    task_id: str = "etl"
    map_index: int = -1
    stats_tags: dict[str, str] = field(default_factory=dict)

    def get_ti_count(self, **_: Any) -> int:
        """Return how many other task instances are running: none."""
        return 0

    def xcom_push(self, key: str, value: Any) -> None:
        """Accept what an operator pushes in addition to its result."""


@dataclass
class StateStore:
    """Airflow's task state store of one task instance.

    :param dies_at: the worker is killed when this key is written
    """

    values: dict[str, Any] = field(default_factory=dict)
    dies_at: str | None = None

    def get(self, key: str) -> Any:
        """Return a value, or ``None``."""
        return self.values.get(key)

    def set(self, key: str, value: Any, **_: Any) -> None:
        """Keep a value."""
        if key == self.dies_at:
            self.dies_at = None
            raise WorkerKilledError
        self.values[key] = value

    def delete(self, key: str) -> None:
        """Forget a value."""
        self.values.pop(key, None)


class StandInDriver:
    """Does what the launcher does with its arguments, without Spark: it answers through the log.

    :param url: URL of the request
    :param request: the request
    """

    def __init__(self, url: str, request: DriverRequest, log: RunLog, commit: Commit) -> None:
        self.url = url
        self.request = request
        self._log = log
        self._heartbeat = f"{request.unit}/hb-{commit.state.attempt_id}"
        self._commit = commit

    @classmethod
    def started(cls, arguments: list[str]) -> StandInDriver:
        """Return a driver that has read its request, and has recorded that it runs.

        :param arguments: arguments of the job's main file
        :raises ObjectNotFoundError: the request is gone
        :raises SupersededError: another attempt has claimed the unit of work
        """
        location, name = split_url(arguments[1])
        request = DriverRequest.from_json(open_store(location).read(name).decode())
        token = request.token
        if token is None:
            raise ValueError("the request holds no token")
        log = RunLog(open_store(request.location), request.unit)
        driver = cls(arguments[1], request, log, log.adopt(token.number, token.attempt_id, token.nonce))
        driver.begin()
        return driver

    def begin(self) -> None:
        """Write the first heartbeat, and record that the driver runs."""
        self._log.store.write(self._heartbeat, b"{}")
        self._commit = self._log.append(self._commit, replace(self._commit.state, status=CheckpointStatus.RUNNING))

    def run(self, *, fails_at: str | None = None) -> None:
        """Run what is not done, to the end."""
        for component in self._commit.state.components:
            if component.name in self._commit.state.completed_components:
                continue
            if component.name == fails_at:
                failure = Failure(component.name, component.index, "OSError", "disk full")
                self._end(replace(self._commit.state, status=CheckpointStatus.FAILED, failure=failure))
                return
            self._commit = self._done(component.name)
        self._end(replace(self._commit.state, status=CheckpointStatus.COMPLETED))

    def run_one(self) -> None:
        """Run the first component that is not done."""
        state = self._commit.state
        name = next(c.name for c in state.components if c.name not in state.completed_components)
        self._commit = self._done(name)

    def vanish(self) -> None:
        """Die, and be dead for longer than the lease."""
        self._log.store.delete(self._heartbeat)

    def _done(self, name: str) -> Commit:
        state = self._commit.state
        record = state.component(name)
        if record is None:
            raise ValueError(name)
        ran = replace(record, action=ComponentAction.RAN, attempt=state.attempt, duration_seconds=1.0)
        done = (*state.completed_components, name)
        return self._log.append(self._commit, replace(state.with_component(ran), completed_components=done))

    def _end(self, state: CheckpointState) -> None:
        self._log.append(self._commit, state)
        self.vanish()
        location, name = split_url(self.url)
        open_store(location).delete(name)
