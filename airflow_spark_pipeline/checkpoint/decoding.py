"""Decoding of commits: anything that is not exactly what a writer wrote is an error that names the object.

Guarantees: a returned commit has a matching checksum, the right type in every field (``validation``), and agrees with
itself and with its name (``consistency``). So a commit that was damaged, cut off, edited, or copied from another run or
number is never accepted. A newer schema version is rejected with a separate error.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_spark_pipeline.checkpoint.changes import PARTS_ADDED, is_changes, with_changes
from airflow_spark_pipeline.checkpoint.checksum import load, unseal
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.consistency import disagreement, misplaced
from airflow_spark_pipeline.checkpoint.encoding import NAMES, NESTED, as_stored
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import (
    BASE_VERSION,
    SCHEMA_VERSION,
    Base,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.checkpoint.validation import CHANGES, misfit
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, UnsupportedCheckpointError

_TYPED: dict[str, type[UnitKey | Claimant]] = {"key": UnitKey, "caller": Claimant}
_ENUMS: dict[str, type[enum.Enum]] = {"status": CheckpointStatus, "action": ComponentAction}
_DERIVED = {"schemaVersion", "number", "lastCheckpointedIndex"}


@dataclass(frozen=True)
class CommitObject:
    """The object that a commit is read from.

    :param path: full name of the object, for error messages
    :param unit: directory of the unit, from the object's name; ``None`` if it is not known
    :param number: number of the commit, from the object's name; ``None`` if it is not known
    :param way_out: how the user can discard the run's progress, for error messages
    """

    path: str
    unit: str | None = None
    number: int | None = None
    way_out: str = ""

    def corrupt(self, why: str) -> CorruptCheckpointError:
        """Return the error of an object that is not what a writer wrote."""
        what = f"{self.path} is not a readable commit: {why}. Nothing is skipped without a readable record."
        return CorruptCheckpointError(
            f"{what} Restore the object from a backup. {self.way_out}".rstrip(), path=self.path
        )


def decode(
    data: bytes, path: str, *, unit: str | None = None, number: int | None = None, way_out: str = ""
) -> CheckpointState:
    """Read a commit that holds the whole state. For the other parameters see :class:`CommitObject`.

    :raises UnsupportedCheckpointError: the commit was written by another version of this package
    :raises CorruptCheckpointError: the data is not what a writer wrote to this object
    """
    stored = CommitObject(path, unit, number, way_out)
    raw = parse(data, stored)
    if is_changes(raw):
        raise stored.corrupt(f"it holds changes of commit {raw['base']} instead of a whole state")
    return whole(raw, stored)


def parse(data: bytes, stored: CommitObject) -> dict[str, Any]:
    """Return the members of a commit of either kind: the checksum matches, and this version reads its schema.

    The members of a commit of changes have the right types and belong to this number and unit; :func:`whole` checks
    those of a base. The errors are those of :func:`decode`.
    """
    try:
        raw = unseal(data)
    except ValueError as error:
        if _is_of_the_first_schema(data):
            raise UnsupportedCheckpointError(
                f"{stored.path} was written by an airflow-spark-pipeline before its first release: its schema version "
                f"is 1, this one reads version {SCHEMA_VERSION}. {stored.way_out or 'Discard the run.'}",
                path=stored.path,
                newer=False,
            ) from None
        raise stored.corrupt(str(error)) from None
    version = raw.get("schemaVersion")
    if type(version) is int and version > SCHEMA_VERSION:
        raise UnsupportedCheckpointError(
            f"{stored.path} was written by a newer airflow-spark-pipeline: its schema version is {version}, this one "
            f"reads up to {SCHEMA_VERSION}. Upgrade airflow-spark-pipeline here.",
            path=stored.path,
        )
    if type(version) is not int or version not in (BASE_VERSION, SCHEMA_VERSION):
        raise stored.corrupt(f"schemaVersion is {version!r}")
    if not is_changes(raw):
        return raw
    why = misfit(raw, CHANGES) or misplaced(raw["runId"], raw, stored.unit, stored.number)
    if why is not None:
        raise stored.corrupt(why)
    return raw


def whole(raw: Mapping[str, Any], stored: CommitObject) -> CheckpointState:
    """Return the state of a base that :func:`parse` returned. The errors are those of :func:`decode`."""
    why = misfit(raw, CheckpointState)
    if why is not None:
        raise stored.corrupt(why)
    state: CheckpointState = _from_dict(CheckpointState, raw)
    why = disagreement(state, raw, stored.unit, stored.number)
    if why is not None:
        raise stored.corrupt(why)
    return state


def changed(raw: Mapping[str, Any], base: Base, stored: CommitObject) -> CheckpointState:
    """Return the state of a commit of changes. The errors are those of :func:`decode`.

    :param raw: what :func:`parse` returned
    :param base: the commit whose changes it holds
    """
    why = _of_base(raw, base)
    records: dict[int, ComponentCheckpoint] = {}
    for each in raw["components"] if why is None else ():
        members = _with_added_parts({**as_stored(base.state.components[each["index"]]), **each})
        why = misfit(members, ComponentCheckpoint, f"component {each['index']}")
        if why is not None:
            break
        records[each["index"]] = _from_dict(ComponentCheckpoint, members)
    if why is not None:
        raise stored.corrupt(why)
    state = with_changes(base, raw, records)
    more = {key: raw[key] for key in raw.keys() - CHANGES.keys()}
    state = replace(state, extra={**state.extra, **more}) if more else state
    derived = {"number": raw["number"], "lastCheckpointedIndex": state.last_checkpointed_index}
    why = disagreement(state, derived, stored.unit, stored.number)
    if why is not None:
        raise stored.corrupt(why)
    return state


def _with_added_parts(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a record, in which the parts since the base follow those of the base."""
    if PARTS_ADDED not in members:
        return members
    added, parts = members.pop(PARTS_ADDED), members.get("parts", [])
    # What is not a list is left as it is, for the check of types to find.
    both = [*parts, *added] if isinstance(added, list) and isinstance(parts, list) else added
    return {**members, "parts": both}


