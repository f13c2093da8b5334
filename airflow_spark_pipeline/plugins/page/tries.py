"""What Airflow keeps of the tries of task instances: when they ran, how they ended, and what the operator stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.deployment.chosen_on_page import SELECTION
from airflow_spark_pipeline.deployment.task_instance import DESCRIPTION, FAILURE
from airflow_spark_pipeline.plugins.page.metadata_db import TaskKey

_CHUNK = 200
_WHOLE = (DESCRIPTION, SELECTION)  # keys without the number of a try


@dataclass(frozen=True, slots=True)
class Try:
    """A try of a task instance.

    :param started_at: ISO 8601, UTC; ``None`` while it waits
    """

    number: int
    state: str | None
    started_at: str | None
    ended_at: str | None


@dataclass(frozen=True, slots=True)
class TryFailure:
    """Why a try failed, as the operator stored it."""

    type: str
    message: str

    @property
    def refused(self) -> bool:
        """Whether the try refused to resume because a completed component was edited."""
        return self.type == "ResumeRefusedError"

    @property
    def headline(self) -> str:
        """The error in one line."""
        first = self.message.partition("\n")[0]
        return first if self.refused else f"{self.type}: {first}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What the operator stored in the task state store.

    :param description: JSON of the description that the newest try ran; ``None`` if an older version ran it
    :param selection: JSON, the components that the user chose on the page
    :param failures: by the number of the try
    """

    description: str | None = None
    selection: str | None = None
    failures: dict[int, TryFailure] = field(default_factory=dict)


def tries_of(key: TaskKey) -> list[Try]:
    """Return the tries of a task instance, oldest first."""
    from airflow.utils.session import create_session
    from sqlalchemy import select

    if key.iteration is not None:
        return []  # the history does not distinguish iterations
    found: dict[int, Try] = {}
    with create_session() as session:
        for model in _tables_of_tries():
            columns = (model.try_number, model.state, model.start_date, model.end_date)
            names = (model.dag_id, model.run_id, model.task_id, model.map_index)
            wanted = [column == value for column, value in zip(names, key[:4], strict=True)]
            # Without the option, Airflow adds to the statement that only the newest try is meant.
            statement = select(*columns).where(*wanted).execution_options(include_all_attempts=True)
            for number, state, start, end in session.execute(statement):
                found[number] = Try(number, None if state is None else str(state), _iso(start), _iso(end))
    return [found[number] for number in sorted(found) if number > 0]


def _tables_of_tries() -> list[Any]:
    """Return the models of Airflow's tables of tries, the one with the newest try last."""
    from airflow.models.taskinstance import TaskInstance

    if AIRFLOW.tries_in_one_table:
        return [TaskInstance]
    from airflow.models.taskinstancehistory import TaskInstanceHistory

    return [TaskInstanceHistory, TaskInstance]


def kept_of(keys: Iterable[TaskKey], *, descriptions: bool) -> dict[TaskKey, Kept]:
    """Return what the operator stored for these task instances.

    :param descriptions: whether to read their descriptions, which may be long
    """
    wanted = [key for key in dict.fromkeys(keys) if key.iteration is None]
    found: dict[TaskKey, Kept] = {}
    for key, name, value in _entries(wanted, descriptions=descriptions):
        kept = found.get(key, Kept())
        if name == DESCRIPTION:
            found[key] = replace(kept, description=value)
        elif name == SELECTION:
            found[key] = replace(kept, selection=value)
        elif (failure := _failure(value)) is not None:
            number = int(name.removeprefix(FAILURE))
            found[key] = replace(kept, failures={**kept.failures, number: failure})
    return found


def _entries(keys: list[TaskKey], *, descriptions: bool) -> Iterator[tuple[TaskKey, str, str]]:
    if not AIRFLOW.has_task_state_store:
        return
    from airflow.models.task_state_store import TaskStateStoreModel as Entry
    from airflow.utils.session import create_session
    from sqlalchemy import and_, or_, select

    entry: Any = Entry
    index = entry.region_index if AIRFLOW.has_loops else entry.map_index  # outside loops the two are the same
    names = (entry.dag_id, entry.run_id, entry.task_id, index)
    whole = [SELECTION, *([DESCRIPTION] if descriptions else [])]
    shown = [Entry.key.startswith(FAILURE, autoescape=True), Entry.key.in_(whole)]
    with create_session() as session:
        for start in range(0, len(keys), _CHUNK):
            chosen = [
                and_(*(column == value for column, value in zip(names, key[:4], strict=True)))
                for key in keys[start : start + _CHUNK]
            ]
            statement = select(Entry.key, Entry.value, *names).where(or_(*chosen), or_(*shown))
            found: Any = session.execute(statement)
            for name, stored, *coordinates in found:
                value = _text(stored)
                is_ours = name in _WHOLE or name.removeprefix(FAILURE).isdigit()
                if value is not None and is_ours:
                    yield TaskKey(*coordinates), name, value


def _text(stored: str) -> str | None:
    """Return what was stored; ``None`` if a backend of the workers stores it elsewhere."""
    try:
        value = json.loads(stored)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _failure(text: str) -> TryFailure | None:
    try:
        about = json.loads(text)
        return TryFailure(str(about["type"]), str(about["message"]))
    except (ValueError, KeyError, TypeError):
        return None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
