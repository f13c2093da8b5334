"""What a claim would do now: the decision, and the plan that follows from it.

Both sides decide here, so that they cannot drift apart: a task (``task/attempt.py``) and a run outside Airflow
(``runtime/standalone/claiming.py``). They differ in what they refuse before, which each of them says itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind
from airflow_spark_pipeline.checkpoint.state import CheckpointState, Commit
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning.changes import CodeNow
from airflow_spark_pipeline.planning.plan import Plan, make_plan
from airflow_spark_pipeline.planning.selection import Selection


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a try would do now.

    :param latest: the newest commit, ``None`` if nothing is recorded
    """

    latest: Commit | None
    decision: ClaimDecision
    plan: Plan


def look_ahead(
    spec: PipelineSpec,
    latest: Commit | None,
    decision: ClaimDecision,
    *,
    selection: Selection | None = None,
    code_now: Callable[[CheckpointState], CodeNow] | None = None,
) -> Outlook:
    """Return what follows from a decision: its plan, and a start instead of a resume if the plan begins anew.

    :param decision: of :func:`decide_claim`, about this commit
    :param selection: what the user asked for by component name
    :param code_now: asked for the code of the components if recorded progress is carried on
    :raises ResumeRefusedError: what is recorded does not fit the description any more
    :raises SelectionError: the selection does not fit the description
    """
    carried = latest.state if latest is not None and decision.kind is ClaimKind.RESUME else None
    code = code_now(carried) if code_now is not None and carried is not None else None
    plan = make_plan(spec, carried, selection=selection, code=code)
    if plan.restart is not None:
        decision = ClaimDecision(ClaimKind.START, decision.epoch + 1, plan.restart)
    return Outlook(latest, decision, plan)
