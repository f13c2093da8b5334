"""The loop: one component after another, each recorded when it is done.

Promises: one loop for fresh and resumed runs, a resumed one just has more to skip; what is recorded as done has run to
its end, with its views registered and the session alive; a failure is recorded before anything is shut down. A
component that calls ``sys.exit`` has failed. Does not promise that side effects of the component that was running when
the driver died happened once: it is run again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus, utc_now
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import Plan, Step, StepAction
from airflow_spark_pipeline.runtime.component import Component, ComponentContext
from airflow_spark_pipeline.runtime.console import say, seconds
from airflow_spark_pipeline.runtime.outputs import restore, save
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.session import ended_from_outside, stopped_by_component
from airflow_spark_pipeline.runtime.views import saves

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from airflow_spark_pipeline.pipeline.spec import PipelineSpec

_JVM_END_SECONDS = 10.0


class PipelineRunner:
    """Runs the components of one attempt.

    :param spec: the description
    :param components: all of it, in its order
    :param plan: what to do with each
    :param recorder: writes the commits
    :param workdir: from a component's index to a path that nobody else writes to
    """

    def __init__(
        self,
        spec: PipelineSpec,
        components: Sequence[Component],
        plan: Plan,
        recorder: Recorder,
        *,
        workdir: Callable[[int], str],
    ) -> None:
        self._spec = spec
        self._components = components
        self._plan = plan
        self._recorder = recorder
        self._workdir = workdir

    def run(self, spark: SparkSession) -> bool:
        """Run what the plan says. Returns whether every component is done, or left out.

        :raises SupersededError: another attempt has taken over
        :raises CheckpointError: progress could not be recorded
        """
        last = max((step.index for step in self._plan.to_run), default=-1)
        for step in self._plan.steps:
            if step.action is StepAction.SKIP:
                self._skip(step, spark, restores=step.index < last)
            elif step.action is StepAction.OMIT:
                say(f"{self._label(step)} left out ({step.reason})")
            elif not self._run_step(step, spark) and self._spec.fail_fast:
                return False
        self._recorder.ended()
        return self._recorder.state.status is CheckpointStatus.COMPLETED

    def _skip(self, step: Step, spark: SparkSession, *, restores: bool) -> None:
        record = self._recorder.state.component(step.name)
        outputs = record.outputs if record is not None and restores else {}
        for view, frame in restore(outputs, spark).items():
            frame.createOrReplaceTempView(view)
        restored = f"; restored {', '.join(outputs)}" if outputs else ""
        say(f"{self._label(step)} skipped ({step.reason}{restored})")

    def _run_step(self, step: Step, spark: SparkSession) -> bool:
        self._recorder.guard()
        label, spec = self._label(step), self._spec.components[step.index]
        there = {*self._recorder.state.completed_components, *(omitted.name for omitted in self._plan.omitted)}
        failed = next((name for name in spec.depends_on if name not in there), None)
        if failed is not None:
            say(f"{label} not run (depends on {failed}, which failed)")
            return False
        replay = step.action is StepAction.REPLAY
        say(f"{label} … {'replayed, ' + step.reason if replay else ''}".rstrip())
        component = self._components[step.index]
        component.attach(self._context(step))
        started_at, start = utc_now(), time.monotonic()
        outputs: dict[str, dict[str, Any]] = {}
        try:
            frames = _frames(component.run(spark))
            if frames and not replay and saves(self._spec, spec):
                outputs = save(frames, self._workdir(step.index), spark)
                frames = restore(outputs, spark)
            for view, frame in frames.items():
                frame.createOrReplaceTempView(view)
            if stopped_by_component(spark):
                raise ComponentFailedError(
                    f"{step.name} stopped the Spark session, which belongs to the whole pipeline. Remove the call "
                    f"of stop()."
                )
        except BaseException as error:  # sys.exit and KeyboardInterrupt in a component are failures too
            # Work that was cancelled has not failed: whoever cancelled it has taken over.
            self._recorder.guard()
            _wait_for_the_end_of_a_dying_jvm(spark)
            took = time.monotonic() - start
            self._recorder.failed(step, started_at, took, error, final=self._spec.fail_fast)
            record = self._recorder.state.component(step.name)
            say(f"{label} failed after {seconds(took)}: {record.reason if record else error}")
            return False
        took = time.monotonic() - start
        if replay:
            self._recorder.replayed(step)
        else:
            self._recorder.done(step, started_at, took, views=frames, outputs=outputs)
        say(f"{label} done in {seconds(took)}{'; saved ' + ', '.join(outputs) if outputs else ''}")
        return True

    def _label(self, step: Step) -> str:
        return f"[{step.index + 1}/{len(self._plan.steps)}] {step.name}"

    def _context(self, step: Step) -> ComponentContext:
        state = self._recorder.state
        return ComponentContext(
            run_id=state.run_id,
            attempt=state.attempt,
            pipeline_name=state.pipeline_name,
            component_name=step.name,
            index=step.index,
            total=state.total_components,
            workdir=self._workdir(step.index),
            logger=logging.getLogger(f"airflow_spark_pipeline.component.{step.name}"),
        )


def _frames(result: Any) -> dict[str, DataFrame]:
    """Return what a component returned, by view."""
    if result is None:
        return {}
    frames = dict(result) if isinstance(result, Mapping) else None
    if frames is None or not all(hasattr(frame, "createOrReplaceTempView") for frame in frames.values()):
        raise TypeError(
            f"run() returned {type(result).__name__}; it returns None or a mapping from view name to DataFrame"
        )
    return frames


def _wait_for_the_end_of_a_dying_jvm(spark: SparkSession) -> None:
    """Where the JVM dies, its context stops first and the component fails for it; that is no failure of the component.

    The lifeline ends this process as soon as the JVM is gone. Where it does not within ten seconds, the application was
    ended some other way (from Spark's UI, by the master), and the failure is recorded.
    """
    if ended_from_outside(spark):
        time.sleep(_JVM_END_SECONDS)
