"""Claims for runs outside Airflow: of a new unit of work, or of the unit of a run to resume.

The command line and the Python API claim the unit themselves, right before they start the driver. Before a resume they
wait while the last driver may still be running (``waiting``), and the claim is valid only if nothing was recorded
since. A unit that belongs to an Airflow task is resumed as a guest: the task's own record stays, so that the task's
next try can report the success as its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.catalog import find_run, unfinished_runs, units
from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.kept import is_kept
from airflow_spark_pipeline.checkpoint.key import UnitKey, number_of, parse_run_id, pipeline_slug, unit_path
from airflow_spark_pipeline.checkpoint.layout import ENDED, HISTORY
from airflow_spark_pipeline.checkpoint.liveness import describe_running
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import (
    CheckpointError,
    NothingToResumeError,
)
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import AlreadyCompletedError, CodeNow, Plan, Selection, claim_state, look_ahead
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.code_version import code_now
from airflow_spark_pipeline.secrets import mask_text

#: Returns the newest commit of a run as soon as no driver can be working on it, or raises ``StillRunningError``.
Wait = Callable[[RunLog, Commit], Commit]


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of work of a run outside Airflow."""

    key: UnitKey
    path: str

    @property
    def is_airflows(self) -> bool:
        """Whether the unit belongs to an Airflow task instance, which cleans up when it learns of the success."""
        return bool(self.key.dag_id)


def fresh_unit(spec: PipelineSpec, namespace: str) -> Unit:
    """Return a new, unique unit."""
    key = UnitKey.fresh(namespace, spec.pipeline_name)
    return Unit(key, unit_path(spec.pipeline_name, key))


def next_unit(store: CheckpointStore, spec: PipelineSpec, namespace: str) -> Unit:
    """Return the unit after those that are kept, for ``auto-resume``: two commands at one moment get the same one.

    One of them claims it, the other then finds it unfinished. Ask for it *before* :func:`last_unfinished`: a run that
    somebody starts in between is found by that, since the hint of a run is written before its claim. Asked afterwards,
    that run would count here, and a second one would start next to it.

    :raises CheckpointError: the location cannot be listed
    """
    pipeline = pipeline_slug(spec.pipeline_name)
    ended = (found.name for place in (HISTORY, ENDED) for found in store.list_objects(f"{pipeline}/{place}"))
    kept = (path.partition("/")[2] for path in units(store, pipeline))
    number = max(map(number_of, (*kept, *ended)), default=0) + 1
    key = UnitKey.numbered(namespace, spec.pipeline_name, number)
    return Unit(key, unit_path(spec.pipeline_name, key))


def unit_of(state: CheckpointState) -> Unit:
    """Return the unit that a state belongs to."""
    return Unit(state.key, unit_path(state.pipeline_name, state.key))


class MovedOnError(Exception):
    """Something was recorded after a run was read and before it was claimed: read it again."""


def find_resumable(store: CheckpointStore, spec: PipelineSpec, run_id: str, wait: Wait) -> Commit:
    """Return the newest commit of the run with this id, as soon as no driver can be working on it.

    :raises NothingToResumeError: there is no such run, it belongs to another pipeline, or it was discarded
    :raises StillRunningError: a driver is running in the unit
    :raises CheckpointError: the run cannot be read
    """
    path = _path(spec, run_id)
    entry = find_run(store, run_id)
    if entry is None:
        raise NothingToResumeError(
            f"No run {run_id} exists in {mask_text(store.location)}. Check the id and the location.", run_id=run_id
        )
    if entry.commit is None:
        raise entry.error or CheckpointError(f"{run_id} cannot be read", path=path)
    commit = wait(RunLog(store, path), entry.commit)
    if commit.state.status is CheckpointStatus.DISCARDED:
        raise NothingToResumeError(f"{run_id} was discarded; run the pipeline again to start over.", run_id=run_id)
    return commit


