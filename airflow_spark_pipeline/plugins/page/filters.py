"""The filters of a list of runs, and its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.plugins.page.failures import error_of, failed_components
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey
from airflow_spark_pipeline.plugins.page.run_models import first_started, resume_saves


@dataclass(frozen=True, slots=True)
class Filters:
    """What the user filters a list by."""

    dag_id: str | None = None
    run_id: str | None = None
    pipeline: str | None = None
    state: Standing | None = None
    started_before: datetime | None = None
    text: str = ""
    order_by: str = "-started_at"
    limit: int = 25
    offset: int = 0


@dataclass(frozen=True)
class Item:
    """A readable run, before it becomes a row. What is computed of it is kept: a listing looks at each of thousands."""

    cache: LocationCache
    entry: RunEntry
    state: Standing
    key: TaskKey

    @cached_property
    def recorded(self) -> CheckpointState:
        """The state of its newest commit."""
        assert self.entry.recorded is not None  # noqa: S101  # what nothing is known of is no item
        return self.entry.recorded.state

    @cached_property
    def pipeline(self) -> str:
        """The name of its pipeline."""
        return self.recorded.pipeline_name

    @cached_property
    def started(self) -> str:
        """When its first attempt started: ISO 8601."""
        return first_started(self.recorded)

    @cached_property
    def searched(self) -> str:
        """The text that a search looks at, casefolded."""
        recorded = self.recorded
        words = [*self.key[:3], self.pipeline, recorded.run_id, *failed_components(recorded), error_of(recorded) or ""]
        return "\n".join(words).casefold()


def matches(item: Item, filters: Filters) -> bool:
    """Whether a run passes the filters."""
    key = item.key
    for part, whole in ((filters.dag_id, key.dag_id), (filters.run_id, key.run_id), (filters.pipeline, item.pipeline)):
        if part is not None and part.casefold() not in whole.casefold():
            return False
    if filters.started_before is not None and _moment(item.started) >= _aware(filters.started_before):
        return False
    return not filters.text or filters.text.casefold() in item.searched


def _moment(iso: str) -> datetime:
    return datetime.fromisoformat(iso.replace("Z", "+00:00"))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)


#: The order of states: those that need no action first, those that need it most last.
_BY_STATE = (
    Standing.COMPLETED,
    Standing.DISCARDED,
    Standing.RUNNING,
    Standing.SUBMITTED,
    Standing.DEAD,
    Standing.FAILED,
    Standing.UNREADABLE,
)
_ORDERS: dict[str, Callable[[Item], Any]] = {
    "started_at": lambda item: item.started,
    "updated_at": lambda item: item.recorded.updated_at,
    "dag_id": lambda item: item.key,
    "pipeline": lambda item: item.pipeline,
    "state": lambda item: _BY_STATE.index(item.state),
    "attempt": lambda item: item.recorded.attempt,
    "saved_seconds": lambda item: resume_saves(item.recorded),
}
ORDERS = (*_ORDERS, *(f"-{name}" for name in _ORDERS))


def sort(items: list[Item], order_by: str) -> None:
    """Sort runs in place.

    :param order_by: one of :data:`ORDERS`
    """
    items.sort(key=lambda item: item.entry.path)  # so that pages do not overlap if rows are equal
    items.sort(key=_ORDERS[order_by.removeprefix("-")], reverse=order_by.startswith("-"))
