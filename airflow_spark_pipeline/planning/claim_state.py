"""The state that an attempt records with its claim.

Pure, except for the generated ids. Skipped components keep the record of the attempt that completed them.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind
from airflow_spark_pipeline.checkpoint.claimant import Caller, to_record
from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.state import (
    DEFAULT_LEASE_SECONDS,
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    Commit,
    ComponentAction,
    ComponentCheckpoint,
    utc_now,
)
from airflow_spark_pipeline.pipeline.fingerprint import VERSION, fingerprint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning.early_end import EarlyEnd
from airflow_spark_pipeline.planning.held_parts import taken_over
from airflow_spark_pipeline.planning.plan import Plan
from airflow_spark_pipeline.planning.selection import Selection
from airflow_spark_pipeline.planning.step import Step, StepAction

_KEPT_ATTEMPTS = 50  # for display; the commits of a task with endless retries must not grow without limit
_WITHOUT = {StepAction.OMIT: ComponentAction.OMITTED, StepAction.DISABLE: ComponentAction.DISABLED}


def claim_state(
    spec: PipelineSpec,
    plan: Plan,
    decision: ClaimDecision,
    latest: Commit | None,
    *,
    key: UnitKey,
    caller: Caller | None,
    lease_seconds: float = DEFAULT_LEASE_SECONDS,
    selection: Selection | None = None,
) -> CheckpointState:
    """Return the state of the claim that follows ``latest``.

    :param decision: claim decision, to start or to resume
    :param selection: selection that the plan is based on
    """
    carried = latest.state if latest is not None and decision.kind is ClaimKind.RESUME else None
    number = 0 if latest is None else latest.number + 1
    attempt = 1 if carried is None else carried.attempt + 1
    run_id = make_run_id(unit_path(spec.pipeline_name, key), number)
    salt = uuid.uuid4().hex if carried is None else carried.fingerprint_salt
    now = utc_now()
    summary = AttemptSummary(attempt, run_id, now, skipped=tuple(step.name for step in plan.done))
    return CheckpointState(
        key=key,
        run_id=run_id,
        pipeline_name=spec.pipeline_name,
        status=CheckpointStatus.SUBMITTED,
        attempt=attempt,
        attempt_id=f"{attempt}-{uuid.uuid4().hex[:12]}",
        claim_number=number,
        nonce="",
        epoch=decision.epoch,
        started_at=now,
        updated_at=now,
        total_components=len(spec.components),
        completed_components=tuple(step.name for step in plan.done),
        components=tuple(_record(spec, step, carried, salt, plan.early_end) for step in plan.steps),
        attempts=(*(() if carried is None else carried.attempts), summary)[-_KEPT_ATTEMPTS:],
        resumed_from=plan.resumed_from,
        caller=to_record(caller, None if latest is None else latest.state.caller),
        fingerprint_salt=salt,
        lease_seconds=lease_seconds,
        selection=(selection or Selection()).to_dict(),
        kept_seconds=None if spec.checkpoint.keep_for_ms is None else spec.checkpoint.keep_for_ms / 1000,
        extra={} if carried is None else carried.extra,
    )


def _record(
    spec: PipelineSpec, step: Step, carried: CheckpointState | None, salt: str, end: EarlyEnd | None
) -> ComponentCheckpoint:
    component = spec.components[step.index]
    old = carried.component(step.name) if carried is not None else None
    if step.action in (StepAction.SKIP, StepAction.REPLAY) and old is not None:
        skipped = ComponentAction.SKIPPED
        kept = replace(old, index=step.index, action=skipped, reason=step.reason, changed_code=step.changed_code)
        finished = kept.finished if end is not None and end.component == step.name else None
        return replace(kept, tolerated=False, finished=finished)
    digests = fingerprint(component, salt)
    with_parts = old if old is not None and step.keeps_parts else None
    if with_parts is not None and VERSION in with_parts.fingerprint:
        digests[VERSION] = with_parts.fingerprint[VERSION]
    return ComponentCheckpoint(
        index=step.index,
        name=step.name,
        type=component.instance_type,
        action=_WITHOUT.get(step.action, ComponentAction.PENDING),
        reason=step.reason,
        fingerprint=digests,
        **({} if with_parts is None else taken_over(with_parts)),
    )
