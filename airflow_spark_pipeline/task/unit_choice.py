"""Chooses the unit of work of a try: its own, that of a run id, or the pipeline's last failed one.

With the default scope ``dag_run``, a task instance only resumes itself. With ``pipeline``, a task instance without a
record looks for the newest unfinished run of the pipeline in the same namespace, unless a driver is running in that run
or a retry of its task will resume it. Airflow's task state store remembers the run that was chosen, so that the retries
resume the same one. If Airflow forgets it, as a clear does since 3.4, the log of that run still names the task instance
that claimed it last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.catalog import find_run, unfinished_runs
from airflow_spark_pipeline.checkpoint.claim import ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.claimant import Caller, claimer, is_claim_of
from airflow_spark_pipeline.checkpoint.key import UnitKey, parse_run_id, pipeline_slug, unit_path
from airflow_spark_pipeline.checkpoint.liveness import describe_running
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.snapshot import Snapshot
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.deployment.task_instance import remembered_run, task_is
from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.exceptions import NothingToResumeError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.task.try_arguments import Arguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_ENDED_LOOKED_AT = 100  # two requests for each


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """The unit of work that a try works on.

    :param unit: directory of the unit, relative to the location
    :param caller: what the claim records of this try
    :param run_id: id of the run that must exist; ``None`` if the unit may be a new one
    """

    unit: str
    caller: Caller
    run_id: str | None = None


def choose_unit(
    arguments: Arguments,
    context: Context,
    task_state: TaskState,
    spec: PipelineSpec,
    store: CheckpointStore,
    key: UnitKey,
    caller: Caller,
) -> UnitChoice:
    """Return the unit of a try, by the operator's arguments.

    :param caller: what Airflow knows of this try
    :raises NothingToResumeError: the run to resume does not belong to this pipeline, or the file turns checkpoints off
    :raises CheckpointError: the store could not answer
    """
    if arguments.resume_run_id:
        if not spec.checkpoint.enabled:
            raise NothingToResumeError(
                "resume_run_id needs checkpoints, but checkpoint.enabled is false. Remove one of the two.",
                run_id=arguments.resume_run_id,
            )
        return by_run_id(arguments.resume_run_id, spec.pipeline_name, key, caller)
    if arguments.resume_scope == "dag_run" or not spec.checkpoint.auto_resume:
        return UnitChoice(unit_path(spec.pipeline_name, key), caller)
    return of_pipeline(
        store,
        spec.pipeline_name,
        key,
        caller,
        remembered=remembered_run(task_state),
        is_active=task_is(context, or_will_retry=False),
        will_retry=task_is(context, or_will_retry=True),
    )


def by_run_id(run_id: str, pipeline_name: str, key: UnitKey, caller: Caller) -> UnitChoice:
    """Return the unit of a run id.

    :raises NothingToResumeError: it is not a run id, or it belongs to another pipeline; the store was not read
    """
    try:
        unit, _ = parse_run_id(run_id)
    except ValueError as error:
        raise NothingToResumeError(f"resume_run_id: {error}", run_id=run_id) from None
    if unit.partition("/")[0] != pipeline_slug(pipeline_name):
        raise NothingToResumeError(
            f"Cannot resume {run_id}: it is not a run of {pipeline_name!r}. Use the id of a run of this pipeline.",
            run_id=run_id,
        )
    if unit == unit_path(pipeline_name, key):
        return UnitChoice(unit, caller, run_id)
    return UnitChoice(unit, replace(caller, guest=key), run_id)


def of_pipeline(
    store: CheckpointStore,
    pipeline_name: str,
    key: UnitKey,
    caller: Caller,
    *,
    remembered: str | None,
    is_active: Callable[[UnitKey], bool],
    will_retry: Callable[[UnitKey], bool],
) -> UnitChoice:
    """Return the unit of a try with the scope ``pipeline``.

    :param remembered: id of the run that an earlier try of this task instance took
    :param is_active: whether Airflow runs, or is about to run, the task instance of a key
    :param will_retry: whether Airflow will retry that task instance automatically
    :raises CheckpointError: the store could not answer
    """
    own = UnitChoice(unit_path(pipeline_name, key), caller)
    latest = RunLog(store, own.unit).latest()
    if latest is not None and decide_claim(latest.state, caller).kind is not ClaimKind.START:
        return own
    guest = replace(caller, guest=key)
    before = _taken_before(store, remembered, own.unit, guest)
    if before is None and caller.try_number > 1:
        before = _claimed_before(store, pipeline_name, guest, ended=latest is None)
    if before is not None:
        # A clear after its success starts the task over, in its own log.
        cleared = decide_claim(before.state, guest).kind is ClaimKind.START
        return own if cleared else UnitChoice(parse_run_id(before.state.run_id)[0], guest, before.state.run_id)
    if latest is not None:
        return own  # cleared or discarded: the user wants it from the start
    found = [
        entry.commit
        for entry in unfinished_runs(store, pipeline_name)
        if entry.commit is not None and not entry.alive and entry.commit.state.key.namespace == key.namespace
    ]
    for commit in sorted(found, key=lambda commit: commit.state.updated_at, reverse=True):
        state = commit.state
        unit, _ = parse_run_id(state.run_id)
        theirs = claimer(state.key, state.caller)
        left_alone = bool(theirs.dag_id) and will_retry(theirs)
        if not left_alone and describe_running(RunLog(store, unit), commit, is_active) is None:
            return UnitChoice(unit, guest, state.run_id)
    return own


def _taken_before(store: CheckpointStore, remembered: str | None, own: str, guest: Caller) -> Commit | None:
    """Return the newest commit of the unit that an earlier try took, unless others claimed or discarded it since."""
    if remembered is None:
        return None
    entry = find_run(store, remembered) if parse_run_id(remembered)[0] != own else None
    if entry is None or entry.commit is None:
        return None
    return entry.commit if _is_mine(entry.commit.state, guest) else None


def _claimed_before(store: CheckpointStore, pipeline_name: str, guest: Caller, *, ended: bool) -> Commit | None:
    """Return the newest commit of the unit whose newest claim an earlier try of this task instance made.

    :param ended: whether to read the last few runs that ended as well, so that a success is not overlooked
    """
    found = [entry.commit for entry in unfinished_runs(store, pipeline_name) if entry.commit is not None]
    if ended:
        snapshot = Snapshot(store)
        units = snapshot.ended_units(pipeline_slug(pipeline_name))
        newest = sorted(units, key=lambda path: units[path], reverse=True)[:_ENDED_LOOKED_AT]
        found += [run.commit for run in snapshot.runs(newest) if run is not None and run.commit is not None]
    mine = [commit for commit in found if _is_mine(commit.state, guest)]
    return max(mine, key=lambda commit: commit.state.updated_at, default=None)


def _is_mine(state: CheckpointState, guest: Caller) -> bool:
    return state.status is not CheckpointStatus.DISCARDED and is_claim_of(guest, state.caller)
