"""The outlook: what a claim would do now, that is, the claim decision and the resulting plan.

A task (``task/attempt.py``) and a run outside Airflow (``runtime/standalone/claiming.py``) both decide here, so that
they always agree. They differ only in what they reject before, which is in their own modules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.claim import ClaimDecision, ClaimKind
from airflow_spark_pipeline.checkpoint.state import CheckpointState, Commit
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning.changes import CodeNow
from airflow_spark_pipeline.planning.plan import Plan, make_plan
from airflow_spark_pipeline.planning.selection import Selection


class AlreadyCompletedError(SparkPipelineError):
    """The run has completed, maybe since it was last read: nothing is left to run or to claim.

    A retry does not help; start the pipeline from the beginning, or report the success.

    :param state: last recorded state of the run
    """

    retry_helps = False

    def __init__(self, state: CheckpointState) -> None:
        super().__init__(f"{state.run_id} has completed (attempt {state.attempt}); there is nothing to resume.")
        self.state = state


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a try would do now.

    :param latest: newest commit, or ``None`` if nothing is recorded
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
    """Return the outlook of a decision: its plan, and a start instead of a resume if the plan starts over.

    :param decision: result of :func:`decide_claim` for this commit
    :param selection: the user's selection by component name
    :param code_now: function that returns the code of the components; called only if progress is taken over
    :raises ResumeRefusedError: the recorded state no longer fits the description
    :raises SelectionError: the selection does not fit the description
    """
    carried = latest.state if latest is not None and decision.kind is ClaimKind.RESUME else None
    code = code_now(carried) if code_now is not None and carried is not None else None
    plan = make_plan(spec, carried, selection=selection, code=code)
    if plan.restart is not None:
        decision = ClaimDecision(ClaimKind.START, decision.epoch + 1, plan.restart)
    return Outlook(latest, decision, plan)
