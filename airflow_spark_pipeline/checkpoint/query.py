"""Run queries: which run a sensor or trigger waits for.

A query is plain data, so that a trigger can carry it. A :class:`Snapshot`, which many queries share, answers it. Runs
of another namespace are never found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey, pipeline_slug
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState

WaitFor = Literal["resumable", "completed", "ended"]

_RESUMABLE = frozenset({Standing.FAILED, Standing.DEAD})
_ENDED = frozenset({Standing.COMPLETED, Standing.DISCARDED})
_ACCEPTED: dict[WaitFor, frozenset[Standing]] = {
    "resumable": _RESUMABLE,
    "completed": frozenset({Standing.COMPLETED}),
    "ended": _RESUMABLE | _ENDED,
}
# The time of an ended run's hint is the store's, that of a commit is its writer's: clocks differ.
_CLOCKS_DIFFER = 300.0


@dataclass(frozen=True, slots=True)
class RunQuery:
    """The run to find; a field that is ``None`` matches any value.

    :param wait_for: ``resumable``: failed, or its driver died; ``completed``; ``ended``: either, or discarded
    :param namespace: namespace of the deployment
    :param run_id: run id of the DAG run
    :param since: earliest time at which the run reached this state, in seconds since 1970
    :param retrying: whether to include failed runs whose task has retries left, which Airflow will resume automatically
    :param component: name of a component: a run matches once it is done, whatever the run does; ``wait_for`` does not
        matter then, and ``since`` is compared with the end of the component
    """

    wait_for: WaitFor
    namespace: str
    pipeline_name: str | None = None
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    since: float | None = None
    retrying: bool = False
    component: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data; ``RunQuery(**data)`` is the same query."""
        return asdict(self)

    def find(self, snapshot: Snapshot) -> RunEntry | None:
        """Return the matching run, or ``None`` if there is none; if several match, the most recent one.

        :raises CheckpointError: the location cannot be listed, or the only matching unit cannot be read
        """
        candidates = list(self._candidates(snapshot))
        if self._key is not None and len(candidates) == 1 and candidates[0].error is not None:
            raise candidates[0].error.with_traceback(None)
        found = [run for run in candidates if self._accepts(run)]
        return max(found, key=lambda run: (run.since, run.path), default=None)

    def _candidates(self, snapshot: Snapshot) -> Iterator[RunEntry]:
        """Yield the runs that may match, unfinished ones first; a unit that was resumed is in both listings."""
        pipeline = None if self.pipeline_name is None else pipeline_slug(self.pipeline_name)
        open_units = snapshot.open_units(pipeline)
        runs = snapshot.runs(path for path in open_units if self._may_mean(path))
        if self.wait_for != "resumable" or self.component is not None:
            unfinished = set(open_units)
            for name in snapshot.pipelines() if pipeline is None else [pipeline]:
                ends = {
                    path: ended
                    for path, ended in snapshot.ended_units(name).items()
                    if path not in unfinished and self._may_mean(path) and self._since(ended + _CLOCKS_DIFFER)
                }
                runs += snapshot.all_ended(ends)
        return (run for run in runs if run is not None)

    @property
    def _key(self) -> UnitKey | None:
        """The unit's key, if the query determines it completely."""
        if self.dag_id is None or self.run_id is None or self.task_id is None or self.map_index is None:
            return None
        return UnitKey(self.namespace, self.dag_id, self.run_id, self.task_id, self.map_index)

    def _may_mean(self, path: str) -> bool:
        """Whether a directory's name may match, before anything in it is read."""
        return self._key is None or self._key.may_be_in(path.partition("/")[2])

    def _accepts(self, run: RunEntry) -> bool:
        commit = run.commit
        if self.component is not None and commit is not None:
            done_at = _done_at(commit.state, self.component)
            return done_at is not None and self._means(commit.state.key) and self._since(done_at)
        return (
            commit is not None
            and run.standing in _ACCEPTED[self.wait_for]
            and self._means(commit.state.key)
            and self._since(run.since)
            and (self.retrying or run.standing not in _RESUMABLE or not will_retry(commit.state))
        )

    def _means(self, key: UnitKey) -> bool:
        names = ("namespace", "dag_id", "run_id", "task_id", "map_index")
        return all(getattr(self, name) in (None, getattr(key, name)) for name in names)

    def _since(self, moment: float) -> bool:
        return self.since is None or moment >= self.since


def _done_at(state: CheckpointState, component: str) -> float | None:
    """Return when a component was done, in seconds since 1970, or ``None`` if it is not done."""
    record = state.component(component)
    if record is None or component not in state.completed_components:
        return None
    return datetime.fromisoformat(record.started_at or state.started_at).timestamp() + (record.duration_seconds or 0.0)


def will_retry(state: CheckpointState) -> bool:
    """Whether the task of a failed run has retries left, so that Airflow resumes it automatically."""
    if state.failure is not None and not state.failure.retry_helps:
        return False
    caller = state.caller or Claimant()
    return caller.try_number is not None and caller.max_tries is not None and caller.try_number <= caller.max_tries
