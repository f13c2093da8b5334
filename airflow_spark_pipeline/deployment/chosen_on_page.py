"""What the user chose on the page for a resume: which components run, and what happens to an edited one.

The page stores it in the task state store through Airflow's REST API, with the user's own permissions, and then clears
the task. The task reads it when it runs. Airflow has the store since 3.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.deployment.task_state import TaskState
from airflow_spark_pipeline.planning import Selection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

#: The user's choice for a try that was refused: a value of ``checkpoint.on-change``.
ON_CHANGE = "spark_pipeline.on_change"
#: The user's choice of components, as JSON; see :func:`selection_after`.
SELECTION = "spark_pipeline.selection"
_AFTER = "afterTry"


def wanted_on_change(task_state: TaskState) -> str | None:
    """Return the user's choice for edited components; ``None`` to follow the description."""
    wanted = task_state.get(ON_CHANGE)
    return wanted if wanted in ("restart", "rerun-from-change") else None


def forget_wanted_on_change(task_state: TaskState) -> None:
    """Delete the user's choice, which does not apply to later tries."""
    task_state.delete(ON_CHANGE)


def wanted_selection(context: Context, task_state: TaskState) -> Selection | None:
    """Return the components that the user chose for this resume; ``None`` to follow the operator's arguments."""
    text = task_state.get(SELECTION)
    if text is None:
        return None
    ti = context["ti"]
    cleared = ti.max_tries - (ti.task.retries or 0)
    return selection_after(text, cleared) or selection_after(text, ti.try_number - 1)


def selection_after(text: object, last_try: int) -> Selection | None:
    """Return the choice that was made for the clear after a try; ``None`` if it was made for another clear.

    A clear sets ``max_tries`` to the number of the last try plus ``retries``, so the choice applies to the next try and
    to its retries, and ends with the next clear. Example: ``{"afterTry": 3, "only": ["Load"]}`` applies to tries 4 to 6
    of a task with two retries.

    :param last_try: number of the last try before the clear
    """
    try:
        chosen: Any = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if not isinstance(chosen, Mapping) or chosen.get(_AFTER) != last_try:
        return None
    start, stop, only, force = (chosen.get(name) for name in ("startFrom", "stopAfter", "only", "force"))
    return Selection(_name(start), _names(only), _names(force), _name(stop))


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _names(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()
