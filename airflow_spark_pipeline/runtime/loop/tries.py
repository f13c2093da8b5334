"""One try of one component: its work, saved outputs, views, gates and timeout."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import Step, StepAction
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.component.code_origin import Origin
from airflow_spark_pipeline.runtime.component.logs import COMPONENT_LOGGER, LoggedAs
from airflow_spark_pipeline.runtime.component.parts import Parts, PartsShown
from airflow_spark_pipeline.runtime.component.results import Results
from airflow_spark_pipeline.runtime.component.saved_outputs import save
from airflow_spark_pipeline.runtime.component.views import saves
from airflow_spark_pipeline.runtime.lifecycle.calls import HookCalls
from airflow_spark_pipeline.runtime.lifecycle.events import Events
from airflow_spark_pipeline.runtime.loop.deadline import deadline
from airflow_spark_pipeline.runtime.loop.streaming_queries import Streams
from airflow_spark_pipeline.runtime.loop.unfinished_work import Leftovers
from airflow_spark_pipeline.runtime.process.forked_processes import end_if_forked
from airflow_spark_pipeline.runtime.process.output import KeptOutput
from airflow_spark_pipeline.runtime.recorder import Recorder
from airflow_spark_pipeline.runtime.spark.session import ended_from_outside, register, stopped_by_component
from airflow_spark_pipeline.runtime.spark.versions import inheriting

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True)
class TryResult:
    """The result of a successful try.

    :param views: names of the views that the component made
    :param outputs: saved outputs keyed by view, in the form that a commit records
    :param results: what the component reported through its context
    :param parts_total: how many parts the component has; 0 if it has none
    """

    views: tuple[str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    results: Results = field(default_factory=Results)
    parts_total: int = 0


@dataclass(frozen=True)
class Stops:
    """How a component that takes too long is stopped.

    :param cancel: cancels the Spark jobs of a component, given its index
    :param last_resort: called with the index and the error if nothing else has stopped the component
    :param shares_process: whether other components may be running in this process
    """

    cancel: Callable[[int], object]
    last_resort: Callable[[int, BaseException], None]
    shares_process: bool = True

    @classmethod
    def alone(cls, cancel: Callable[[], object], last_resort: Callable[[], None]) -> Stops:
        """Return how the only running component is stopped."""
        return cls(lambda _: cancel(), lambda *_: last_resort(), shares_process=False)


class Tries:
    """Runs single tries of components; the arguments are the same as for :class:`ComponentLoop`."""

    def __init__(
        self,
        spec: PipelineSpec,
        components: Sequence[Component],
        recorder: Recorder,
        hooks: HookCalls,
        events: Events,
        workdir: Callable[[int, int], str],
        stops: Stops,
    ) -> None:
        self._spec = spec
        self._components = components
        self._recorder = recorder
        self._hooks = hooks
        self._events = events
        self._workdir = workdir
        self._stops = stops
        #: Names, in lower case, of the views that components returned while others may have been running.
        self.returned: set[str] = set()
        self._origin = Origin(component.instance_type for component in spec.components)

    def run(self, step: Step, spark: SparkSession, retry: int, main: Callable[[Callable[[], None]], None]) -> TryResult:
        """Run one try.

        :param retry: number of the retry, 0 for the first try
        :param main: runs a function in the main thread
        :raises BaseException: any exception of the component, a gate or Spark
        """
        main(lambda: self._recorder.enter(step))
        if retry == 0:
            self._hooks.before("before_component", lambda: self._events.component(step, spark=spark))
        parts = self._parts(step, spark, main)
        try:
            return self._run_in_time(step, spark, retry, parts)
        finally:
            parts.settle()  # before anything else is recorded

    def _run_in_time(self, step: Step, spark: SparkSession, retry: int, parts: Parts) -> TryResult:
        timeout = self._spec.components[step.index].timeout_ms
        if timeout is None:
            return self._run(step, spark, retry, parts)
        stops, index = self._stops, step.index
        with deadline(
            timeout / 1000,
            step.name,
            cancel=lambda: stops.cancel(index),
            last_resort=lambda error: stops.last_resort(index, error),
        ):
            return self._run(step, spark, retry, parts)

    def _run(self, step: Step, spark: SparkSession, retry: int, parts: Parts) -> TryResult:
        start = time.monotonic()
        # Each try gets a component with the described config, even if an earlier try changed its fields.
        component = _fresh(self._components[step.index])
        context = self._context(step, retry, parts)
        component.attach(context)
        frames = _frames(self._result(component, step.name, spark))
        outputs: dict[str, dict[str, Any]] = {}
        replay = step.action is StepAction.REPLAY
        if frames and not replay and saves(self._spec, self._spec.components[step.index]):
            place = self._spec.components[step.index].path
            outputs, frames = save(frames, context.workdir, spark, component=step.name, path=place)
        if self._stops.shares_process:
            self.returned |= {view.lower() for view in frames}  # before another component sees them in the session
        if frames:
            register(frames, spark)
            _require_spark(step.name, spark)
        if not replay:
            took = time.monotonic() - start
            self._hooks.gates(
                "after_component", lambda: self._events.component(step, spark=spark, retry=retry, seconds=took)
            )
        return TryResult(tuple(frames), outputs, context.results, parts.total)

    def _result(self, component: Component, name: str, spark: SparkSession) -> Any:
        """Run the user's code until all of it has ended."""
        pid = os.getpid()
        try:
            kept = contextlib.nullcontext() if self._stops.shares_process else KeptOutput()
            with (
                kept,
                Leftovers(name, self._origin) as left,
                LoggedAs(name, left.mine),
                Streams(spark, name, self._recorder.guard, left.mine) as streams,
            ):
                result = component.run(spark)
                end_if_forked(pid)
                _require_spark(name, spark)
                streams.finish()
                left.finish()  # a thread may start a query until it has ended
                streams.finish()
        except BaseException as error:
            end_if_forked(pid, error)
            raise
        return result

    def _parts(self, step: Step, spark: SparkSession, main: Callable[[Callable[[], None]], None]) -> Parts:
        """Return the parts of a component; a replay does all of them again, and records none."""
        if step.action is StepAction.REPLAY:
            return Parts()
        record = self._recorder.record(step)
        shown = PartsShown(len(record.parts))

        def done(key: str, total: int, seconds: float) -> None:
            main(lambda: self._recorder.part(step, key, total, seconds))
            shown.one_more(total)

        return Parts(record.parts, done, self._recorder.guard, lambda target: inheriting(spark, target))

    def _context(self, step: Step, retry: int, parts: Parts) -> ComponentContext:
        state = self._recorder.state
        return ComponentContext(
            run_id=state.run_id,
            attempt=state.attempt,
            pipeline_name=state.pipeline_name,
            component_name=step.name,
            index=step.index,
            total=state.total_components,
            workdir=self._workdir(step.index, retry),
            logger=logging.getLogger(f"{COMPONENT_LOGGER}.{step.name}"),
            retry=retry,
            recorded_parts=parts,
        )


