"""One component of an attempt: from its start, through its tries, to its record.

Its own code, its gates and its pauses run where the workers put them: in the main thread, or in a thread of the
component. All that is recorded or told about it is done in the main thread (:meth:`OneComponent._main`), so that one
thread alone writes commits and changes :class:`Attempt`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_spark_pipeline.checkpoint.state import Failure, utc_now
from airflow_spark_pipeline.planning import (
    OPTIONAL,
    Blocked,
    EarlyEnd,
    Plan,
    Step,
    StepAction,
    blocked,
    early_end,
    parts_note,
    readable,
)
from airflow_spark_pipeline.runtime.component.results import Results
from airflow_spark_pipeline.runtime.lifecycle.calls import HookCalls
from airflow_spark_pipeline.runtime.lifecycle.events import Events
from airflow_spark_pipeline.runtime.loop.retry import RetryDecision, decide_retry
from airflow_spark_pipeline.runtime.loop.tries import Tries, TryResult
from airflow_spark_pipeline.runtime.loop.workers import Workers
from airflow_spark_pipeline.runtime.outcome import Outcome
from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from airflow_spark_pipeline.runtime.spark.session import ended_from_outside, stopped_by_component
from airflow_spark_pipeline.runtime.spark.session_traces import Traces, warn_of_tables_in_memory
from airflow_spark_pipeline.runtime.spark.session_watch import SessionWatch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec

Result = TypeVar("Result")

_JVM_END_SECONDS = 10.0


@dataclass
class Attempt:
    """What the components of an attempt share. Only the main thread changes it.

    :param ends: whether the attempt ends at a component that fails
    :param ended: whether nothing new is started
    :param early_end: set once a component finished the run early
    """

    spec: PipelineSpec
    plan: Plan
    recorder: Recorder
    hooks: HookCalls
    events: Events
    workers: Workers
    tries: Tries
    pause: Callable[[float], None]
    chance: Callable[[], float]
    ends: bool
    ended: bool = False
    interrupt: KeyboardInterrupt | None = None
    early_end: EarlyEnd | None = None

    def __post_init__(self) -> None:
        self.last = max((step.index for step in self.plan.to_run), default=-1)  # the last component that runs
        self._left_out = {step.name for step in self.plan.omitted}

    def label(self, step: Step) -> str:
        """Return how lines of the log name a component."""
        return f"[{step.index + 1}/{len(self.plan.steps)}] {step.name}"

    def others(self, step: Step) -> tuple[str, ...]:
        """Return the names of the components that are running next to this one."""
        return tuple(self.plan.steps[index].name for index in self.workers.inside if index != step.index)

    def blocked(self, step: Step) -> Blocked | None:
        """Return why a component is not run, if one that it depends on failed."""
        depends_on = self.spec.components[step.index].depends_on or ()
        return blocked(self.recorder.state, depends_on, self._left_out)


class OneComponent:
    """Runs one component."""

    def __init__(self, attempt: Attempt, watch: SessionWatch, step: Step, spark: SparkSession) -> None:
        self._attempt = attempt
        self._recorder = attempt.recorder
        self._watch = watch
        self._step = step
        self._spark = spark
        self._spec: ComponentSpec = attempt.spec.components[step.index]
        self._label = attempt.label(step)
        self._retries = 0
        self._begin_try()

    def starts(self) -> bool:
        """Announce the component; called in the main thread. Returns whether it is run."""
        self._recorder.guard()
        if (why := self._attempt.blocked(self._step)) is not None:
            self._recorder.upstream_failed(self._step, why.reason, tolerated=why.tolerated)
            say(f"{self._label} not run ({why.reason})")
            return False
        replayed = f"replayed, {self._step.reason}" if self._step.action is StepAction.REPLAY else ""
        say(f"{self._label} ... {replayed or self._step.parts_note}".rstrip())
        return True

    def run(self) -> None:
        """Run the component, and record that it is done or has failed.

        :raises SupersededError: another attempt has taken over
        :raises CheckpointError: progress could not be recorded
        """
        while self._try_once():
            self._retries += 1
            self._begin_try()

    def give_up(self, error: BaseException) -> None:
        """Record the failure of a component that cannot be stopped; called in the main thread."""
        self._attempt.hooks.forget_calls()
        self._fail(self._took, error, stops=True)  # it may still run, so nothing new is started

    def _try_once(self) -> bool:
        """Run one try and record what came of it. Returns whether there is another one."""
        try:
            with self._attempt.workers.interruptible(self._step.index):
                result = self._attempt.tries.run(self._step, self._spark, self._retries, self._main)
            traces = self._traces(result)
        except BaseException as error:  # sys.exit and KeyboardInterrupt in a component are failures too
            return self._failed_try(error)
        took = self._took
        self._main(lambda: self._done(took, result, traces))
        return False

    def _main(self, work: Callable[[], Result]) -> Result:
        return self._attempt.workers.call(self._step.index, work)

    def _begin_try(self) -> None:
        self._started_at, self._start = utc_now(), time.monotonic()

    @property
    def _took(self) -> float:
        return time.monotonic() - self._start

    def _traces(self, result: TryResult) -> Traces:
        """Read what the component left in the session.

        :raises Exception: Spark could not be asked, which is a failure of the component
        """

        def read() -> Traces | Exception:
            try:
                others, returned = self._attempt.others(self._step), self._attempt.tries.returned
                replays = self._recorder.record(self._step) if self._step.action is StepAction.REPLAY else None
                return self._watch.after(self._step.name, result.views, others, returned, replays=replays)
            except Exception as error:  # it must not end the main thread
                return error

        found = self._main(read)
        if isinstance(found, Exception):
            raise found
        return found

    def _failed_try(self, error: BaseException) -> bool:
        """Record a failed try, and wait for the next one. Returns whether there is one."""
        # Cancelled work has not failed: the attempt that cancelled it has taken over.
        self._recorder.guard()
        _wait_for_the_end_of_a_dying_jvm(self._spark)
        took, error = self._took, self._watch.explained(error, self._step)
        gone = stopped_by_component(self._spark) or ended_from_outside(self._spark)
        decision = self._decide(error, gone=gone)
        if not decision.retry:
            self._main(lambda: self._fail(took, error, stops=gone))
            return False
        try:
            self._main(lambda: self._retry(took, error, decision))
            self._attempt.pause(decision.delay_seconds)
        except KeyboardInterrupt as interrupt:
            failure = interrupt
            self._main(lambda: self._fail(took, failure))
            return False
        return True

    def _decide(self, error: BaseException, *, gone: bool) -> RetryDecision:
        if gone:
            return RetryDecision(False, "the Spark session is gone")
        policy = self._spec.retry_policy or self._attempt.spec.retry_policy
        return decide_retry(policy, self._retries, error, self._attempt.chance())

    def _retry(self, took: float, error: BaseException, decision: RetryDecision) -> None:
        self._put_back()
        failure = self._recorder.describe(error, self._step)
        say(
            f"{self._label} failed after {readable(took)}: {failure.headline}; {decision.reason} in "
            f"{readable(decision.delay_seconds)}"
        )
        self._recorder.retrying(self._step, self._started_at, took, failure, decision.delay_seconds)
        self._tell("on_retry", took, failure, error, delay_seconds=decision.delay_seconds)

    def _fail(self, took: float, error: BaseException, *, stops: bool = False) -> None:
        """Record the failure.

        :param stops: whether nothing new can be started, not even what does not need Spark
        """
        attempt = self._attempt
        if isinstance(error, KeyboardInterrupt):
            attempt.interrupt = error
        stops = stops or attempt.interrupt is not None
        tolerated = self._spec.optional and not stops
        ends = stops or (attempt.ends and not tolerated)
        attempt.ends = attempt.ends or stops
        attempt.ended = attempt.ended or ends
        final = ends and not attempt.others(self._step)
        failure = self._recorder.failed(self._step, self._started_at, took, error, final=final, tolerated=tolerated)
        goes_on = f"; {OPTIONAL}" if tolerated else ""
        parts = parts_note(self._recorder.record(self._step))
        say(f"{self._label} failed after {readable(took)}{self._tries}: {failure.headline}{parts}{goes_on}")
        self._tell("on_component_failure", took, failure, error)
        if not ends:
            self._put_back()

    def _put_back(self) -> None:
        self._watch.put_back(self._attempt.others(self._step))

    def _tell(self, name: str, took: float, failure: Failure, error: BaseException, **more: Any) -> None:
        self._attempt.hooks.tell(
            name,
            lambda: self._attempt.events.component(
                self._step, retry=self._retries, seconds=took, failure=failure, exception=error, **more
            ),
        )

    def _done(self, took: float, result: TryResult, traces: Traces) -> None:
        attempt, step = self._attempt, self._step
        if step.action is StepAction.REPLAY:
            self._recorder.replayed(step)
        else:
            self._recorder.done(step, self._started_at, took, _outcome(result, traces))
        parts = parts_note(self._recorder.record(step)) if step.action is StepAction.RUN else ""
        saved = f"; saved {', '.join(result.outputs)}" if result.outputs else ""
        say(f"{self._label} done in {readable(took)}{self._tries}{saved}{parts}{self._finish(result.results)}")
        if step.index < attempt.last:
            warn_of_tables_in_memory(traces)
        retries = self._retries
        attempt.hooks.reporters("after_component", lambda: attempt.events.component(step, retry=retries, seconds=took))

    def _finish(self, results: Results) -> str:
        """Leave out the rest if the component finished the run. Returns what to say of it."""
        if results.finished is None:
            return ""
        if self._step.action is StepAction.REPLAY:
            return "; finish() is ignored, because the component was done before and is only replayed"
        self._attempt.early_end = early_end(self._recorder.state)
        return f"; finishes the run early: {results.finished}"

    @property
    def _tries(self) -> str:
        return f" (try {self._retries + 1})" if self._retries else ""


def _outcome(result: TryResult, traces: Traces) -> Outcome:
    reported = result.results.to_record()
    return Outcome(result.views, result.outputs, traces.session, traces.leaves, reported, result.parts_total)


def _wait_for_the_end_of_a_dying_jvm(spark: SparkSession) -> None:
    """Wait up to ten seconds for a dying JVM to end this process, so that the component is not recorded as failed.

    When a JVM dies, its Spark context stops first, so the component raises; that is not the component's failure. The
    lifeline ends this process as soon as the JVM is gone. If that does not happen within ten seconds, the application
    was ended in another way (from Spark's UI, by the master), and the failure is recorded.
    """
    if started_by_spark_submit() and not is_connect(spark) and ended_from_outside(spark):
        time.sleep(_JVM_END_SECONDS)
