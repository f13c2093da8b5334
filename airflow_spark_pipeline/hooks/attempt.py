"""One try of a task at its unit of work, as the Airflow side sees it: look, claim, and tell what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.claim import Caller, ClaimDecision, ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.lease import DEFAULT_LEASE_SECONDS
from airflow_spark_pipeline.checkpoint.log import Commit, RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.exceptions import CheckpointError, ComponentFailedError, SparkPipelineError, SupersededError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Plan, claim_state, make_plan, seconds_saved, summarize
from airflow_spark_pipeline.protocol import Token


class CompletedMeanwhileError(SparkPipelineError):
    """An orphaned driver completed the pipeline after this try had looked: nothing is left to run, or to claim."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a try would do now.

    :param latest: the newest commit, ``None`` where nothing is recorded
    """

    latest: Commit | None
    decision: ClaimDecision
    plan: Plan


class TaskAttempt:
    """One try.

    :param log: of the unit of work
    :param auto_resume: carry on what an earlier try recorded
    :param lease_seconds: after which this try's driver is taken for dead where it shows no sign of life
    """

    def __init__(
        self,
        spec: PipelineSpec,
        log: RunLog,
        key: UnitKey,
        caller: Caller | None,
        *,
        auto_resume: bool,
        lease_seconds: float = DEFAULT_LEASE_SECONDS,
    ) -> None:
        self._spec = spec
        self._log = log
        self._key = key
        self._caller = caller
        self._auto_resume = auto_resume
        self._lease_seconds = lease_seconds
        self._seen: Commit | None = None
        self._claimed: Commit | None = None

    def look(self) -> Outlook:
        """Decide what this try does, without claiming anything.

        :raises SupersededError: a newer try is at work
        :raises ResumeRefusedError: what is recorded does not fit the description any more
        """
        self._seen = self._log.latest()
        return self._outlook(self._seen)

    def claim(self) -> Token:
        """Claim the unit; from here on no older attempt can record anything.

        :raises SupersededError: a newer try is at work
        :raises CompletedMeanwhileError: there is nothing left to run
        """
        self._claimed = self._log.claim(self._claim_state)
        state = self._claimed.state
        return Token(self._claimed.number, state.attempt_id, state.nonce)

    def outcome(self, exit_code: int | None = None) -> CheckpointState:
        """Return the state of this attempt, which is completed.

        :param exit_code: of spark-submit, where it is known; it only helps to say how a driver died
        :raises ComponentFailedError: it is not
        :raises SupersededError: the newest commit is another attempt's
        """
        latest = self._log.latest()
        if latest is None:
            raise CheckpointError("The checkpoint log of this task is gone.", path=self._log.path)
        state = latest.state
        if self._claimed is not None and state.attempt_id != self._claimed.state.attempt_id:
            raise SupersededError(
                f"This attempt was superseded by attempt {state.attempt} (run {state.run_id}).", by=state.run_id
            )
        if state.status is not CheckpointStatus.COMPLETED:
            retry_helps = state.failure is None or state.failure.retry_helps
            died = _how_it_died(exit_code) if state.status is CheckpointStatus.RUNNING else ""
            raise ComponentFailedError(summarize(state) + died, retry_helps=retry_helps)
        return state

    def driver_recorded(self) -> bool:
        """Whether a driver has recorded anything since this try looked: its words say more than spark-submit's."""
        latest = self._log.latest()
        if latest is None or (self._seen is not None and latest.number <= self._seen.number):
            return False
        return latest.state.status is not CheckpointStatus.SUBMITTED

    def retire(self, *, keep_history: bool) -> None:
        """Clean up after success; the last commit stays.

        :raises CheckpointError: something could not be deleted; the success stands
        """
        latest = self._log.latest()
        if latest is not None and latest.state.status is CheckpointStatus.COMPLETED:
            self._log.retire(latest, keep_history=keep_history)

    def _claim_state(self, latest: Commit | None) -> CheckpointState:
        outlook = self._outlook(latest)
        if outlook.decision.kind is ClaimKind.REPORT:
            raise CompletedMeanwhileError(f"Nothing is left to run: {outlook.decision.reason}.")
        return claim_state(
            self._spec,
            outlook.plan,
            outlook.decision,
            latest,
            key=self._key,
            caller=self._caller,
            lease_seconds=self._lease_seconds,
        )

    def _outlook(self, latest: Commit | None) -> Outlook:
        state = None if latest is None else latest.state
        decision = decide_claim(state, self._caller, start_over=not self._auto_resume)
        if decision.kind is ClaimKind.STOP:
            raise SupersededError(f"This try stops: {decision.reason}.")
        plan = make_plan(self._spec, state if decision.kind is ClaimKind.RESUME else None)
        if plan.restart is not None:
            decision = ClaimDecision(ClaimKind.START, decision.epoch + 1, plan.restart)
        return Outlook(latest, decision, plan)


def _how_it_died(exit_code: int | None) -> str:
    if exit_code is None:
        return ""
    if exit_code == 0:
        return "; it ended with exit code 0 and recorded no end: does a component call os._exit?"
    killed = exit_code in (-9, 137)
    return f"; exit code {exit_code}" + (": killed, by somebody or for want of memory" if killed else "")


def result(state: CheckpointState) -> dict[str, Any]:
    """Return the small summary that the task pushes to XCom."""
    ran = [c for c in state.components if c.action is ComponentAction.RAN]
    return {
        "run_id": state.run_id,
        "pipeline_name": state.pipeline_name,
        "attempt": state.attempt,
        "resumed_from": state.resumed_from,
        "components_run": [c.name for c in ran],
        "components_replayed": [c.name for c in state.components if c.action is ComponentAction.REPLAYED],
        "components_skipped": [c.name for c in state.components if c.action is ComponentAction.SKIPPED],
        "components_left_out": [c.name for c in state.components if c.action is ComponentAction.OMITTED],
        "components_disabled": [c.name for c in state.components if c.action is ComponentAction.DISABLED],
        "seconds_saved": seconds_saved(state),
        "seconds": round(sum(c.duration_seconds or 0.0 for c in ran), 3),
        "spark_application_id": state.spark_application_id,
    }
