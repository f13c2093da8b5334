"""Histories of runs, written through real logs, for tests that read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, Commit, Failure
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from tests.fakes import make_state, progressed, with_done

_FAILURE = Failure("b", 1, "ConnectionError", "b cannot reach its source")


class History:
    """A pipeline of three components, ``a``, ``b`` and ``c``, in one DAG run.

    :param run_id: of the DAG run
    """

    def __init__(
        self, store: CheckpointStore, run_id: str = "r1", *, pipeline: str = "Test", tries_left: int = 0, **key: Any
    ) -> None:
        values: dict[str, Any] = {"namespace": "default", "dag_id": "etl", "task_id": "load", "map_index": -1, **key}
        self.key = UnitKey(run_id=run_id, **values)
        self.path = unit_path(pipeline, self.key)
        self.log = RunLog(store, self.path)
        self._pipeline = pipeline
        self._caller = Claimant(max_tries=2, retries=2, try_number=3 - tries_left)
        self.commit: Commit | None = None

    def submitted(self, attempt: int = 1) -> History:
        number = 0 if self.commit is None else self.commit.number + 1
        state = make_state(
            done="" if self.commit is None else "".join(self.commit.state.completed_components),
            status=CheckpointStatus.SUBMITTED,
            attempt=attempt,
            attempt_id=f"{attempt}-{number}",
            key=self.key,
            run_id=make_run_id(self.path, number),
            pipeline_name=self._pipeline,
            caller=self._caller,
        )
        self.commit = self.log.claim(lambda latest: state)
        return self

    def running(self) -> History:
        """Its driver is running ``b``; :meth:`beat` makes it alive."""
        self.submitted()
        return self._append("a", status=CheckpointStatus.RUNNING)

    def done(self, name: str) -> History:
        """Its driver has recorded one more component, as a change."""
        assert self.commit is not None
        self.commit = self.log.append(self.commit, with_done(self.commit.state, name))
        return self

    def beat(self) -> History:
        assert self.commit is not None
        self.log.store.write(f"{self.path}/hb-{self.commit.state.attempt_id}-1", b"{}")
        return self

    def failed(self, **failure: Any) -> History:
        self.running()
        return self._append("a", status=CheckpointStatus.FAILED, failure=replace(_FAILURE, **failure))

    def completed(self, *, retired: bool = True) -> History:
        self.running()
        self._append("abc", status=CheckpointStatus.COMPLETED, failure=None)
        if retired and self.commit is not None:
            self.log.retire(self.commit)
        return self

    @property
    def pipeline_run_id(self) -> str:
        assert self.commit is not None
        return self.commit.state.run_id

    def _append(self, done: str, **changes: Any) -> History:
        assert self.commit is not None
        self.commit = self.log.append(self.commit, progressed(self.commit.state, done, **changes))
        return self
