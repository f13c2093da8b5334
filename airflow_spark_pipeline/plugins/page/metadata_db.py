"""What Airflow's database says of task instances.

Guarantees: the database is only read, except for one line in the audit log for each discard.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.deployment.task_instance import ACTIVE_STATES
from airflow_spark_pipeline.plugins.page.rights import Rights

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser


class TaskKey(NamedTuple):
    """A unit of work as Airflow names it.

    :param iteration: iteration of the loop that the task is in; ``None`` outside loops
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    iteration: int | None = None


_CHUNK = 500  # databases limit how many parameters a statement has
_OURS = ("pipeline", "resolved_pipeline")  # template fields that only SparkPipelineOperator and its children have


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What the page uses of one task instance.

    :param exists: whether Airflow has it
    :param state: its state; ``None`` also if it has none yet
    :param paused: whether its DAG is paused
    :param versioned: whether its DAG run has a bundle version
    :param may_edit: whether the user may clear it
    :param id: id of the newest try
    :param run_state: state of its DAG run
    :param try_number: number of its newest try
    :param dag_name: the DAG's name as Airflow shows it
    """

    exists: bool = False
    state: str | None = None
    paused: bool = False
    versioned: bool = False
    may_edit: bool = False
    id: str | None = None
    run_state: str | None = None
    try_number: int = 0
    dag_name: str | None = None

    @property
    def shown_state(self) -> str | None:
        """The state as Airflow's API names it; ``None`` without a task instance."""
        return (self.state or "no_status") if self.exists else None

    @property
    def pending(self) -> bool:
        """Whether it is running or about to run: right after a clear it has no state, and its DAG run is queued."""
        if self.state is None:
            return self.exists and self.run_state in ("queued", "running")
        return self.state in ACTIVE_STATES


def task_facts(keys: Iterable[TaskKey], rights: Rights) -> dict[TaskKey, TaskFacts]:
    """Return what Airflow knows of these task instances."""
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import and_, or_, select

    wanted = list(dict.fromkeys(keys))
    about: list[Any] = [TaskInstance.id, TaskInstance.state, DagModel.is_paused, DagRun.bundle_version, DagRun.state]
    about += [TaskInstance.try_number, DagModel.dag_display_name]
    rows: dict[TaskKey, TaskFacts] = {}
    with create_session() as session:
        for start in range(0, len(wanted), _CHUNK):
            names = [_named(TaskInstance, key) for key in wanted[start : start + _CHUNK]]
            statement = _with_coordinates(
                select(*about)
                .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
                .outerjoin(DagModel, DagModel.dag_id == TaskInstance.dag_id)
                .where(or_(*names))
            )
            found: Any = session.execute(statement)
            for found_id, state, paused, version, run_state, tried, name, *coordinates in found:
                rows[_key_of(*coordinates)] = TaskFacts(
                    exists=True,
                    state=None if state is None else str(state),
                    paused=bool(paused),
                    versioned=version is not None,
                    id=str(found_id),
                    run_state=None if run_state is None else str(run_state),
                    try_number=tried or 0,
                    dag_name=name,
                )
    return {key: replace(rows.get(key, TaskFacts()), may_edit=rights.editable(key[0])) for key in wanted}


def pipeline_tasks(dag_id: str) -> set[str]:
    """Return the ids of the DAG's tasks that run a Spark pipeline, mapped ones and subclasses included."""
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        stored = SerializedDagModel.get(dag_id, session=session)
        data: dict[str, Any] = (stored.data if stored is not None else None) or {}
    tasks = [each.get("__var", each) for each in data.get("dag", {}).get("tasks", [])]
    return {task["task_id"] for task in tasks if set(_OURS) <= set(task.get("template_fields") or ())}


def has_dag(dag_id: str) -> bool:
    """Whether Airflow has the DAG, or still has runs of it."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.get(DagModel, dag_id) is not None


def newest_task_instances(dag_id: str, task_ids: Collection[str], limit: int, offset: int) -> tuple[list[TaskKey], int]:
    """Return the newest task instances of these tasks, newest first, and how many there are in all."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    if not task_ids:
        return [], 0
    ours = (TaskInstance.dag_id == dag_id, TaskInstance.task_id.in_(task_ids), TaskInstance.start_date.is_not(None))
    newest_first = (TaskInstance.start_date.desc(), TaskInstance.id)  # ids, so that pages do not overlap
    statement = _with_coordinates(select().where(*ours).order_by(*newest_first).limit(limit).offset(offset))
    with create_session() as session:
        total = session.scalar(select(func.count()).select_from(TaskInstance).where(*ours)) or 0
        return [_key_of(*coordinates) for coordinates in session.execute(statement)], total