def _path(spec: PipelineSpec, run_id: str) -> str:
    try:
        path, _ = parse_run_id(run_id)
    except ValueError as error:
        raise NothingToResumeError(str(error), run_id=run_id) from None
    if path.partition("/")[0] != pipeline_slug(spec.pipeline_name):
        raise NothingToResumeError(
            f"{run_id} is not a run of {spec.pipeline_name!r}. Use the id of one of its runs; a renamed "
            "pipeline starts over.",
            run_id=run_id,
        )
    return path


def resumable_runs(store: CheckpointStore, pipeline_name: str | None = None) -> list[CheckpointState]:
    """Return the runs that can be resumed now, newest first: unfinished, readable, and without a running driver.

    :raises CheckpointError: the location cannot be listed
    """
    # No need to wait for the lease of a driver that was killed on this machine: its processes are gone.
    states = [
        entry.commit.state
        for entry in unfinished_runs(store, pipeline_name)
        if entry.commit is not None
        and not (entry.alive and describe_running(RunLog(store, entry.path), entry.commit, lambda _: False))
    ]
    return sorted(states, key=lambda state: state.started_at, reverse=True)


def last_unfinished(store: CheckpointStore, spec: PipelineSpec, namespace: str, wait: Wait) -> Commit | None:
    """Return the newest run that ``auto-resume`` takes over: of this pipeline and namespace, not one of Airflow's.

    If the driver of that run may be alive, this waits for it. The run is never skipped: its completed components must
    not run again.

    :raises StillRunningError: the driver of that run is alive
    :raises CheckpointError: a run of the pipeline cannot be read, and it may be the newest one
    """
    while True:
        entries = list(unfinished_runs(store, spec.pipeline_name))
        for entry in entries:
            if entry.error is not None:
                raise entry.error
        mine = [entry for entry in entries if entry.commit is not None and _is_own(entry.commit.state, namespace)]
        newest = max(mine, key=lambda entry: entry.commit.state.started_at, default=None)  # type: ignore[union-attr]  # read
        if newest is None or newest.commit is None:
            return None
        commit = wait(RunLog(store, newest.path), newest.commit)
        if commit.state.status not in (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED):
            return commit


def _is_own(state: CheckpointState, namespace: str) -> bool:
    return state.key.namespace == namespace and not state.key.dag_id


def decide(
    spec: PipelineSpec,
    latest: Commit | None,
    selection: Selection | None,
    components: Sequence[Component] | None = None,
) -> tuple[ClaimDecision, Plan]:
    """Return what a claim would decide now.

    :param components: components of the description, so that their code can be compared
    :raises AlreadyCompletedError: the run has completed
    :raises ResumeRefusedError: the recorded state no longer fits the description
    """
    state = None if latest is None else latest.state
    again = state is not None and is_kept(state) and selection is not None and selection.names_components
    decision = decide_claim(state, None, again=again)
    if decision.kind is ClaimKind.REPORT and state is not None:
        raise AlreadyCompletedError(state)

    def code(carried: CheckpointState) -> CodeNow:
        return {} if components is None else code_now(spec, components, carried.fingerprint_salt)

    outlook = look_ahead(spec, latest, decision, selection=selection, code_now=code)
    return outlook.decision, outlook.plan


def claim(
    log: RunLog,
    spec: PipelineSpec,
    unit: Unit,
    *,
    lease_seconds: float,
    selection: Selection | None = None,
    seen: Commit | None = None,
    components: Sequence[Component] | None = None,
) -> Token:
    """Claim the unit; from now on no older attempt can record anything.

    :param seen: newest commit at a time when no driver could be working on the unit; ``None`` for a new unit
    :raises MovedOnError: ``seen`` is no longer the newest commit
    :raises AlreadyCompletedError: the run has completed
    :raises ResumeRefusedError: the recorded state no longer fits the description
    :raises SupersededError: another process claimed the unit
    """

    def build(latest: Commit | None) -> CheckpointState:
        if (None if latest is None else latest.number) != (None if seen is None else seen.number):
            raise MovedOnError
        decision, plan = decide(spec, latest, selection, components)
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
