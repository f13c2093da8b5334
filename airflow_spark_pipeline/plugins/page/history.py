"""How long the components of a task's pipeline took in its last DAG runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from fastapi.concurrency import run_in_threadpool

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction
from airflow_spark_pipeline.plugins.page import metadata_db
from airflow_spark_pipeline.plugins.page.history_models import ComponentHistory, History, PastRun
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey
from airflow_spark_pipeline.plugins.page.run_models import component_state, first_started
from airflow_spark_pipeline.plugins.page.service import Service

#: Number of runs that are compared.
LAST_RUNS = 20
#: Number of other runs that are needed for a usual duration.
ENOUGH = 3
_GROWN = 1.2  # times the usual duration
_NOTICED = 1.0  # seconds above the usual duration; less is noise


async def task_history(service: Service, key: TaskKey, pipeline: str) -> History:
    """Return a task's last DAG runs up to one of them, with the durations of their components.

    :param key: key of the task instance that the others are compared with
    """
    keys = await run_in_threadpool(metadata_db.last_task_instances, key, LAST_RUNS)
    found, _ = await service.find_all(keys)
    entries = [each.entry for *_, each in found]
    return history((entry for entry in entries if _is_of(entry, pipeline)), key.run_id)


def _is_of(entry: RunEntry, pipeline: str) -> bool:
    return entry.recorded is not None and entry.recorded.state.pipeline_name == pipeline


def history(entries: Iterable[RunEntry], run_id: str) -> History:
    """Return the durations in runs of one pipeline, oldest run first.

    :param run_id: id of the DAG run that the others are compared with
    """
    runs = sorted((_past_run(entry) for entry in entries), key=lambda run: run.started_at)
    current = next((run for run in reversed(runs) if run.run_id == run_id), None)
    names = list(current.seconds if current is not None else {})
    names += [name for run in reversed(runs) for name in run.seconds]
    others = [run for run in runs if run is not current]
    components = [_component(name, current, others) for name in dict.fromkeys(names)]
    return History(runs=runs, components=components, grown=_grown_most(components))


def _past_run(entry: RunEntry) -> PastRun:
    assert entry.recorded is not None  # noqa: S101  # the caller has left out the others
    state: CheckpointState = entry.recorded.state
    return PastRun(
        run_id=state.key.run_id,
        started_at=first_started(state),
        state=entry.standing,
        seconds={
            c.name: c.duration_seconds if c.action is not ComponentAction.FAILED else None for c in state.components
        },
        states={c.name: component_state(c, state, entry.standing) for c in state.components},
    )


def _component(name: str, current: PastRun | None, others: list[PastRun]) -> ComponentHistory:
    known = [seconds for run in others if (seconds := run.seconds.get(name)) is not None]
    return ComponentHistory(
        name=name,
        seconds=None if current is None else current.seconds.get(name),
        usual_seconds=round(statistics.median(known), 3) if len(known) >= ENOUGH else None,
    )


def _grown_most(components: list[ComponentHistory]) -> str | None:
    """Return the component that is the most seconds above its usual duration, or ``None`` if none clearly is."""
    grown = {
        c.name: c.seconds - c.usual_seconds
        for c in components
        if c.seconds is not None and c.usual_seconds is not None and c.seconds > c.usual_seconds * _GROWN
    }
    longest = max(grown, key=lambda name: grown[name], default=None)
    return longest if longest is not None and grown[longest] >= _NOTICED else None
