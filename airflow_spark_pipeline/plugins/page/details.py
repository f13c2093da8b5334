"""One task instance, or one DAG, with all that is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fastapi.concurrency import run_in_threadpool

from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.hooks.locations import configured
from airflow_spark_pipeline.plugins.page import metadata_db, run_models
from airflow_spark_pipeline.plugins.page.finder import Found
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from airflow_spark_pipeline.plugins.page.metadata_db import Rights, TaskFacts, TaskKey
from airflow_spark_pipeline.plugins.page.models import DagRuns, Run, RunDetail, TaskRuns
from airflow_spark_pipeline.plugins.page.next_attempt import next_attempt, read_config
from airflow_spark_pipeline.plugins.page.service import MOVING_TASKS, Service

_NEWEST = 10  # runs that are shown of a DAG
_MOVING = (Standing.RUNNING, Standing.SUBMITTED)


async def task_runs(service: Service, key: TaskKey, rights: Rights) -> TaskRuns:
    """Return what a task instance has recorded, in every location."""
    keys = await run_in_threadpool(metadata_db.iterations, key)
    found, late = await service.find_all(keys, history=True)

    def answer() -> TaskRuns:
        known = metadata_db.task_facts([*keys, *_keys(each for *_, each in found)], rights)
        rendered = {each: metadata_db.resolved_pipeline(each) for each in {each for each, *_ in found}}
        runs = [_detail(cache, each, known, rendered[owner]) for owner, cache, each in found]
        runs.sort(key=lambda run: run.started_at, reverse=True)
        return TaskRuns(
            is_pipeline=bool(found) or key[2] in metadata_db.pipeline_tasks(key[0]),
            runs=runs,
            locations=service.locations(late, rights),
            active=any(known[each].state in MOVING_TASKS for each in keys) or any(run.state in _MOVING for run in runs),
        )

    return await run_in_threadpool(answer)


async def dag_runs(service: Service, dag_id: str, rights: Rights) -> DagRuns:
    """Return the newest runs of a DAG's pipelines."""
    tasks = await run_in_threadpool(metadata_db.pipeline_tasks, dag_id)
    keys = await run_in_threadpool(metadata_db.newest_task_instances, dag_id, tasks, _NEWEST) if tasks else []
    found, late = await service.find_all(keys)

    def answer() -> DagRuns:
        facts = metadata_db.task_facts([*keys, *_keys(each for *_, each in found)], rights)
        runs: list[Run] = [run_models.make_row(each.entry, cache.place.name, facts) for _, cache, each in found]
        return DagRuns(
            is_pipeline=bool(tasks),
            runs=runs,
            locations=service.locations(late, rights),
            active=any(run.state in _MOVING for run in runs) or any(f.state in MOVING_TASKS for f in facts.values()),
        )

    return await run_in_threadpool(answer)


def _keys(found: Iterable[Found]) -> Iterator[TaskKey]:
    for each in found:
        if each.entry.recorded is not None:
            yield from run_models.task_keys(each.entry.recorded.state)


def _detail(cache: LocationCache, found: Found, facts: Mapping[TaskKey, TaskFacts], rendered: str | None) -> RunDetail:
    commit = found.entry.recorded
    assert commit is not None  # noqa: S101  # only what something is known of is found
    shown = found.entry.standing
    config, note = read_config(rendered)
    return RunDetail(
        **run_models.make_row(found.entry, cache.place.name, facts).model_dump(),
        components=run_models.components(commit.state, shown),
        attempts=found.attempts,
        failure=run_models.failure_of(commit.state),
        next=next_attempt(commit.state, config),
        config=config,
        config_note=note,
        history_url=_history_url(),
    )


def _history_url() -> str | None:
    """Return the address of Spark's history server; each attempt has its own application there."""
    server = configured("spark_history_url")
    return server.rstrip("/") if server is not None and server.startswith(("http://", "https://")) else None
