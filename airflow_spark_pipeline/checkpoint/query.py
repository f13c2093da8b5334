"""Which run somebody waits for.

A query is plain data, so that a trigger can carry it; what answers it is a :class:`Look`, which many queries share.
Runs of another namespace are never found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from airflow_spark_pipeline.checkpoint.key import UnitKey, pipeline_slug
from airflow_spark_pipeline.checkpoint.snapshot import Look, SeenRun
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
# A hint of an ended run has its time from the store, a commit from whoever wrote it: clocks differ.
_CLOCKS_DIFFER = 300.0


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which run is meant; what is ``None`` may be anything.

    :param wait_for: ``resumable``: failed, or its driver died; ``completed``; ``ended``: either, or discarded
    :param namespace: of the deployment
    :param run_id: the DAG run's
    :param since: the run stands so since this moment or later, in seconds since 1970
    :param retrying: take also a failed run whose own task has tries left, with which Airflow will go on by itself
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, of which ``RunQuery(**data)`` is the same query."""
        return asdict(self)

    def find(self, look: Look) -> SeenRun | None:
        """Return the run that is meant: of several the one that got there last; ``None`` while there is none.

        :raises CheckpointError: the location cannot be listed, or the only unit that is meant cannot be read
        """
        candidates = list(self._candidates(look))
        if self._key is not None and len(candidates) == 1 and candidates[0].entry.error is not None:
            raise candidates[0].entry.error.with_traceback(None)
        found = [run for run in candidates if self._accepts(run)]
        return max(found, key=lambda run: (run.since, run.entry.path), default=None)

    def _candidates(self, look: Look) -> Iterator[SeenRun]:
        """Give the runs that may be meant, unfinished ones first; a unit that goes on again is in both listings."""
        pipeline = None if self.pipeline_name is None else pipeline_slug(self.pipeline_name)
        open_units = look.open_units(pipeline)
        runs = [look.run(path) for path in open_units if self._may_mean(path)]
        if self.wait_for != "resumable":
            unfinished = set(open_units)
            for name in look.pipelines() if pipeline is None else [pipeline]:
                runs += [
                    look.ended(path, ended)
                    for path, ended in look.ended_units(name).items()
                    if path not in unfinished and self._may_mean(path) and self._since(ended + _CLOCKS_DIFFER)
                ]
        return (run for run in runs if run is not None)

    @property
    def _key(self) -> UnitKey | None:
        """The unit's key, where the query leaves nothing of it open."""
        if self.dag_id is None or self.run_id is None or self.task_id is None or self.map_index is None:
            return None
        return UnitKey(self.namespace, self.dag_id, self.run_id, self.task_id, self.map_index)

    def _may_mean(self, path: str) -> bool:
        """Whether a directory's name allows that the unit is meant, before anything of it is read."""
        return self._key is None or self._key.may_be_in(path.partition("/")[2])

    def _accepts(self, run: SeenRun) -> bool:
        commit = run.entry.commit
        return (
            commit is not None
            and run.standing in _ACCEPTED[self.wait_for]
            and self._means(commit.state.key)
            and self._since(run.since)
            and (self.retrying or run.standing not in _RESUMABLE or not will_retry(commit.state))
        )

    def _means(self, key: Any) -> bool:
        wanted = {
            "namespace": self.namespace,
            "dagId": self.dag_id,
            "runId": self.run_id,
            "taskId": self.task_id,
            "mapIndex": self.map_index,
        }
        return all(key.get(name) == value for name, value in wanted.items() if value is not None)

    def _since(self, moment: float) -> bool:
        return self.since is None or moment >= self.since


def will_retry(state: CheckpointState) -> bool:
    """Whether the task of a failed run has tries left, so that Airflow goes on with it by itself."""
    if state.failure is not None and not state.failure.retry_helps:
        return False
    caller = state.caller or {}
    return "tryNumber" in caller and bool(caller["tryNumber"] <= caller["maxTries"])
