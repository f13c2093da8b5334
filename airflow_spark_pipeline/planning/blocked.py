"""Whether a component can run, or is not run because a component that it depends on failed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.state import CheckpointState, ComponentAction


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a component is not run.

    :param reason: the component that it depends on, and why that one is not done
    :param tolerated: whether the run can complete nevertheless, since only optional components failed
    """

    reason: str
    tolerated: bool


def blocked(state: CheckpointState, depends_on: Collection[str], left_out: Collection[str]) -> Blocked | None:
    """Return why a component is not run; ``None`` if it can run.

    Example: c depends on b, b depends on a, and a failed. b is not run (a failed), and c is not run (b was not run).

    :param depends_on: names of the components that it depends on
    :param left_out: names of the components that this attempt leaves out; what depends on them runs nevertheless
    """
    missing = [
        record
        for name in depends_on
        if name not in left_out
        and (record := state.component(name)) is not None
        and (name not in state.completed_components or record.tolerated)  # a replay that failed made no views
    ]
    if not missing:
        return None
    first = missing[0]
    why = "failed" if first.action is ComponentAction.FAILED else "was not run"
    return Blocked(f"depends on {first.name}, which {why}", all(record.tolerated for record in missing))