def _of_base(raw: Mapping[str, Any], base: Base) -> str | None:
    """Return how a commit of changes contradicts its base; ``None`` if it does not."""
    if raw["base"] >= raw["number"]:
        return f"base is {raw['base']}, and it is commit {raw['number']}"
    if raw["runId"] != base.state.run_id or base.state.status is not CheckpointStatus.RUNNING:
        return f"base is {raw['base']}, which is not a commit of its running attempt"
    names = [record.name for record in base.state.components]
    indexes = [each.get("index") for each in raw["components"]]
    if any(type(index) is not int or not 0 <= index < len(names) for index in indexes):
        return "it holds the record of a component that its base does not have"
    if len(set(indexes)) != len(indexes):
        return "it holds the record of a component twice"
    if not set(raw["done"]) <= set(names) or set(raw["done"]) & set(base.state.completed_components):
        return "done names something twice, or what is not a component"
    return "done names something twice" if len(set(raw["done"])) != len(raw["done"]) else None


def _is_of_the_first_schema(data: bytes) -> bool:
    try:
        raw = load(data)
    except ValueError:
        return False
    return raw.get("schemaVersion") == 1 and "checksum" not in raw


def _from_dict(cls: type, raw: Mapping[str, Any]) -> Any:
    names = {key: name for name, key in NAMES[cls].items()}
    values: dict[str, Any] = {}
    for key, item in raw.items():
        name = names.get(key)
        if name is None:
            continue
        if name in NESTED and isinstance(item, list):
            item = tuple(_from_dict(NESTED[name], each) for each in item)
        elif name in NESTED and item is not None:
            item = _from_dict(NESTED[name], item)
        elif name in _TYPED:
            item = None if item is None else _TYPED[name].from_dict(item)
        elif name in _ENUMS:
            item = _ENUMS[name](item)
        elif isinstance(item, list):
            item = tuple(item)
        values[name] = item
    extra = {key: item for key, item in raw.items() if key not in names and key not in _DERIVED}
    return cls(**values, extra=extra)
