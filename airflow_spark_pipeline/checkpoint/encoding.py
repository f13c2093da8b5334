"""Writes the JSON of commits.

Guarantees: ``decode(encode(state, number)) == state`` (see ``decoding``). Not guaranteed: that two versions of this
package write the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import seal
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import (
    BASE_VERSION,
    AttemptSummary,
    CheckpointState,
    ComponentCheckpoint,
    Failure,
)

NESTED: dict[str, type] = {"components": ComponentCheckpoint, "attempts": AttemptSummary, "failure": Failure}
# A field that is added to a record or to the state goes in here, with a default: then a commit without it stays as it
# was, byte for byte, and a commit that was written before the field existed reads as its default. If a driver changes
# the field while it runs, put it into a ``ComponentCheckpoint``: commits of changes hold whatever differs in one.
_ABSENT_WHEN_EMPTY = {
    "retries",
    "session",
    "leaves",
    "published",
    "finished",
    "parts",
    "partCounts",
    "partSeconds",
    "code",
    "changedCode",
    "tolerated",
    "failureTraceback",
    "wrote",
    "decidedOn",
    "keptSeconds",
}


def _plain(value: Any) -> dict[str, Any]:
    return value.to_dict() if isinstance(value, (UnitKey, Claimant)) else dict(value)


dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_plain).encode


def encode(state: CheckpointState, number: int) -> bytes:
    """Return the bytes of a commit that holds the whole state.

    :param number: number of the commit
    """
    return seal(f'"schemaVersion":{BASE_VERSION},"number":{number},{_spliced(state)}')


def to_json(state: CheckpointState) -> dict[str, Any]:
    """Return the JSON form of a state, without the checksum and number that only a stored object has."""
    data: dict[str, Any] = json.loads(f'{{"schemaVersion":{BASE_VERSION},{_spliced(state)}}}')
    return data


def _spliced(state: CheckpointState) -> str:
    members = _members_of(state)
    records = {key: _text(members.pop(key)) for key in NESTED}
    members["lastCheckpointedIndex"] = state.last_checkpointed_index
    spliced = "".join(f',"{key}":{text}' for key, text in records.items())
    return f"{dumps(members)[1:-1]}{spliced}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# Map from field name to persisted name; computed once, since every commit needs the names for every component.
NAMES: dict[type, dict[str, str]] = {
    cls: {f.name: _camel(f.name) for f in fields(cls) if f.name != "extra"}
    for cls in (CheckpointState, ComponentCheckpoint, AttemptSummary, Failure)
}


def as_stored(record: ComponentCheckpoint) -> dict[str, Any]:
    """Return the record as it is read from a stored commit."""
    stored: dict[str, Any] = json.loads(_text_of(record))
    return stored


def _members_of(record: Any) -> dict[str, Any]:
    members = {key: getattr(record, name) for name, key in NAMES[type(record)].items()}
    for key in _ABSENT_WHEN_EMPTY & members.keys():
        if not members[key]:
            del members[key]
    return {**record.extra, **members}


def _text(item: Any) -> str:
    if item is None:
        return "null"
    return f"[{','.join(map(_text_of, item))}]" if isinstance(item, tuple) else _text_of(item)


def _text_of(record: Any) -> str:
    """Return a record as JSON; kept with the record, since most are the same in the next commit.

    The fields of a record and their contents never change; a changed record is a new object.
    """
    text: str | None = vars(record).get("_text")
    if text is None:
        text = vars(record)["_text"] = dumps(_members_of(record))
    return text
