"""The runs of components, as the log records them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction, ComponentCheckpoint


@dataclass(frozen=True)
class ComponentRun:
    """One run of one component.

    :param record: what the log has of it
    :param started: when it started
    :param ended: when it was done, or had failed
    :param error: its error in one line; ``None`` if it is done
    """

    record: ComponentCheckpoint
    started: datetime
    ended: datetime
    error: str | None = None


def runs_after(state: CheckpointState, last: tuple[int, int]) -> list[ComponentRun]:
    """Return the runs of components in attempts after one, in the order of the description.

    :param last: epoch and number of the last attempt to leave out
    """
    done = set(state.completed_components)
    found = []
    for record in state.components:
        failed = record.action is ComponentAction.FAILED
        if record.attempt is None or (state.epoch, record.attempt) <= last or not (failed or record.name in done):
            continue
        if record.started_at is not None:
            started = datetime.fromisoformat(record.started_at)
            ended = started + timedelta(seconds=record.duration_seconds or 0.0)
            found.append(ComponentRun(record, started, ended, record.reason if failed else None))
    return found