def last_task_instances(key: TaskKey, limit: int) -> list[TaskKey]:
    """Return the task instance and those of earlier DAG runs of the same task, newest start first."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    same = (TaskInstance.dag_id == key.dag_id, TaskInstance.task_id == key.task_id)
    index = TaskInstance.map_index == key.map_index
    mine = select(func.max(TaskInstance.start_date)).where(*same, index, TaskInstance.run_id == key.run_id)
    statement = _with_coordinates(
        select()
        .where(*same, index, TaskInstance.start_date <= mine.scalar_subquery())
        .order_by(TaskInstance.start_date.desc(), TaskInstance.id)
        .limit(limit)
    )
    with create_session() as session:
        found = [_key_of(*coordinates) for coordinates in session.execute(statement)]
    return [each for each in found if each.iteration == key.iteration]


def iterations(key: TaskKey) -> list[TaskKey]:
    """Return the task instances that Airflow shows under one URL: all iterations of a loop, otherwise one."""
    if not AIRFLOW.has_loops or key.iteration is not None:
        return [key]
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    statement = _with_coordinates(
        select().where(
            TaskInstance.dag_id == key.dag_id, TaskInstance.run_id == key.run_id, TaskInstance.task_id == key.task_id
        )
    )
    with create_session() as session:
        found = [_key_of(*coordinates) for coordinates in session.execute(statement)]
    looped = [each for each in found if each.map_index == key.map_index and each.iteration is not None]
    return sorted(looped, key=lambda each: each.iteration or 0) or [key]


def resolved_pipeline(key: TaskKey) -> str | None:
    """Return the text of the description that the task last read, with secrets masked; Airflow may have cut it."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    rendered: Any = RenderedTaskInstanceFields
    if AIRFLOW.rendered_fields_by_id:
        joined = select(rendered.rendered_fields).join(TaskInstance, TaskInstance.id == rendered.task_instance_id)
        statement = _with_coordinates(joined.where(_named(TaskInstance, key)))
    else:
        statement = select(rendered.rendered_fields, *_columns(rendered)).where(_named(rendered, key))
    with create_session() as session:
        rows = session.execute(statement).all()
    fields: dict[str, Any] = next((row[0] or {} for row in rows if _key_of(*row[1:]) == key), {})
    found = fields.get("resolved_pipeline")
    return found if isinstance(found, str) or found is None else json.dumps(found)


def record_discard(key: TaskKey, user: BaseUser, about: dict[str, Any]) -> None:
    """Add a line to Airflow's audit log."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    dag_id, run_id, task_id, map_index, _ = key
    with create_session() as session:
        session.add(
            Log(
                event="spark_pipeline.discard",
                owner=user.get_name(),
                dag_id=dag_id,
                run_id=run_id,
                task_id=task_id,
                map_index=map_index,
                extra=json.dumps(about),
            )
        )


def last_discard(key: TaskKey, rights: Rights) -> tuple[str, str] | None:
    """Return who discarded the progress of a task instance last, and when (ISO 8601); ``None`` if it is not known."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if not rights.audits(key.dag_id):
        return None
    same = zip(_columns(Log), key[:4], strict=True)
    wanted = (Log.event == "spark_pipeline.discard", *(column == value for column, value in same))
    with create_session() as session:
        row = session.execute(select(Log.owner, Log.dttm).where(*wanted).order_by(Log.id.desc()).limit(1)).first()
    return None if row is None or row[1] is None else (str(row[0]), row[1].isoformat(timespec="milliseconds"))


def _columns(owner: Any) -> tuple[Any, ...]:
    return owner.dag_id, owner.run_id, owner.task_id, owner.map_index


def _named(owner: Any, key: TaskKey) -> Any:
    """Return the condition for rows that may belong to a key: with loops, ``map_index`` has two meanings."""
    from sqlalchemy import and_

    index = key.map_index if key.iteration is None or key.map_index >= 0 else key.iteration
    wanted = (key.dag_id, key.run_id, key.task_id, index)
    return and_(*(column == value for column, value in zip(_columns(owner), wanted, strict=True)))


def _with_coordinates(statement: Any) -> Any:
    """Add the columns that :func:`_key_of` needs to a select of task instances."""
    from airflow.models.taskinstance import TaskInstance

    statement = statement.add_columns(*_columns(TaskInstance))
    if not AIRFLOW.has_loops:
        return statement
    from airflow.models.dynamic_region import DynamicRegion  # type: ignore[import-not-found]  # of Airflow 3.4

    return statement.add_columns(DynamicRegion.node_id, DynamicRegion.parent_region_index).outerjoin(
        DynamicRegion,
        DynamicRegion.id == TaskInstance.region_id,
    )


def _key_of(
    dag_id: str, run_id: str, task_id: str, index: int, node: str | None = None, parent: int | None = None
) -> TaskKey:
    """Return the key of a row.

    :param index: index within its region: the map index of a mapped task, or the iteration of any other task in a loop
    :param node: owner of the region: a mapped task itself, otherwise the loop; ``None`` without a region
    :param parent: iteration of the loop that a mapped task's region is in
    """
    if node is None or node == task_id:
        return TaskKey(dag_id, run_id, task_id, index, parent)
    return TaskKey(dag_id, run_id, task_id, -1, index)
