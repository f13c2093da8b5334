"""Every single request below fsspec fails once, before and after it took effect, in turn, for a whole run.

The simulation beside this file puts its faults into a store; here they are where a client library has them, so that the
translation of its errors is part of what is shown.
"""

from __future__ import annotations

import errno
import uuid
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.object_store import FsspecStore
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.protocol import EXIT_COMPLETED, DriverRequest
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.driver import components_and_hooks as ready
from airflow_spark_pipeline.runtime.driver import main
from airflow_spark_pipeline.runtime.spark import starting
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.sparkless import FakeSpark

_REQUESTS = ("ls", "cat_file", "pipe_file", "rm_file", "rm")
_KEY = UnitKey("test", "dag", "run", "task")


class Note(Component):
    """Notes that it ran."""

    ran: ClassVar[list[str]] = []

    def run(self, spark: Any) -> None:
        self.ran.append(self.context.component_name)


class _Faulty:
    """A file system whose n-th request fails."""

    def __init__(self, inner: Any, faults: _Faults) -> None:
        self._inner = inner
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        return self._faults.around(method) if name in _REQUESTS else method


class _Faults:
    def __init__(self, failing: int | None, *, after: bool) -> None:
        self.count = 0
        self.failing = failing
        self._after = after

    def around(self, method: Any) -> Any:
        def request(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            fails = self.count == self.failing
            if fails and not self._after:
                raise OSError(errno.EIO, "reset before it took effect")
            answer = method(*args, **kwargs)
            if fails:
                raise OSError(errno.EIO, "reset, and the answer is lost")
            return answer

        return request


@pytest.fixture(autouse=True)
def fake_spark(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(starting, "open_session", lambda config: FakeSpark())
    Note.ran.clear()
    yield
    Note.ran.clear()


def _whole_run(faults: _Faults, monkeypatch: pytest.MonkeyPatch) -> int:
    """Claim, drive and retire, as the operator does. Returns how many requests that took."""
    opened = FsspecStore._open
    monkeypatch.setattr(FsspecStore, "_open", lambda store: _Faulty(opened(store), faults))
    components = tuple(
        ComponentSpec(f"{__name__}.Note", name, {}, f"pipeline.pipeline-components[{index}]")
        for index, name in enumerate("ab")
    )
    spec = PipelineSpec("Faults", components)
    location, unit = f"memory://{uuid.uuid4().hex}", unit_path("Faults", _KEY)
    monkeypatch.setattr(ready, "load_components", lambda specs: [Note() for _ in specs])
    attempt = TaskAttempt(spec, RunLog(open_store(location), unit), _KEY, Caller(1, 1, 1, "id"), auto_resume=True)
    attempt.decide()
    request = DriverRequest(spec.to_dict(), location, unit=unit, token=attempt.claim())
    assert main.drive(request) == EXIT_COMPLETED
    assert attempt.outcome().completed_components == ("a", "b")
    attempt.retire(keep_history=True)
    requests, faults.failing = faults.count, None
    left = [found.name for found in open_store(location).list_objects(unit)]
    assert len(left) == 1, left  # the tombstone
    return requests


def _requests_of_a_run() -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starting, "open_session", lambda config: FakeSpark())
        return _whole_run(_Faults(None, after=False), patch)


@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after"])
def test_each_request_of_a_run_may_fail_once_and_nothing_is_lost_or_done_twice(
    after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = _requests_of_a_run()
    assert requests > 20
    for failing in range(1, requests + 1):
        Note.ran.clear()
        with monkeypatch.context() as patch:
            _whole_run(_Faults(failing, after=after), patch)
        assert Note.ran == ["a", "b"], f"request {failing} of {requests}"
