"""The result of a run outside Airflow: a report, or an error with the id to resume the run by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.planning import EarlyEnd, early_end, published, seconds_saved


@dataclass(frozen=True)
class RunReport:
    """The report of a completed run.

    :param state: complete recorded state of the run
    """

    state: CheckpointState

    @property
    def run_id(self) -> str:
        """Run id of this attempt."""
        return self.state.run_id

    @property
    def resumed_from(self) -> str | None:
        """Id of the run whose progress was taken over, or ``None``."""
        return self.state.resumed_from

    @property
    def ran(self) -> list[str]:
        """Names of the components that ran."""
        return self._names(ComponentAction.RAN)

    @property
    def skipped(self) -> list[str]:
        """Names of the components that were completed before."""
        return self._names(ComponentAction.SKIPPED)

    @property
    def seconds_saved(self) -> float:
        """Seconds of work that were not repeated."""
        return seconds_saved(self.state)

    @property
    def published(self) -> dict[str, dict[str, Any]]:
        """Values that the components published, by component and name; those of skipped components are included."""
        return published(self.state)

    @property
    def finished_early(self) -> EarlyEnd | None:
        """The component that finished the run early, and its reason; ``None`` if none did."""
        return early_end(self.state)

    def _names(self, action: ComponentAction) -> list[str]:
        return [c.name for c in self.state.components if c.action is action]


def failed(state: CheckpointState, summary: str, *, resumable: bool) -> ComponentFailedError:
    """Return the error of a run that failed; ``summary`` is one line of text for people."""
    helps = state.failure is None or state.failure.retry_helps
    if resumable:
        summary += f"\nResume it with the run id {state.run_id}"
    done = len(state.completed_components)
    return ComponentFailedError(summary, retry_helps=helps, run_id=state.run_id if resumable else None, completed=done)
