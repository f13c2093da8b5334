"""The loop: starts each component when what it waits for has ended, and records each when it is done.

Guarantees: fresh and resumed runs use the same loop, a resumed run only skips more; a component that is recorded as
done has ended, and so has everything that it started, its views are registered, its gates have passed and the session
is alive; a failure is recorded before anything is shut down. A component that calls ``sys.exit`` has failed. With
``parallelism = 1`` one component runs after another, in the main thread. Otherwise each runs in a thread, and the main
thread records in the order in which they end. After a failure that ends the attempt nothing new starts; what is running
is finished and recorded. Not guaranteed: exactly-once side effects of the components that were running when the driver
died, since they are run again. The same holds for a retry inside the job.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, utc_now
from airflow_spark_pipeline.planning import Plan, Step, StepAction, startable, waits_for
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.views import known_views
from airflow_spark_pipeline.runtime.lifecycle.calls import HookCalls
from airflow_spark_pipeline.runtime.lifecycle.events import Events
from airflow_spark_pipeline.runtime.loop.one_component import Attempt, OneComponent
from airflow_spark_pipeline.runtime.loop.tries import Stops, Tries
from airflow_spark_pipeline.runtime.loop.workers import Workers
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.spark.jobs import Jobs
from airflow_spark_pipeline.runtime.spark.session import register
from airflow_spark_pipeline.runtime.spark.session_state import SessionNotRestoredError
from airflow_spark_pipeline.runtime.spark.session_watch import SessionWatch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.pipeline.spec import PipelineSpec
    from airflow_spark_pipeline.runtime.loop.final_plan import Restored

_RUNS = (StepAction.RUN, StepAction.REPLAY)


class ComponentLoop:
    """Runs the components of one attempt.

    :param spec: description of the pipeline
    :param components: all components of the description, in order
    :param plan: what to do with each component
    :param recorder: recorder that writes the commits
    :param workdir: function from a component's index and retry number to a path that only this try writes to
    :param restored: saved outputs of the components that the plan skips
    :param hooks: hooks to call around the pipeline and its components
    :param pause: function that waits for some seconds; it raises if this driver must stop
    :param chance: function that returns a random number from 0 to 1
    :param jobs: marks and cancels the Spark jobs of the components
    :param last_resort: function that is called if a component in the main thread does not stop at its timeout
    """

    def __init__(
        self,
        spec: PipelineSpec,
        components: Sequence[Component],
        plan: Plan,
        recorder: Recorder,
        *,
        workdir: Callable[[int, int], str],
        restored: Restored | None = None,
        hooks: HookCalls | None = None,
        pause: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        jobs: Jobs | None = None,
        last_resort: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._recorder = recorder
        self._restored = restored or {}
        self._hooks = hooks = hooks or HookCalls()
        self._events = events = Events(spec, recorder)
        jobs, parallel = jobs or Jobs(None, ""), spec.parallelism > 1
        self._workers = workers = Workers(spec.parallelism, thread_target=jobs.thread_target, cancel=jobs.cancel)

        def abandon(index: int, error: BaseException) -> None:
            hooks.forget_calls()  # first: the main thread may wait for the hook that this component is inside
            workers.abandon(index, error)

        stops = Stops(jobs.cancel, abandon) if parallel else Stops.alone(jobs.cancel_all, last_resort)
        tries = Tries(spec, components, recorder, hooks, events, workdir, stops)
        self._attempt = Attempt(spec, plan, recorder, hooks, events, workers, tries, pause, chance, ends=spec.fail_fast)
        self._watch: SessionWatch
        self._waits = waits_for(spec, known_views(components))
        self._waiting = list(plan.steps)
        self._ended: set[int] = set()
        self._refusal: SessionNotRestoredError | None = None

    @property
    def interrupt(self) -> KeyboardInterrupt | None:
        """A keyboard interrupt that stopped the loop; it is not a failure of a component."""
        return self._attempt.interrupt or self._workers.interrupt

    @property
    def abandoned(self) -> bool:
        """Whether a component that could not be stopped may still be running."""
        return self._workers.abandoned

    def run(self, spark: SparkSession) -> bool:
        """Run the plan. Returns whether every component is done or disabled.

        :raises SupersededError: another attempt has taken over
        :raises CheckpointError: progress could not be recorded
        """
        if self._announce():
            self._watch = watch = SessionWatch.watching(spark, self._spec, self._recorder.is_private)
            try:
                self._run_steps(spark)
                self._end()
                with contextlib.suppress(Exception):  # the session may be gone
                    watch.close()
            finally:
                watch.stop()
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
        with self._workers as workers:
            steps = self._next()
            while steps or workers.inside:
                self._announce_start(steps)
                passed = [self._begin(step, spark) for step in steps if not self._stops]
                # What follows a component that is skipped may start now, next to those that are running.
                if not any(passed) or not workers.inside:
                    self._ended |= workers.wait()
                steps = self._next()

    def _next(self) -> list[Step]:
        """Return the steps that start now."""
        if self._stops:
            return []
        if (end := self._attempt.early_end) is not None:
            self._waiting = [end.applied(step) for step in self._waiting]
        return startable(self._waiting, self._workers.inside, self._ended, self._waits, self._spec.parallelism)

    @property
    def _stops(self) -> bool:
        return self._attempt.ended or self.interrupt is not None or self._refusal is not None

    def _announce_start(self, steps: Sequence[Step]) -> None:
        """Record which components start, if several can be running: it does not follow from what is recorded."""
        if self._spec.parallelism == 1:
            return
        starting = [step for step in steps if step.action is StepAction.RUN and self._attempt.blocked(step) is None]
        if starting:
            self._recorder.starting(starting, utc_now())

    def _begin(self, step: Step, spark: SparkSession) -> bool:
        """Start a component. Returns whether it has ended already, because it does not run."""
        self._waiting.remove(step)
        if step.action in _RUNS:
            self._watch.catch_up()
            one = OneComponent(self._attempt, self._watch, step, spark)
            if one.starts():
                self._workers.start(step.index, one.run, one.give_up)
                return False
        else:
            self._pass(step, spark)
        self._ended.add(step.index)
        return True

    def _pass(self, step: Step, spark: SparkSession) -> None:
        """Handle a component that does not run."""
        label = self._attempt.label(step)
        if step.action is StepAction.DISABLE:
            say(f"{label} disabled ({step.reason})")
        elif step.action is StepAction.OMIT:
            say(f"{label} left out ({step.reason})")
        else:
            try:
                self._skip(step, spark, restores=step.index < self._attempt.last)
            except SessionNotRestoredError as error:
                self._refusal = error

    def _skip(self, step: Step, spark: SparkSession, *, restores: bool) -> None:
        record = self._recorder.record(step)
        outputs = record.outputs if restores else {}
        if outputs:
            register(self._restored[step.name], spark)
        restored = f"; restored {', '.join(outputs)}" if outputs else ""
        say(f"{self._attempt.label(step)} skipped ({step.reason}{restored})")
        if restores:
            self._watch.skipped(step, record, outputs)
            if self._workers.inside:
                self._watch.keep(record)

    def _end(self) -> None:
        """Record the end, unless the failure that ended the attempt has been recorded as its end."""
        refusal = self._refusal or (self.interrupt if self._recorder.state.failure is None else None)
        if refusal is not None and not self._recorder.completes:
            self._recorder.refused(refusal)
            return
        if self._recorder.state.status is CheckpointStatus.FAILED:
            return
        try:
            if self._recorder.completes:
                self._hooks.gates("after_pipeline", lambda: self._events.ended(status="completed"))
        except Exception as error:
            self._recorder.refused(error)
            return
        self._recorder.ended()
