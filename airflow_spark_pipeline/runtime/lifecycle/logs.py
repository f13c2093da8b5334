"""The logging hook: prints each event as a JSON line for machines, or as a sentence for people.

Every line carries the run id. It is printed to standard output, which every cluster manager keeps and which Airflow
shows in the task log.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from airflow_spark_pipeline.planning import OPTIONAL, readable
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks
from airflow_spark_pipeline.runtime.lifecycle.records import record_of
from airflow_spark_pipeline.runtime.process.output import say


@dataclass
class LoggingHooks(PipelineHooks):
    """Print every event.

    :param format: ``structured`` (JSON lines) or ``human``
    """

    format: Literal["structured", "human"] = "structured"

    @classmethod
    def structured(cls) -> LoggingHooks:
        """Return an instance that prints JSON lines."""
        return cls("structured")

    @classmethod
    def human(cls) -> LoggingHooks:
        """Return an instance that prints sentences."""
        return cls("human")

    def before_pipeline(self, event: PipelineEvent) -> None:
        """Print the event."""
        self._print("before_pipeline", event, f"starts, attempt {event.run.attempt}")

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Print the event."""
        words = f"{event.status} after {readable(event.seconds or 0.0)}"
        if event.seconds_saved:
            words += f"; {readable(event.seconds_saved)} of work not repeated"
        if event.finished_early:
            words += f"; {event.finished_early}"
        if event.status == "completed" and event.failed:
            words += f"; optional components failed: {', '.join(event.failed)}"
        self._print("after_pipeline", event, words + _why(event))

    def before_component(self, event: ComponentEvent) -> None:
        """Print the event."""
        self._print("before_component", event, "starts")

    def after_component(self, event: ComponentEvent) -> None:
        """Print the event."""
        self._print("after_component", event, f"done in {readable(event.seconds or 0.0)}")

    def on_component_failure(self, event: ComponentEvent) -> None:
        """Print the event."""
        goes_on = f"; {OPTIONAL}" if event.optional else ""
        self._print("on_component_failure", event, f"failed{_why(event)}{goes_on}")

    def on_retry(self, event: ComponentEvent) -> None:
        """Print the event."""
        self._print("on_retry", event, f"is tried again in {readable(event.delay_seconds or 0.0)}{_why(event)}")

    def on_resume(self, event: PipelineEvent) -> None:
        """Print the event."""
        self._print("on_resume", event, f"resumes {event.run.resumed_from}, {len(event.skipped)} done before")

    def on_superseded(self, event: PipelineEvent) -> None:
        """Print the event."""
        self._print("on_superseded", event, f"stops{_why(event)}")

    def _print(self, name: str, event: PipelineEvent | ComponentEvent, words: str) -> None:
        if self.format == "structured":
            say(_line(record_of(name, event)))
            return
        who = f"component {event.name}" if isinstance(event, ComponentEvent) else f"pipeline {event.run.pipeline_name}"
        say(f"{record_of(name, event)['time']} [{event.run.run_id}] {who} {words}")


def _why(event: PipelineEvent | ComponentEvent) -> str:
    return "" if event.failure is None else f": {event.failure.headline}"


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, default=str)
