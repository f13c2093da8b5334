"""The recorder: writes one commit for each change in a run's progress.

Guarantees: when a method has returned, its change is recorded and this attempt still owned the unit of work at that
time. When it has raised, the driver must stop: an older driver that continued would write over its successor's work.
Secrets are masked before anything is stored. What each commit holds is in ``next_state.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, Commit, ComponentCheckpoint, Failure
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.planning import Code, CodeNow, Plan, Step
from airflow_spark_pipeline.protocol import Token
from airflow_spark_pipeline.runtime import next_state
from airflow_spark_pipeline.runtime.outcome import Outcome
from airflow_spark_pipeline.runtime.process.forked_processes import end_if_forked
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.user_errors.archives import with_archive_hint
from airflow_spark_pipeline.user_errors.jvm import with_root_cause
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, TRACEBACK_LENGTH, attribute, shorten, text_of


class Recorder:
    """Writes the commits of one attempt.

    :param log: log of the unit of work
    """

    def __init__(self, log: RunLog, redactor: Redactor) -> None:
        self._log = log
        self._redactor = redactor
        self._adopted: Commit | None = None
        self._writing: int | None = None
        self._inside: set[int] = set()
        self._guard: Callable[[], None] = lambda: None
        self._unwritten: SparkPipelineError | None = None
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
    def unrecorded(self) -> tuple[int, ...]:
        """Indexes of the components that were entered, and that no commit can have recorded as done."""
        return tuple(sorted(self._inside))

    def guard(self) -> None:
        """Raise if this driver must stop, or has failed to record something; a forked copy of the driver ends here."""
        end_if_forked(self._pid)
        self._guard()
        if self._unwritten is not None:
            raise self._unwritten

    def enter(self, step: Step) -> None:
        """Record in memory that a component starts; raise if this driver must stop."""
        self.guard()
        self._inside.add(step.index)

    @property
    def _commit(self) -> Commit:
        assert self._adopted is not None  # noqa: S101  # nothing is recorded before the claim is adopted
        return self._adopted

    @property
    def state(self) -> CheckpointState:
        """The recorded state."""
        return self._commit.state

    def record(self, step: Step) -> ComponentCheckpoint:
        """Return the recorded state of a step's component."""
        return next_state.component(self.state, step)

    def running(self, plan: Plan) -> None:
        """Record that the driver runs this plan; components that the plan reruns no longer count as done."""
        self._append(next_state.running(self.state, plan))

    def application(self, application_id: str | None) -> None:
        """Note the id of the Spark application; recorded with the next commit, since nothing depends on it."""
        self._note(replace(self.state, spark_application_id=application_id))

    def starting(self, steps: Iterable[Step], now: str) -> None:
        """Record which components start, so that a reader knows all that are running.

        :param now: time of the start
        """
        self._append(next_state.starting(self.state, steps, now))

    def know(self, code: CodeNow) -> None:
        """From now on, record the code of each component that completes."""
        self._code = code

    def replayed(self, step: Step) -> None:
        """Note that a completed component has defined its views again; recorded with the next commit."""
        self._note(next_state.replayed(self.state, step))

    def done(self, step: Step, started_at: str, seconds: float, outcome: Outcome) -> None:
        """Record that the component is done, so that it is not run again.

        :param outcome: what the component left; secrets in what it reported are masked here
        """
        self.guard()
        self._inside.discard(step.index)  # a successor may have read the commit even if the store reports an error
        if outcome.reported:
            outcome = replace(outcome, reported=self._reported(outcome.reported))
        code = self._code.get(step.name, Code())
        self._append(next_state.done(self.state, step, started_at, seconds, outcome, code))

    def part(self, step: Step, key: str, total: int, seconds: float) -> None:
        """Record that a part of the component is done, so that it is not given again.

        :param total: how many parts the component has, done or not
        :param seconds: how long this part took
        """
        self._append(next_state.part(self.state, step, key, total, seconds, self._code.get(step.name, Code())))

    def retrying(self, step: Step, started_at: str, seconds: float, failure: Failure, delay: float) -> None:
        """Record that the component failed and is tried again inside this attempt.

        :param seconds: duration of the failed try
        :param delay: seconds until the next try
        """
        self._append(next_state.retrying(self.state, step, started_at, seconds, failure, delay))

    def failed(
        self,
        step: Step,
        started_at: str,
        seconds: float,
        error: BaseException,
        *,
        final: bool,
        tolerated: bool = False,
    ) -> Failure:
        """Record that the component failed. Returns the recorded failure.

        :param final: whether the attempt ends with this failure
        :param tolerated: whether the run can complete although the component failed
        """
        failure = self.describe(error, step)
        state = next_state.failed(self.state, step, started_at, seconds, failure, final=final, tolerated=tolerated)
        self._append(state)
        return failure

    def upstream_failed(self, step: Step, reason: str, *, tolerated: bool = False) -> None:
        """Record that the component is not run, because a component that it depends on is not done.

        :param reason: which component, and why it is not done
        :param tolerated: whether the run can complete although the component is not run
        """
        self._append(next_state.upstream_failed(self.state, step, reason, tolerated=tolerated))

    def refused(self, error: BaseException) -> None:
        """Record that the attempt failed before any component ran."""
        self._append(next_state.refused(self.state, self.describe(error, None)))

    def ended(self) -> None:
        """Record the end of the loop: completed, or failed if any component failed."""
        self._append(next_state.ended(self.state))

    @property
    def completes(self) -> bool:
        """Whether all components are done and none failed."""
        return next_state.completes(self.state)

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

    def _reported(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Mask secrets. The URIs in ``wrote`` are texts, not names of fields: ``s3://lake/tokens`` is not a secret."""
        wrote = {self._redactor.mask(uri): self.masked(facts) for uri, facts in fields.get("wrote", {}).items()}
        masked: dict[str, Any] = self.masked({name: value for name, value in fields.items() if name != "wrote"})
        return {**masked, "wrote": wrote}

    def _append(self, state: CheckpointState) -> None:
        self.guard()
        # Set the number before writing: otherwise the watchdog, listing in between, would take this driver's own commit
        # for a successor's and stop the driver. Example: newest is 7; set 8, write 8; a listing that shows 8 is then
        # this driver's.
        try:
            self._adopted = self._log.append(self._commit, state, announce=self._announce)
        except SparkPipelineError as error:
            # The commit may be there all the same. A component that catches the error, or is tried again, must not
            # lead to another commit: it would find its number taken, and take that for a successor's.
            self._unwritten = error
            raise

    def _announce(self, number: int) -> None:
        self._writing = number

    def _note(self, state: CheckpointState) -> None:
        self._adopted = replace(self._commit, state=state)


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the component called sys.exit({error.code!r}); a component ends by returning"
    return with_root_cause(error, with_archive_hint(error, str(error)))
