"""Everything that is recorded of one task instance, or of one DAG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.deployment.chosen_on_page import selection_after
from airflow_spark_pipeline.deployment.locations import configured
from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.plugins.page import failures, metadata_db, run_models
from airflow_spark_pipeline.plugins.page.attempts import with_tries
from airflow_spark_pipeline.plugins.page.finder import Found
from airflow_spark_pipeline.plugins.page.location_cache import LocationCache
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts, TaskKey
from airflow_spark_pipeline.plugins.page.models import DagRuns, DiscardedBy, NextAttempt, Run, RunDetail, TaskRuns
from airflow_spark_pipeline.plugins.page.next_attempt import next_attempt, proposed, read_config, selected, shown_config
from airflow_spark_pipeline.plugins.page.rights import Rights
from airflow_spark_pipeline.plugins.page.service import MOVING, Service, is_moving
from airflow_spark_pipeline.plugins.page.tries import Kept, Try, kept_of, tries_of


@dataclass(frozen=True, slots=True)
class _Task:
    """What Airflow knows of a task instance, without its state."""

    tries: list[Try]
    kept: Kept
    rendered: str | None
    discarded: tuple[str, str] | None


async def task_runs(service: Service, key: TaskKey, rights: Rights) -> TaskRuns:
    """Return what a task instance has recorded in all locations."""
    keys = await run_in_threadpool(metadata_db.iterations, key)
    found, late = await service.find_all(keys, history=True)

    def answer() -> TaskRuns:
        known = metadata_db.task_facts([*keys, *_keys(each for *_, each in found)], rights)
        owners = {each for each, *_ in found}
        kept = kept_of(owners, descriptions=True)
        about = {
            each: _Task(
                tries_of(each),
                kept.get(each, Kept()),
                metadata_db.resolved_pipeline(each),
                metadata_db.last_discard(each, rights),
            )
            for each in owners
        }
        runs = [_detail(cache, each, known, about[owner]) for owner, cache, each in found]
        runs.sort(key=lambda run: run.started_at, reverse=True)
        return TaskRuns(
            exists=any(known[each].exists for each in keys),
            is_pipeline=bool(found) or key[2] in metadata_db.pipeline_tasks(key[0]),
            runs=runs,
            locations=service.locations(late, rights),
            active=any(is_moving(known[each]) for each in keys) or any(run.state in MOVING for run in runs),
        )

    return await run_in_threadpool(answer)


async def dag_runs(service: Service, dag_id: str, rights: Rights, limit: int, offset: int) -> DagRuns:
    """Return runs of a DAG's pipelines, newest start first."""
    exists = await run_in_threadpool(metadata_db.has_dag, dag_id)
    tasks = await run_in_threadpool(metadata_db.pipeline_tasks, dag_id)
    keys, total = await run_in_threadpool(metadata_db.newest_task_instances, dag_id, tasks, limit, offset)
    found, late = await service.find_all(keys)

    def answer() -> DagRuns:
        facts = metadata_db.task_facts([*keys, *_keys(each for *_, each in found)], rights)
        kept = kept_of((key for key, *_ in found), descriptions=False)
        runs: list[Run] = [
            run_models.make_row(each.entry, cache.place.name, facts, kept.get(key, Kept()))
            for key, cache, each in found
        ]
        return DagRuns(
            exists=exists,
            is_pipeline=bool(tasks),
            runs=runs,
            total=total,
            locations=service.locations(late, rights),
            active=any(run.state in MOVING for run in runs) or any(is_moving(each) for each in facts.values()),
        )

    return await run_in_threadpool(answer)


async def planned(service: Service, key: TaskKey, unit: str, selection: Selection) -> NextAttempt | None:
    """Return what a resume of one run with a selection would do; ``None`` if there is nothing to resume.

    :param unit: id of the run's newest attempt
    :raises SelectionError: the selection does not fit the components
    """
    found, _ = await service.find(key)

    def answer() -> NextAttempt | None:
        states = (each.entry.recorded.state for _, each in found if each.entry.recorded is not None)
        state = next((state for state in states if state.run_id == unit), None)
        if state is None:
            return None
        kept = kept_of([key], descriptions=True).get(key, Kept())
        config, _ = read_config(kept.description or metadata_db.resolved_pipeline(key))
        return next_attempt(state, config, selection)

    return await run_in_threadpool(answer)


def _keys(found: Iterable[Found]) -> Iterator[TaskKey]:
    for each in found:
        if each.entry.recorded is not None:
            yield from run_models.task_keys(each.entry.recorded.state)


def _detail(cache: LocationCache, found: Found, facts: Mapping[TaskKey, TaskFacts], task: _Task) -> RunDetail:
    commit = found.entry.recorded
    assert commit is not None  # noqa: S101  # only what something is known of is found
    shown = found.entry.standing
    config, note = read_config(task.kept.description or task.rendered)
    chosen = selection_after(task.kept.selection, facts[run_models.task_keys(commit.state)[0]].try_number)
    row = run_models.make_row(found.entry, cache.place.name, facts, task.kept)
    return RunDetail(
        **row.model_dump(),
        components=run_models.components(commit.state, shown),
        attempts=with_tries(found.attempts, task.tries, task.kept.failures, active=row.task_pending),
        failure=failures.failure_of(commit.state),
        more_failures=failures.more_failures(commit.state),
        next=proposed(commit.state, config, chosen),
        selected=selected(commit.state, chosen),
        config=shown_config(config),
        config_note=note,
        discarded_by=_discarded_by(task) if shown is Standing.DISCARDED else None,
        history_url=_history_url(),
    )


def _discarded_by(task: _Task) -> DiscardedBy | None:
    return None if task.discarded is None else DiscardedBy(user=task.discarded[0], at=task.discarded[1])


def _history_url() -> str | None:
    """Return the address of Spark's history server; each attempt is a separate application there."""
    server = configured("spark_history_url")
    return server.rstrip("/") if server is not None and server.startswith(("http://", "https://")) else None
