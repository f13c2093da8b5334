"""The recorder: writes one commit for each change in a run's progress.

Guarantees: when a method has returned, its change is recorded and this attempt still owned the unit of work at that
time. When it has raised, the driver must stop: an older driver that continued would write over its successor's work.
Secrets are masked before anything is stored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import (
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    Commit,
    ComponentAction,
    ComponentCheckpoint,
    Failure,
)
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.pipeline.fingerprint import VERSION
from airflow_spark_pipeline.planning import Code, CodeNow, Plan, Step, StepAction
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime.process.forked_processes import end_if_forked
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.user_errors.archives import with_archive_hint
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, TRACEBACK_LENGTH, attribute, shorten, text_of

_KEPT_RETRIES = 50  # for display; a commit must not grow without limit


class Recorder:
    """Writes the commits of one attempt.

    :param log: log of the unit of work
    """

    def __init__(self, log: RunLog, redactor: Redactor) -> None:
        self._log = log
        self._redactor = redactor
        self._adopted: Commit | None = None
        self._writing: int | None = None
        self._inside: int | None = None
        self._guard: Callable[[], None] = lambda: None
        self._pid = os.getpid()
        self._code: CodeNow = {}

    def adopt(self, token: Token, guard: Callable[[], None]) -> None:
        """Start from the claim that the token names.

        :param guard: function that raises if this driver must stop
        :raises SupersededError: the newest commit belongs to another attempt
        """
        self._guard = guard
        self._adopted = self._log.adopt(token.number, token.attempt_id, token.nonce)
        self._writing = self._adopted.number

    @property
    def newest(self) -> int | None:
        """The highest number that this driver wrote, or is writing now."""
        return self._writing

    @property
    def recorded(self) -> Commit | None:
        """The last commit that this driver knows to be recorded."""
        return self._adopted

    @property
    def unrecorded(self) -> int | None:
        """Index of the component entered last, unless a commit records, or may have recorded, that it is done."""
        return self._inside

    def guard(self) -> None:
        """Raise if this driver must stop; a forked copy of the driver ends here."""
        end_if_forked(self._pid)
        self._guard()

    def enter(self, step: Step) -> None:
        """Record in memory that a component starts; raise if this driver must stop."""
        self.guard()
        self._inside = step.index

    @property
    def _commit(self) -> Commit:
        assert self._adopted is not None  # noqa: S101  # nothing is recorded before the claim is adopted
        return self._adopted

    @property
    def state(self) -> CheckpointState:
        """The recorded state."""
        return self._commit.state

    def running(self, plan: Plan) -> None:
        """Record that the driver runs this plan; components that the plan reruns no longer count as done."""
        done = {step.name for step in plan.done}
        components = tuple(self._planned(step) for step in plan.steps)
        self._append(
            replace(
                self.state,
                status=CheckpointStatus.RUNNING,
                components=components,
                completed_components=tuple(c.name for c in components if c.name in done),
                failure=None,
            )
        )

    def application(self, application_id: str | None) -> None:
        """Note the id of the Spark application; recorded with the next commit, since nothing depends on it."""
        self._adopted = replace(self._commit, state=replace(self.state, spark_application_id=application_id))

    def know(self, code: CodeNow) -> None:
        """From now on, record the code of each component that completes."""
        self._code = code

    def replayed(self, step: Step) -> None:
        """Note that a completed component has defined its views again; recorded with the next commit."""
        state = self.state.with_component(replace(self._component(step), action=ComponentAction.REPLAYED))
        self._adopted = replace(self._commit, state=state)

    def done(
        self,
        step: Step,
        started_at: str,
        seconds: float,
        *,
        views: Iterable[str] = (),
        outputs: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        leaves: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that the component is done, so that it is not run again.

        :param views: names of the views that the component made
        :param outputs: saved outputs of the component, keyed by view
        :param session: changes that the component made to the Spark session
        :param leaves: what the component left in the session that a resume cannot restore
        """
        self.guard()
        code = self._code.get(step.name, Code())
        version = {} if code.version is None else {VERSION: code.version}
        record = self._component(step)
        self._inside = None  # a successor may have read the commit even if the store reports an error
        state = self.state.with_component(
            replace(
                record,
                action=ComponentAction.RAN,
                reason=step.reason,
                attempt=self.state.attempt,
                started_at=started_at,
                duration_seconds=round(seconds, 3),
                views=tuple(views),
                outputs=dict(outputs or {}),
                session=dict(session or {}),
                leaves=dict(leaves or {}),
                code=code.files,
                fingerprint={**record.fingerprint, **version},
            )
        )
        names = {*state.completed_components, step.name}
        summary = self._summary()
        self._append(
            replace(
                state,
                completed_components=tuple(c.name for c in state.components if c.name in names),
                attempts=(*state.attempts[:-1], replace(summary, ran=(*summary.ran, step.name))),
            )
        )

    def retrying(self, step: Step, started_at: str, seconds: float, failure: Failure, delay: float) -> None:
        """Record that the component failed and is tried again inside this attempt.

        :param seconds: duration of the failed try
        :param delay: seconds until the next try
        """
        record = self._component(step)
        tried = {
            "startedAt": started_at,
            "durationSeconds": round(seconds, 3),
            "error": failure.headline,
            "delaySeconds": delay,
        }
        self._append(self.state.with_component(replace(record, retries=(*record.retries, tried)[-_KEPT_RETRIES:])))

    def failed(self, step: Step, started_at: str, seconds: float, error: BaseException, *, final: bool) -> Failure:
        """Record that the component failed. Returns the recorded failure.

        :param final: whether the attempt ends with this failure
        """
        failure = self.describe(error, step)
        state = self.state.with_component(
            replace(
                self._component(step),
                action=ComponentAction.FAILED,
                reason=failure.headline,
                attempt=self.state.attempt,
                started_at=started_at,
                duration_seconds=round(seconds, 3),
                failure_traceback=None if self.state.failure is None else failure.traceback,
            )
        )
        first = self.state.failure or failure
        summary = self._summary()
        if summary.failed is None:
            summary = replace(summary, failed=step.name, error=failure.headline)
        status = CheckpointStatus.FAILED if final else CheckpointStatus.RUNNING
        self._append(replace(state, status=status, failure=first, attempts=(*state.attempts[:-1], summary)))
        return failure

    def upstream_failed(self, step: Step, reason: str) -> None:
        """Record that the component is not run, because a component that it depends on is not done.

        :param reason: which component, and why it is not done
        """
        record = replace(self._component(step), action=ComponentAction.UPSTREAM_FAILED, reason=reason)
        self._append(self.state.with_component(record))

    def refused(self, error: BaseException) -> None:
        """Record that the attempt failed before any component ran."""
        failure = self.describe(error, None)
        summary = replace(self._summary(), error=failure.headline)
        self._append(
            replace(
                self.state,
                status=CheckpointStatus.FAILED,
                failure=failure,
                attempts=(*self.state.attempts[:-1], summary),
            )
        )

    def ended(self) -> None:
        """Record the end of the loop: completed, or failed if any component failed."""
        complete = self.completes
        self._append(replace(self.state, status=CheckpointStatus.COMPLETED if complete else CheckpointStatus.FAILED))

    @property
    def completes(self) -> bool:
        """Whether all components are done and none failed."""
        # A component that failed during a replay still counts as done, but the attempt has failed.
        return self.state.all_done and self.state.failure is None

    def describe(self, error: BaseException, step: Step | None) -> Failure:
        """Return the failure to record for an error: limited in length, secrets masked."""
        text, mask = text_of(error, _message), self._redactor.mask
        return Failure(
            component=None if step is None else step.name,
            index=None if step is None else step.index,
            error_type=mask(text.type),
            message=shorten(mask(text.message), MESSAGE_LENGTH),
            traceback=shorten(mask(text.traceback), TRACEBACK_LENGTH),
            retry_helps=not issubclass(type(error), SparkPipelineError) or attribute(error, "retry_helps") is not False,
        )

    def is_private(self, text: str) -> bool:
        """Whether a text holds a secret."""
        return self._redactor.mask(text) != text

    def masked(self, config: Any) -> Any:
        """Return a copy of a config without its secrets."""
        return self._redactor.mask_config(config)

    def _append(self, state: CheckpointState) -> None:
        self.guard()
        # Set the number before writing: otherwise the watchdog, listing in between, would take this driver's own commit
        # for a successor's and stop the driver. Example: newest is 7; set 8, write 8; a listing that shows 8 is then
        # this driver's.
        self._writing = self._commit.number + 1
        self._adopted = self._log.append(self._commit, state)

    def _planned(self, step: Step) -> ComponentCheckpoint:
        record = self._component(step)
        if step.action in (StepAction.SKIP, StepAction.REPLAY, StepAction.DISABLE):
            return replace(record, reason=step.reason, changed_code=step.changed_code)
        pending = ComponentAction.OMITTED if step.action is StepAction.OMIT else ComponentAction.PENDING
        action, views, outputs = pending, (), dict[str, Any]()
        return replace(
            record,
            reason=step.reason,
            action=action,
            views=views,
            outputs=outputs,
            retries=(),
            session={},
            leaves={},
            code={},
            changed_code=(),
        )

    def _component(self, step: Step) -> ComponentCheckpoint:
        record = self.state.component(step.name)
        assert record is not None  # noqa: S101  # the claim lists every component of the description
        return record

    def _summary(self) -> AttemptSummary:
        return self.state.attempts[-1]


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the component called sys.exit({error.code!r}); a component ends by returning"
    return with_archive_hint(error, str(error))
