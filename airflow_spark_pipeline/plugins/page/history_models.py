"""What the page sends about the last runs of a task."""

from __future__ import annotations

from pydantic import BaseModel, Field

from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.plugins.page.models import ComponentState


class PastRun(BaseModel):
    """A run that is compared with others of its task."""

    run_id: str = Field(description="Of the DAG run")
    started_at: str
    state: Standing
    seconds: dict[str, float | None] = Field(description="Of each component; null for one that is not done")
    states: dict[str, ComponentState]


class ComponentHistory(BaseModel):
    """A component's duration in each run, and its usual duration."""

    name: str
    seconds: float | None = Field(description="In the run that the others are compared with")
    usual_seconds: float | None = Field(description="Median of the other runs; null if there are too few")


class History(BaseModel):
    """The last runs of a task's pipeline, oldest first, and the usual durations of its components."""

    runs: list[PastRun]
    components: list[ComponentHistory]
    grown: str | None = Field(description="Component whose duration is the most above its usual one")
