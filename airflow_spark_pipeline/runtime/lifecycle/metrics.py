"""Metrics through OpenTelemetry's metrics API: durations and counts, tagged with pipeline and component.

Needs ``opentelemetry-api`` in the driver (the extra ``otel``), and a meter provider that the process has configured; by
design, the API records nothing without one. The instruments:

==============================================  =========  ====  ======================================================
``spark_pipeline.pipeline.duration``            histogram  s     attributes pipeline, status
``spark_pipeline.pipeline.runs``                counter    1     attributes pipeline, status
``spark_pipeline.pipeline.resumed``             counter    1     attribute pipeline
``spark_pipeline.pipeline.superseded``          counter    1     attribute pipeline
``spark_pipeline.pipeline.seconds_saved``       counter    s     attribute pipeline
``spark_pipeline.component.duration``           histogram  s     attributes pipeline, component, status (done, failed)
``spark_pipeline.component.runs``               counter    1     the same
``spark_pipeline.component.retries``            counter    1     attributes pipeline, component
==============================================  =========  ====  ======================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent, PipelineHooks


@dataclass
class MetricsHooks(PipelineHooks):
    """Record metrics.

    :param meter: OpenTelemetry ``Meter`` to use, from code; default: a meter of the configured provider
    :param attributes: attributes to add to every measurement, such as the name of the environment
    :raises ImportError: ``opentelemetry-api`` is not installed in this process
    """

    attributes: dict[str, str] = field(default_factory=dict)
    meter: Any = None

    def __post_init__(self) -> None:
        meter = self.meter if self.meter is not None else _default_meter()
        self._durations = {
            kind: meter.create_histogram(f"spark_pipeline.{kind}.duration", unit="s")
            for kind in ("pipeline", "component")
        }
        names = ("pipeline.runs", "pipeline.resumed", "pipeline.superseded", "component.runs", "component.retries")
        self._counters = {name: meter.create_counter(f"spark_pipeline.{name}", unit="1") for name in names}
        self._counters["pipeline.seconds_saved"] = meter.create_counter("spark_pipeline.pipeline.seconds_saved", "s")

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Count and time the pipeline, and add the seconds saved."""
        tags = self._tags(event, status=event.status)
        self._durations["pipeline"].record(event.seconds or 0.0, tags)
        self._counters["pipeline.runs"].add(1, tags)
        if event.seconds_saved:
            self._counters["pipeline.seconds_saved"].add(event.seconds_saved, self._tags(event))

    def after_component(self, event: ComponentEvent) -> None:
        """Count and time the component."""
        self._component(event, "done")

    def on_component_failure(self, event: ComponentEvent) -> None:
        """Count and time the component."""
        self._component(event, "failed")

    def on_retry(self, event: ComponentEvent) -> None:
        """Count it."""
        self._counters["component.retries"].add(1, self._tags(event, component=event.name))

    def on_resume(self, event: PipelineEvent) -> None:
        """Count it."""
        self._counters["pipeline.resumed"].add(1, self._tags(event))

    def on_superseded(self, event: PipelineEvent) -> None:
        """Count it."""
        self._counters["pipeline.superseded"].add(1, self._tags(event))

    def _component(self, event: ComponentEvent, status: str) -> None:
        tags = self._tags(event, component=event.name, status=status)
        self._durations["component"].record(event.seconds or 0.0, tags)
        self._counters["component.runs"].add(1, tags)

    def _tags(self, event: PipelineEvent | ComponentEvent, **more: str) -> dict[str, str]:
        return {**self.attributes, "pipeline": event.run.pipeline_name, **more}


def _default_meter() -> Any:
    try:
        from opentelemetry import metrics
    except ImportError as error:
        raise ImportError(
            "MetricsHooks needs the package opentelemetry-api in the Spark driver: "
            "pip install 'airflow-spark-pipeline[otel]' there, or remove the hook"
        ) from error
    return metrics.get_meter("airflow_spark_pipeline")
