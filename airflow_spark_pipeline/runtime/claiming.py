"""How a run outside Airflow gets its unit of work: a new one, or the one of a run that is to be resumed.

The command line and the programmatic API claim for themselves, right before they drive. A unit of Airflow's is gone on
with as a guest: what its task recorded of itself stays, so that the task's next try can report the success as its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.catalog import RunEntry, find_run, unfinished_runs
from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.key import UnitKey, parse_run_id, pipeline_slug, unit_path
from airflow_spark_pipeline.checkpoint.liveness import who_is_at_work
from airflow_spark_pipeline.checkpoint.log import Commit, RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.checkpoint.store import CheckpointStore
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    NothingToResumeError,
    RunAtWorkError,
    SparkPipelineError,
)
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Plan, Selection, claim_state, make_plan
from airflow_spark_pipeline.protocol import Token


class NothingLeftError(SparkPipelineError):
    """The run that was to be resumed has completed. A retry does not help; run the pipeline afresh.

    :param state: what it recorded last
    """

    retry_helps = False

    def __init__(self, state: CheckpointState) -> None:
        super().__init__(f"{state.run_id} has completed (attempt {state.attempt}); there is nothing to resume.")
        self.state = state


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work that a run outside Airflow works at."""

    key: UnitKey
    path: str

    @property
    def is_airflows(self) -> bool:
        """Whether it is a task instance's: its task cleans up once it knows of the success."""
        return bool(self.key.dag_id)


def fresh_unit(spec: PipelineSpec, namespace: str) -> Unit:
    """Return a unit that nobody else has."""
    key = UnitKey.fresh(namespace, spec.pipeline_name)
    return Unit(key, unit_path(spec.pipeline_name, key))


def unit_of(state: CheckpointState) -> Unit:
    """Return the unit that a state belongs to."""
    key = UnitKey.from_dict(state.key)
    return Unit(key, unit_path(state.pipeline_name, key))


def find_resumable(store: CheckpointStore, spec: PipelineSpec, run_id: str) -> CheckpointState:
    """Return what is recorded of the run of this id.

    :raises NothingToResumeError: there is no such run, it is another pipeline's, or it was discarded
    :raises RunAtWorkError: somebody is at work at it
    :raises CheckpointError: it cannot be read
    """
    path = _path(spec, run_id)
    entry = find_run(store, run_id)
    if entry is None:
        raise NothingToResumeError(f"There is no run {run_id} in {store.location}.", run_id=run_id)
    if entry.commit is None:
        raise entry.error or CheckpointError(f"{run_id} cannot be read", path=path)
    who = who_is_at_work(RunLog(store, path), entry.commit, lambda _: False)
    if who is not None:
        raise RunAtWorkError(f"Run {run_id} is at work: {who}. Stop it first, or wait for its end.", run_id=run_id)
    if entry.commit.state.status is CheckpointStatus.DISCARDED:
        raise NothingToResumeError(f"{run_id} was discarded; run the pipeline afresh.", run_id=run_id)
    return entry.commit.state


def _path(spec: PipelineSpec, run_id: str) -> str:
    try:
        path, _ = parse_run_id(run_id)
    except ValueError as error:
        raise NothingToResumeError(str(error), run_id=run_id) from None
    if path.partition("/")[0] != pipeline_slug(spec.pipeline_name):
        raise NothingToResumeError(
            f"{run_id} is no run of {spec.pipeline_name!r}: the pipeline's name is part of a run's identity.",
            run_id=run_id,
        )
    return path


def resumable_runs(store: CheckpointStore, pipeline_name: str | None = None) -> list[CheckpointState]:
    """Return the runs that can be resumed now, newest first: unfinished, readable, and nobody at work.

    :raises CheckpointError: the location cannot be listed
    """
    return _resumable(store, unfinished_runs(store, pipeline_name))


def _resumable(store: CheckpointStore, entries: Iterable[RunEntry]) -> list[CheckpointState]:
    # The lease of a driver that was killed on this machine need not run out first: its processes are gone.
    states = [
        entry.commit.state
        for entry in entries
        if entry.commit is not None
        and not (entry.alive and who_is_at_work(RunLog(store, entry.path), entry.commit, lambda _: False))
    ]
    return sorted(states, key=lambda state: state.started_at, reverse=True)


def last_unfinished(store: CheckpointStore, spec: PipelineSpec, namespace: str) -> CheckpointState | None:
    """Return the newest run that ``auto-resume`` takes over: of this pipeline and namespace, and none of Airflow's.

    :raises CheckpointError: a run of the pipeline cannot be read, and it may be the one
    """
    entries = list(unfinished_runs(store, spec.pipeline_name))
    for entry in entries:
        if entry.error is not None:
            raise entry.error
    for state in _resumable(store, entries):
        if state.key.get("namespace") == namespace and not state.key.get("dagId"):
            return state
    return None


def look(spec: PipelineSpec, latest: Commit | None, selection: Selection | None) -> tuple[ClaimDecision, Plan]:
    """Return what a claim would decide now.

    :raises NothingLeftError: the run has completed
    :raises ResumeRefusedError: what is recorded does not fit the description any more
    """
    state = None if latest is None else latest.state
    decision = decide_claim(state, None)
    if decision.kind is ClaimKind.REPORT and state is not None:
        raise NothingLeftError(state)
    plan = make_plan(spec, state if decision.kind is ClaimKind.RESUME else None, selection=selection)
    if plan.restart is not None:
        decision = ClaimDecision(ClaimKind.START, decision.epoch + 1, plan.restart)
    return decision, plan


def claim(
    log: RunLog, spec: PipelineSpec, unit: Unit, *, lease_seconds: float, selection: Selection | None = None
) -> Token:
    """Claim the unit; from here on no older attempt can record anything.

    :raises NothingLeftError: the run has completed
    :raises ResumeRefusedError: what is recorded does not fit the description any more
    :raises SupersededError: somebody else claimed it
    """

    def build(latest: Commit | None) -> CheckpointState:
        decision, plan = look(spec, latest, selection)
        served = latest.state.selection if latest is not None and decision.kind is ClaimKind.RESUME else None
        return claim_state(
            spec,
            plan,
            decision,
            latest,
            key=unit.key,
            caller=None,
            lease_seconds=lease_seconds,
            selection=selection if selection is not None else Selection.from_dict(served),
        )

    commit = log.claim(build)
    return Token(commit.number, commit.state.attempt_id, commit.state.nonce)
