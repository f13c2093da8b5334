"""Makes the events of one attempt from the description and the recorded state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.binding.written_numbers import plain
from airflow_spark_pipeline.checkpoint.state import ComponentAction, Failure
from airflow_spark_pipeline.pipeline.spec import NUMBERS
from airflow_spark_pipeline.planning import Step, StepAction, early_end, seconds_saved
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, RunInfo

if TYPE_CHECKING:
    from airflow_spark_pipeline.pipeline.spec import PipelineSpec
    from airflow_spark_pipeline.runtime.recorder import Recorder


class Events:
    """The events of one attempt.

    :param recorder: recorder whose state the events report
    """

    def __init__(self, spec: PipelineSpec, recorder: Recorder) -> None:
        self._spec = spec
        self._recorder = recorder
        self._start = time.monotonic()
        self._configs: dict[int, Any] = {}  # masked configs by component index: masking again costs more than a call

    def started(self) -> PipelineEvent:
        """Return the event for ``before_pipeline`` and ``on_resume``."""
        described = {name: value for name, value in self._spec.to_dict().items() if name != NUMBERS}
        return self._pipeline(config=self._recorder.masked(described))

    def ended(self, status: str | None = None, failure: Failure | None = None) -> PipelineEvent:
        """Return the event for ``after_pipeline`` and ``on_superseded``.

        :param status: status to report; default: the recorded status
        :param failure: failure to report; default: the recorded failure
        """
        state = self._recorder.state
        return self._pipeline(
            status=status or state.status.value,
            failure=failure or state.failure,
            seconds=time.monotonic() - self._start,
            ran=state.attempts[-1].ran,
        )

    def component(self, step: Step, **what: Any) -> ComponentEvent:
        """Return the event of a component."""
        spec = self._spec.components[step.index]
        replayed = step.action is StepAction.REPLAY
        if step.index not in self._configs:
            self._configs[step.index] = self._recorder.masked(plain(spec.instance_config))
        config = self._configs[step.index]
        return ComponentEvent(
            self._run(),
            step.name,
            spec.instance_type,
            step.index,
            config=config,
            replayed=replayed,
            optional=spec.optional,
            parts=self._recorder.record(step).part_counts,
            **what,
        )

    def _pipeline(self, **what: Any) -> PipelineEvent:
        state = self._recorder.state
        names = {action: tuple(c.name for c in state.components if c.action is action) for action in ComponentAction}
        end = early_end(state)
        return PipelineEvent(
            self._run(),
            seconds_saved=seconds_saved(state),
            skipped=names[ComponentAction.SKIPPED],
            disabled=names[ComponentAction.DISABLED],
            failed=names[ComponentAction.FAILED],
            finished_early=None if end is None else end.text,
            not_run=names[ComponentAction.UPSTREAM_FAILED],
            **what,
        )

    def _run(self) -> RunInfo:
        state = self._recorder.state
        return RunInfo(
            state.run_id,
            state.pipeline_name,
            state.attempt,
            state.total_components,
            state.resumed_from,
            state.key.to_dict(),
        )
