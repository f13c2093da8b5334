"""What a task pushes to XCom when its pipeline has completed."""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction
from airflow_spark_pipeline.planning import early_end, published, seconds_saved


def result(state: CheckpointState) -> dict[str, Any]:
    """Return the small summary that the task pushes to XCom."""
    end = early_end(state)
    failed = [c for c in state.components if c.action is ComponentAction.FAILED]
    not_run = [c for c in state.components if c.action is ComponentAction.UPSTREAM_FAILED]
    ran = [c for c in state.components if c.action is ComponentAction.RAN]
    return {
        "run_id": state.run_id,
        "pipeline_name": state.pipeline_name,
        "attempt": state.attempt,
        "resumed_from": state.resumed_from,
        "components_run": [c.name for c in ran],
        "components_replayed": [c.name for c in state.components if c.action is ComponentAction.REPLAYED],
        "components_skipped": [c.name for c in state.components if c.action is ComponentAction.SKIPPED],
        "components_left_out": [c.name for c in state.components if c.action is ComponentAction.OMITTED],
        "components_disabled": [c.name for c in state.components if c.action is ComponentAction.DISABLED],
        "components_failed": [c.name for c in failed],
        "components_not_run": [c.name for c in not_run],
        "finished_early": None if end is None else {"component": end.component, "reason": end.reason},
        "parts_run": {c.name: c.part_counts.get("run", 0) for c in ran if c.part_counts},
        "parts_skipped": {c.name: c.part_counts.get("skipped", 0) for c in ran if c.part_counts},
        "published": published(state),
        "seconds_saved": seconds_saved(state),
        "seconds": round(sum(c.duration_seconds or 0.0 for c in ran), 3),
        "spark_application_id": state.spark_application_id,
    }