def _fresh(component: Component) -> Component:
    """Return a copy whose collections a try may change: ``while self.paths: load(self.paths.pop())``."""
    fresh = copy.copy(component)
    for name, value in vars(component).items():
        if isinstance(value, list | dict | set):
            object.__setattr__(fresh, name, copy.deepcopy(value))
    return fresh


def _require_spark(name: str, spark: SparkSession) -> None:
    """Raise if the component has stopped the session."""
    if stopped_by_component(spark):
        raise ComponentFailedError(
            f"{name} stopped the Spark session, which belongs to the whole pipeline. Remove the call of stop()."
        )
    if ended_from_outside(spark):
        raise ComponentFailedError(
            f"Spark ended while {name} ran: its JVM, or its session on the Spark Connect server, is "
            f"gone. {name} is therefore not recorded as done; a retry runs it again."
        )


def _frames(result: Any) -> dict[str, DataFrame]:
    """Return the component's DataFrames, keyed by view."""
    if result is None:
        return {}
    frames = dict(result) if isinstance(result, Mapping) else None
    if frames is None or not all(hasattr(frame, "createOrReplaceTempView") for frame in frames.values()):
        raise TypeError(
            f"run() returned {type(result).__name__}; it must return None or a mapping from view name to DataFrame"
        )
    return frames
