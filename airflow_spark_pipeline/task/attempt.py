"""One try of a task at its unit of work, as the Airflow side sees it: decide, claim, and report the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_spark_pipeline.checkpoint.claim import ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.claimant import Caller, is_claim_of, is_same_try, to_record
from airflow_spark_pipeline.checkpoint.kept import is_kept
from airflow_spark_pipeline.checkpoint.key import NO_KEY, UnitKey, parse_run_id
from airflow_spark_pipeline.checkpoint.liveness import describe_running, signs_of_life, store_time
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import DEFAULT_LEASE_SECONDS, CheckpointState, CheckpointStatus, Commit
from airflow_spark_pipeline.checkpoint.stop import how_it_ended
from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
    NothingToResumeError,
    StillRunningError,
    SupersededError,
)
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import (
    AlreadyCompletedError,
    CodeNow,
    Outlook,
    Selection,
    claim_state,
    look_ahead,
    summarize,
)
from airflow_spark_pipeline.protocol import Token

_RUNNING = (CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING)


class TaskAttempt:
    """One try.

    :param log: log of the unit of work
    :param key: key of the task instance
    :param caller: what Airflow knows of the try; as a guest it resumes the unit of another task instance
    :param auto_resume: whether to resume what an earlier try recorded
    :param lease_seconds: seconds without a heartbeat after which this try's driver counts as dead
    :param selection: components that the user selected by name
    :param run_id: id of the run that must be resumed; ``None`` if the run may be a new one
    :param is_active: whether Airflow runs, or is about to run, the task instance of a key
    :param code_now: function that returns the current code of the components, if it is known before a driver runs
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
        selection: Selection | None = None,
        run_id: str | None = None,
        is_active: Callable[[UnitKey], bool] = lambda _: False,
        code_now: Callable[[CheckpointState], CodeNow] | None = None,
    ) -> None:
        self._spec = spec
        self._log = log
        self._key = key
        self._caller = caller
        self._auto_resume = auto_resume
        self._lease_seconds = lease_seconds
        self._selection = selection or Selection()
        self._run_id = run_id
        self._is_active = is_active
        self._code_now = code_now
        self._seen: Commit | None = None
        self._claimed: Commit | None = None
        self._attempt_id: str | None = None
        self.last_state: CheckpointState | None = None  #: the one by which :meth:`outcome` judged

    def use(self, log: RunLog) -> None:
        """Continue with the same log, opened again."""
        self._log = log

    def decide(self) -> Outlook:
        """Decide what this try does, without claiming anything.

        :raises SupersededError: a newer try is running
        :raises StillRunningError: another task instance is running in this unit
        :raises NothingToResumeError: the run that must be resumed cannot be resumed
        :raises ResumeRefusedError: the recorded state no longer fits the description
        :raises SelectionError: the selection does not fit the description
        """
        self._seen = self._log.latest()
        return self._outlook(self._seen)

    def claim(self) -> Token:
        """Claim the unit; from here on no older attempt can record anything.

        :raises SupersededError: a newer try is running
        :raises AlreadyCompletedError: there is nothing left to run
        """
        self._claimed = self._log.claim(self._claim_state)
        state = self._claimed.state
        self._attempt_id = state.attempt_id
        return Token(self._claimed.number, state.attempt_id, state.nonce)

    @property
    def log(self) -> RunLog:
        """The log of the unit of work."""
        return self._log

    def newest(self) -> CheckpointState | None:
        """Return the newest state of the unit, or ``None`` if nothing is recorded."""
        return self._log.newest_state()

    def in_progress(self, *, before_claim: bool) -> CheckpointState | None:
        """Return the newest state of the attempt that this try waits for, or ``None`` if there is none yet.

        :param before_claim: whether the attempt of an earlier try counts until this try has claimed the unit
        """
        state = self.newest()
        waits = before_claim if self._attempt_id is None else state is not None and state.attempt_id == self._attempt_id
        return state if waits else None

    def is_running(self) -> bool:
        """Whether the newest attempt has not ended, as far as the log knows."""
        return (state := self.newest()) is not None and state.status in _RUNNING

    def has_started(self) -> bool:
        """Whether a driver of the newest attempt has started, and not ended, as far as the log knows."""
        return (state := self.newest()) is not None and state.status is CheckpointStatus.RUNNING

    @property
    def attempt_id(self) -> str:
        """Id of the attempt that this try claimed, or that it found running and waits for.

        :raises CheckpointLostError: there is none
        """
        if self._attempt_id is None:
            state = self.newest()
            if state is None:
                raise self._log.lost()
            self._attempt_id = state.attempt_id
        return self._attempt_id

    def expect(self, attempt_id: str) -> None:
        """Judge by the attempt of an earlier claim, made before this task was deferred."""
        self._attempt_id = attempt_id

    def is_mine(self, state: CheckpointState) -> bool:
        """Whether this try claimed the unit itself, possibly before it was deferred."""
        recorded, caller = state.caller, self._caller
        if caller is None or recorded is None:
            return False
        return is_claim_of(caller, recorded) and is_same_try(caller, recorded)

    def is_of_this_task(self, state: CheckpointState) -> bool:
        """Whether a try of this task instance claimed the unit."""
        return self._caller is not None and is_claim_of(self._caller, state.caller)

    def shows_life(self) -> bool:
        """Whether a driver of the newest attempt has renewed its heartbeat within the lease."""
        latest = self._log.latest()
        return latest is not None and self._has_signs(latest)

    @property
    def claimed(self) -> CheckpointState:
        """The state with which this try claimed the unit."""
        assert self._claimed is not None  # noqa: S101  # asked for after claim() only
        return self._claimed.state

    def outcome(self, exit_code: int | None = None, reason: str = "") -> CheckpointState:
        """Return the state of this attempt if it is completed.

        :param exit_code: exit code of spark-submit, if it is known; only used to explain how a driver died
        :param reason: why the platform's job ended, if the platform reports it; only used for the same explanation
        :raises ComponentFailedError: the attempt is not completed
        :raises SupersededError: the newest commit is another attempt's
        """
        latest = self._log.latest()
        if latest is None:
            raise self._log.lost()
        self.last_state = state = latest.state
        if self._attempt_id is not None and state.attempt_id != self._attempt_id:
            raise SupersededError(f"This attempt was {how_it_ended(self._attempt_id, state)}.", by=state.run_id)
        if state.status is not CheckpointStatus.COMPLETED:
            died = _how_it_died(exit_code) if state.status is CheckpointStatus.RUNNING else ""
            died += f"; the platform says: {reason}" if reason and state.status in _RUNNING else ""
            raise ComponentFailedError(
                summarize(state) + died,
                retry_helps=state.failure is None or state.failure.retry_helps,
                run_id=state.run_id,
                completed=len(state.completed_components),
            )
        return self._own(latest).state

    def _own(self, latest: Commit) -> Commit:
        """Record a guest's success as this task instance's own; otherwise its clear would look like a retry."""
        caller, recorded = self._caller, latest.state.caller
        if caller is None or caller.guest is not None or is_claim_of(caller, recorded):
            return latest
        return self._log.append(latest, replace(latest.state, caller=to_record(caller, recorded)))

    def driver_is_gone(self) -> bool:
        """Whether the driver of the previous attempt has ended or counts as dead, so nothing can be reconnected to."""
        if self._seen is None or self._seen.state.status is CheckpointStatus.SUBMITTED:
            return False  # it may wait for the cluster
        return not self._has_signs(self._seen)

    def _has_signs(self, commit: Commit) -> bool:
        listing, now = self._log.retried(self._log.listing), self._log.retried(lambda: store_time(self._log.store))
        return bool(signs_of_life(self._log.store, commit, listing, now))

    def driver_recorded(self) -> bool:
        """Whether a driver has recorded anything since this try read the log; it says more than spark-submit."""
        latest = self._log.latest()
        if latest is None or (self._seen is not None and latest.number <= self._seen.number):
            return False
        return latest.state.status is not CheckpointStatus.SUBMITTED

    def retire(self, *, keep_history: bool) -> None:
        """Clean up after success; the last commit stays.

        :raises CheckpointError: something could not be deleted; the run is still a success
        """
        latest = self._log.latest()
        if latest is not None and latest.state.status is CheckpointStatus.COMPLETED:
            keep_outputs = latest.state.kept_seconds is not None
            self._log.retire(latest, keep_history=keep_history, keep_outputs=keep_outputs)

    def _claim_state(self, latest: Commit | None) -> CheckpointState:
        outlook = self._outlook(latest)
        if outlook.decision.kind is ClaimKind.REPORT and latest is not None:
            raise AlreadyCompletedError(latest.state)
        return claim_state(
            self._spec,
            outlook.plan,
            outlook.decision,
            latest,
            key=self._key if latest is None or latest.state.key == NO_KEY else latest.state.key,  # unknown if damaged
            caller=self._caller,
            lease_seconds=self._lease_seconds,
            selection=self._selection,
        )

    def _outlook(self, latest: Commit | None) -> Outlook:
        state = None if latest is None else latest.state
        self._refuse_what_cannot_be_resumed(state)
        self._refuse_to_supersede_another_task(latest)
        start_over = not self._auto_resume and self._run_id is None
        again = state is not None and is_kept(state) and self._selection.names_components
        decision = decide_claim(state, self._caller, start_over=start_over, again=again and not start_over)
        if decision.kind is ClaimKind.STOP:
            raise SupersededError(f"This try stops: {decision.reason}.")
        return look_ahead(self._spec, latest, decision, selection=self._selection, code_now=self._code_now)

    def _refuse_what_cannot_be_resumed(self, state: CheckpointState | None) -> None:
        if self._run_id is None:
            return
        why = None
        if state is None or parse_run_id(self._run_id)[1] > state.claim_number:
            why = "nothing is recorded under this id"
        elif state.status is CheckpointStatus.DISCARDED:
            why = "its progress was discarded"
        elif state.key.namespace != self._key.namespace:
            why = f"it belongs to the namespace {state.key.namespace!r}, this Airflow is {self._key.namespace!r}"
        elif state.status is CheckpointStatus.COMPLETED and self._is_not_mine_to_report(state):
            why = f"it was completed at {state.updated_at}"
        if why is not None:
            raise NothingToResumeError(
                f"Cannot resume {self._run_id}: {why}. Use an unfinished run of "
                f"{self._spec.pipeline_name!r}, or none to run from the start.",
                run_id=self._run_id,
            )

    def _is_not_mine_to_report(self, state: CheckpointState) -> bool:
        caller = self._caller
        if caller is None or caller.guest is None:
            return False
        return decide_claim(state, caller).kind is not ClaimKind.REPORT or not is_claim_of(caller, state.caller)

    def _refuse_to_supersede_another_task(self, latest: Commit | None) -> None:
        if latest is None or is_claim_of(self._caller, latest.state.caller):
            return
        who = describe_running(self._log, latest, self._is_active)
        if who is not None:
            raise StillRunningError(
                f"Run {latest.state.run_id} is still running: {who}. It is not taken over; a retry "
                "resumes it once it has ended. To end it now, mark that task as failed.",
                run_id=latest.state.run_id,
            )


def _how_it_died(exit_code: int | None) -> str:
    if exit_code is None:
        return ""
    if exit_code == 0:
        return "; it ended with exit code 0 and recorded no end: a component may have called os._exit()"
    killed = exit_code in (-9, 137)
    return f"; exit code {exit_code}" + (": killed (by someone, or out of memory)" if killed else "")
