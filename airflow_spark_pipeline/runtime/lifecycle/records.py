"""Events as flat JSON objects, for structured logs and the audit file.

Values that are masked in an event stay masked, and the raw exception is left out.
"""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.checkpoint.state import utc_now
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent


def record_of(name: str, event: PipelineEvent | ComponentEvent, *, config: bool = False) -> dict[str, Any]:
    """Return the record of an event.

    :param name: name of the event, such as ``before_pipeline``
    :param config: whether to include the masked configuration
    """
    run = event.run
    record: dict[str, Any] = {
        "time": utc_now(),
        "event": name,
        "run_id": run.run_id,
        "pipeline": run.pipeline_name,
        "attempt": run.attempt,
        "resumed_from": run.resumed_from,
    }
    record |= _of_component(event) if isinstance(event, ComponentEvent) else _of_pipeline(name, event)
    if event.failure is not None:
        record["error"] = {"type": event.failure.error_type, "message": event.failure.message}
    if config:
        record["config"] = event.config
    return {key: value for key, value in record.items() if value is not None}


def _of_component(event: ComponentEvent) -> dict[str, Any]:
    return {
        "component": event.name,
        "type": event.type,
        "index": event.index,
        "total": event.run.total_components,
        "retry": event.retry,
        "replayed": event.replayed or None,
        "optional": event.optional or None,
        "parts": dict(event.parts) or None,
        "seconds": None if event.seconds is None else round(event.seconds, 3),
        "delay_seconds": event.delay_seconds,
    }


def _of_pipeline(name: str, event: PipelineEvent) -> dict[str, Any]:
    record: dict[str, Any] = {
        "unit": dict(event.run.unit),
        "total": event.run.total_components,
        "skipped": list(event.skipped),
        "disabled": list(event.disabled),
        "seconds_saved": event.seconds_saved,
    }
    if name != "before_pipeline":
        record |= {"status": event.status, "ran": list(event.ran)}
        record |= {"failed": list(event.failed) or None, "not_run": list(event.not_run) or None}
        record["finished_early"] = event.finished_early
        record["seconds"] = None if event.seconds is None else round(event.seconds, 3)
    return record
