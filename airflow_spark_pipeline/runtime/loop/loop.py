"""The loop: runs one component after another and records each when it is done.

Guarantees: fresh and resumed runs use the same loop, a resumed run only skips more; a component that is recorded as
done has ended, and so has everything that it started, its views are registered, its gates have passed and the session
is alive; a failure is recorded before anything is shut down. A component that calls ``sys.exit`` has failed. Not
guaranteed: exactly-once side effects of the component that was running when the driver died, since it is run again. The
same holds for a retry inside the job.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, ComponentAction, Failure, utc_now
from airflow_spark_pipeline.planning import Plan, Step, StepAction, readable
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.saved_outputs import restore
from airflow_spark_pipeline.runtime.lifecycle.calls import HookCalls
from airflow_spark_pipeline.runtime.lifecycle.events import Events
from airflow_spark_pipeline.runtime.loop.retry import RetryDecision, decide_retry
from airflow_spark_pipeline.runtime.loop.tries import Tries, TryResult
from airflow_spark_pipeline.runtime.process.lifeline import started_by_spark_submit
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.spark.connect import is_connect
from airflow_spark_pipeline.runtime.spark.session import ended_from_outside, register, stopped_by_component
from airflow_spark_pipeline.runtime.spark.session_state import SessionNotRestoredError
from airflow_spark_pipeline.runtime.spark.session_watch import SessionWatch, Traces, warn_of_tables_in_memory

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec

_JVM_END_SECONDS = 10.0


class ComponentLoop:
    """Runs the components of one attempt.

    :param spec: description of the pipeline
    :param components: all components of the description, in order
    :param plan: what to do with each component
    :param recorder: recorder that writes the commits
    :param workdir: function from a component's index and retry number to a path that only this try writes to
    :param hooks: hooks to call around the pipeline and its components
    :param pause: function that waits for some seconds; it raises if this driver must stop
    :param chance: function that returns a random number from 0 to 1
    :param cancel: function that cancels the Spark jobs of the running component
    :param last_resort: function that is called if a component does not stop at its timeout
    """

    def __init__(
        self,
        spec: PipelineSpec,
        components: Sequence[Component],
        plan: Plan,
        recorder: Recorder,
        *,
        workdir: Callable[[int, int], str],
        hooks: HookCalls | None = None,
        pause: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        cancel: Callable[[], None] = lambda: None,
        last_resort: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._recorder = recorder
        self._hooks = hooks or HookCalls()
        self._events = events = Events(spec, recorder)
        self._tries = Tries(
            spec, components, recorder, self._hooks, events, workdir, cancel=cancel, last_resort=last_resort
        )
        self._watch: SessionWatch
        self._pause = pause
        self._chance = chance
        #: A keyboard interrupt that stopped the loop; it is not a failure of a component.
        self.interrupt: KeyboardInterrupt | None = None
        self._ends = spec.fail_fast  # whether the attempt ends at a component that has failed

    def run(self, spark: SparkSession) -> bool:
        """Run the plan. Returns whether every component is done or disabled.

        :raises SupersededError: another attempt has taken over
        :raises CheckpointError: progress could not be recorded
        """
        if self._announce():
            self._watch = watch = SessionWatch(spark, self._spec, self._recorder.is_private)
            self._run_steps(spark)
            with contextlib.suppress(Exception):  # the session may be gone
                watch.close()
        completed = self._recorder.state.status is CheckpointStatus.COMPLETED
        # The gates were already called before the run was recorded as completed.
        tell = self._hooks.reporters if completed else self._hooks.tell
        tell("after_pipeline", self._events.ended)
        return completed

    def _announce(self) -> bool:
        """Call the hooks for the start of the attempt. Returns whether no gate failed."""
        try:
            self._hooks.before("before_pipeline", self._events.started)
            if self._recorder.state.resumed_from is not None:
                self._hooks.before("on_resume", self._events.started)
        except Exception as error:
            self._recorder.refused(error)
            return False
        return True

    def _run_steps(self, spark: SparkSession) -> None:
        last = max((step.index for step in self._plan.to_run), default=-1)
        for step in self._plan.steps:
            if step.action is StepAction.DISABLE:
                say(f"{self._label(step)} disabled ({step.reason})")
            elif step.action is StepAction.OMIT:
                say(f"{self._label(step)} left out ({step.reason})")
            elif step.action is StepAction.SKIP:
                try:
                    self._skip(step, spark, restores=step.index < last)
                except SessionNotRestoredError as error:
                    self._recorder.refused(error)
                    return
            elif not self._run_step(step, spark) and self._ends:
                return
        try:
            if self._recorder.completes:
                self._hooks.gates("after_pipeline", lambda: self._events.ended(status="completed"))
        except Exception as error:
            self._recorder.refused(error)
            return
        self._recorder.ended()

    def _skip(self, step: Step, spark: SparkSession, *, restores: bool) -> None:
        record = self._recorder.state.component(step.name)
        outputs = record.outputs if record is not None and restores else {}
        register(restore(outputs, spark), spark)
        restored = f"; restored {', '.join(outputs)}" if outputs else ""
        say(f"{self._label(step)} skipped ({step.reason}{restored})")
        if record is not None and restores:
            self._watch.skipped(step, record, outputs)

    def _run_step(self, step: Step, spark: SparkSession) -> bool:
        self._recorder.guard()
        label, spec = self._label(step), self._spec.components[step.index]
        if (reason := self._upstream_failed(spec)) is not None:
            self._recorder.upstream_failed(step, reason)
            say(f"{label} not run ({reason})")
            return False
        say(f"{label} … {'replayed, ' + step.reason if step.action is StepAction.REPLAY else ''}".rstrip())
        retries = 0
        while True:
            started_at, start = utc_now(), time.monotonic()
            try:
                result = self._tries.run(step, spark, retries)
                traces = self._watch.after(result.views)
            except BaseException as error:  # sys.exit and KeyboardInterrupt in a component are failures too
                # Cancelled work has not failed: the attempt that cancelled it has taken over.
                self._recorder.guard()
                _wait_for_the_end_of_a_dying_jvm(spark)
                took, error = time.monotonic() - start, self._watch.explained(error, step)
                decision = self._decide(spec, retries, error, spark)
                if not decision.retry:
                    self._fail(step, started_at, took, error, retries)
                    return False
                try:
                    self._retry(step, started_at, took, error, decision, retries)
                except KeyboardInterrupt as interrupt:
                    self._fail(step, started_at, took, interrupt, retries)
                    return False
                retries += 1
            else:
                self._done(step, started_at, time.monotonic() - start, result, traces, retries)
                return True

    def _upstream_failed(self, spec: ComponentSpec) -> str | None:
        """Return why a component is not run, if one that it depends on is not done."""
        state = self._recorder.state
        there = {*state.completed_components, *(omitted.name for omitted in self._plan.omitted)}
        name = next((name for name in spec.depends_on if name not in there), None)
        record = None if name is None else state.component(name)
        if record is None:
            return None
        failed = record.action is ComponentAction.FAILED
        return f"depends on {record.name}, which {'failed' if failed else 'was not run'}"

    def _decide(self, spec: ComponentSpec, retries: int, error: BaseException, spark: SparkSession) -> RetryDecision:
        if stopped_by_component(spark) or ended_from_outside(spark):
            self._ends = True  # no further component is started, even one that does not need Spark
            return RetryDecision(False, "the Spark session is gone")
        return decide_retry(spec.retry_policy or self._spec.retry_policy, retries, error, self._chance())

    def _retry(
        self, step: Step, started_at: str, took: float, error: BaseException, decision: RetryDecision, retries: int
    ) -> None:
        self._watch.put_back()
        failure = self._recorder.describe(error, step)
        say(
            f"{self._label(step)} failed after {readable(took)}: {failure.headline}; {decision.reason} in "
            f"{readable(decision.delay_seconds)}"
        )
        self._recorder.retrying(step, started_at, took, failure, decision.delay_seconds)
        self._tell("on_retry", step, took, failure, error, retries, delay_seconds=decision.delay_seconds)
        self._pause(decision.delay_seconds)

    def _fail(self, step: Step, started_at: str, took: float, error: BaseException, retries: int) -> None:
        self.interrupt = error if isinstance(error, KeyboardInterrupt) else None
        self._ends = self._ends or self.interrupt is not None
        failure = self._recorder.failed(step, started_at, took, error, final=self._ends)
        tries = f" (try {retries + 1})" if retries else ""
        say(f"{self._label(step)} failed after {readable(took)}{tries}: {failure.headline}")
        self._tell("on_component_failure", step, took, failure, error, retries)
        if not self._ends:
            self._watch.put_back()

    def _tell(
        self,
        name: str,
        step: Step,
        took: float,
        failure: Failure,
        error: BaseException,
        retries: int,
        **more: Any,
    ) -> None:
        self._hooks.tell(
            name,
            lambda: self._events.component(step, retry=retries, seconds=took, failure=failure, exception=error, **more),
        )

    def _done(self, step: Step, started_at: str, took: float, result: TryResult, traces: Traces, retries: int) -> None:
        if step.action is StepAction.REPLAY:
            self._recorder.replayed(step)
        else:
            self._recorder.done(
                step,
                started_at,
                took,
                views=result.views,
                outputs=result.outputs,
                session=traces.session,
                leaves=traces.leaves,
                reported=result.results.to_record(),
            )
        tries = f" (try {retries + 1})" if retries else ""
        saved = f"; saved {', '.join(result.outputs)}" if result.outputs else ""
        say(f"{self._label(step)} done in {readable(took)}{tries}{saved}")
        if any(later.index > step.index for later in self._plan.to_run):
            warn_of_tables_in_memory(traces)
        self._hooks.reporters("after_component", lambda: self._events.component(step, retry=retries, seconds=took))

    def _label(self, step: Step) -> str:
        return f"[{step.index + 1}/{len(self._plan.steps)}] {step.name}"


def _wait_for_the_end_of_a_dying_jvm(spark: SparkSession) -> None:
    """Wait up to ten seconds for a dying JVM to end this process, so that the component is not recorded as failed.

    When a JVM dies, its Spark context stops first, so the component raises; that is not the component's failure. The
    lifeline ends this process as soon as the JVM is gone. If that does not happen within ten seconds, the application
    was ended in another way (from Spark's UI, by the master), and the failure is recorded.
    """
    if started_by_spark_submit() and not is_connect(spark) and ended_from_outside(spark):
        time.sleep(_JVM_END_SECONDS)
