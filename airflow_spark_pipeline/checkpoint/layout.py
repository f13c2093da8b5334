"""The names of what a location holds: commits, heartbeats and hints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_spark_pipeline.checkpoint.stores.base import StoredObject

HEARTBEAT = "hb-"  # prefix of heartbeat objects
OPEN = "_open"  # directory of hints for unfinished units; only for listings, never for a decision
ENDED = "_ended"  # directory, below a pipeline's, of hints for ended units; a hint's time is the unit's end
HISTORY = "_history"  # directory, below a pipeline's, of copies of finished runs
_COMMIT = re.compile(r"(\d{8}|[1-9]\d{8,17})\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Listing:
    """The result of one LIST of the unit's directory.

    :param numbers: numbers of the commits, ascending
    :param heartbeats: map from the name of each heartbeat object to its time, in seconds by the store's clock
    :param written: map from the number of each commit to its time, in seconds by the store's clock
    """

    numbers: list[int]
    heartbeats: dict[str, float]
    written: dict[int, float] = field(default_factory=dict)


def listing_of(found: Iterable[StoredObject]) -> Listing:
    """Return what the objects of a unit's directory are."""
    objects = list(found)
    written = {int(match[1]): each.modified for each in objects if (match := _COMMIT.fullmatch(each.name))}
    heartbeats = {each.name: each.modified for each in objects if each.name.startswith(HEARTBEAT)}
    return Listing(sorted(written), heartbeats, written)


def commit_numbers(names: Iterable[str]) -> list[int]:
    """Return the numbers of the commits among the names of a unit's objects, ascending."""
    return sorted(int(match[1]) for match in map(_COMMIT.fullmatch, names) if match)


def commit_name(number: int) -> str:
    """Return the object name of the commit with this number in the unit's directory."""
    return f"{number:08d}.json"


def outputs_path(unit: str) -> str:
    """Return the path of a unit's saved outputs: one directory per attempt, named after its claim number."""
    return f"_outputs/{unit}"


def open_hint(unit: str) -> str:
    """Return the name of the hint that a unit is unfinished; only for listings, never for a decision."""
    return f"{OPEN}/{unit.replace('/', '~')}"


def ended_hint(unit: str) -> str:
    """Return the name of the hint that a unit has ended; only for listings, never for a decision."""
    pipeline, name = unit.split("/", 1)
    return f"{pipeline}/{ENDED}/{name}"
