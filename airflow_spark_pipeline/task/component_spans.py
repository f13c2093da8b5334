"""A span for each run of a component, under the task's own span.

They go where Airflow's own spans go: its ``[traces]`` configuration decides. Without it, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_spark_pipeline.checkpoint.state import CheckpointState

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_spark_pipeline.task.component_runs import ComponentRun


def make_spans(context: Context, state: CheckpointState, runs: Sequence[ComponentRun]) -> None:
    """Make the spans, with the times that the driver recorded.

    :param runs: runs of components that have not been reported yet
    """
    try:
        from opentelemetry import trace
    except ImportError:  # Airflow has it as a dependency since 3.0, for its own spans
        return
    tracer = trace.get_tracer("airflow_spark_pipeline")
    for run in runs:
        attributes: dict[str, str | int] = {
            "spark_pipeline.pipeline": state.pipeline_name,
            "spark_pipeline.run_id": state.run_id,
            "spark_pipeline.component": run.record.name,
            "spark_pipeline.component_type": run.record.type,
            "spark_pipeline.attempt": run.record.attempt or 0,
            "spark_pipeline.retries": len(run.record.retries),
        }
        span = tracer.start_span(
            f"component.{run.record.name}", start_time=_nanoseconds(run.started), attributes=attributes
        )
        if run.error is not None:
            span.set_status(trace.Status(trace.StatusCode.ERROR, run.error))
        span.end(_nanoseconds(run.ended))


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
