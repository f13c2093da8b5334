"""Decoding of commits: anything that is not exactly what a writer wrote is an error that names the object.

Guarantees: a returned commit has a matching checksum, the right type in every field (``validation``), and agrees with
itself and with its name (``consistency``). So a commit that was damaged, cut off, edited, or copied from another run or
number is never accepted. A newer schema version is rejected with a separate error.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import load, unseal
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.consistency import disagreement
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import (
    NAMES,
    SCHEMA_VERSION,
    AttemptSummary,
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
    Failure,
)
from airflow_spark_pipeline.checkpoint.validation import misfit
from airflow_spark_pipeline.exceptions import CorruptCheckpointError, UnsupportedCheckpointError

_NESTED: dict[str, type] = {"components": ComponentCheckpoint, "attempts": AttemptSummary, "failure": Failure}
_TYPED: dict[str, type[UnitKey | Claimant]] = {"key": UnitKey, "caller": Claimant}
_ENUMS: dict[str, type[enum.Enum]] = {"status": CheckpointStatus, "action": ComponentAction}
_DERIVED = {"schemaVersion", "number", "lastCheckpointedIndex"}


def decode(
    data: bytes, path: str, *, unit: str | None = None, number: int | None = None, way_out: str = ""
) -> CheckpointState:
    """Read a commit.

    :param path: full name of the object, for error messages
    :param unit: directory of the unit, from the object's name; ``None`` if it is not known
    :param number: number of the commit, from the object's name
    :param way_out: how the user can discard the run's progress, for error messages
    :raises UnsupportedCheckpointError: the commit was written by another version of this package
    :raises CorruptCheckpointError: the data is not what a writer wrote to this object
    """
    try:
        raw = unseal(data)
    except ValueError as error:
        if _is_of_the_first_schema(data):
            raise UnsupportedCheckpointError(
                f"{path} was written by an airflow-spark-pipeline before its first release: its schema version is 1, "
                f"this one reads version {SCHEMA_VERSION}. {way_out or 'Discard the run.'}",
                path=path,
                newer=False,
            ) from None
        raise _corrupt(path, str(error), way_out) from None
    version = raw.get("schemaVersion")
    if type(version) is int and version > SCHEMA_VERSION:
        raise UnsupportedCheckpointError(
            f"{path} was written by a newer airflow-spark-pipeline: its schema version is {version}, this one reads up "
            f"to {SCHEMA_VERSION}. Upgrade airflow-spark-pipeline here.",
            path=path,
        )
    if version != SCHEMA_VERSION:
        raise _corrupt(path, f"schemaVersion is {version!r}", way_out)
    why = misfit(raw, CheckpointState)
    if why is not None:
        raise _corrupt(path, why, way_out)
    state: CheckpointState = _from_dict(CheckpointState, raw)
    why = disagreement(state, raw, unit, number)
    if why is not None:
        raise _corrupt(path, why, way_out)
    return state


def _is_of_the_first_schema(data: bytes) -> bool:
    try:
        raw = load(data)
    except ValueError:
        return False
    return raw.get("schemaVersion") == 1 and "checksum" not in raw


def _corrupt(path: str, why: str, way_out: str) -> CorruptCheckpointError:
    what = f"{path} is not a readable commit: {why}. Nothing is skipped without a readable record."
    return CorruptCheckpointError(f"{what} Restore the object from a backup. {way_out}".rstrip(), path=path)


def _from_dict(cls: type, raw: Mapping[str, Any]) -> Any:
    names = {key: name for name, key in NAMES[cls].items()}
    values: dict[str, Any] = {}
    for key, item in raw.items():
        name = names.get(key)
        if name is None:
            continue
        if name in _NESTED and isinstance(item, list):
            item = tuple(_from_dict(_NESTED[name], each) for each in item)
        elif name in _NESTED and item is not None:
            item = _from_dict(_NESTED[name], item)
        elif name in _TYPED:
            item = None if item is None else _TYPED[name].from_dict(item)
        elif name in _ENUMS:
            item = _ENUMS[name](item)
        elif isinstance(item, list):
            item = tuple(item)
        values[name] = item
    extra = {key: item for key, item in raw.items() if key not in names and key not in _DERIVED}
    return cls(**values, extra=extra)
