"""Commits that hold changes: what a running attempt did since its base, instead of the whole state.

A *base* holds the whole state. A commit of changes holds the number of its base and everything that changed **since the
base**, so that a reader needs these two and no other. It can only hold what a driver changes while it runs: components
that are done, and their records. Any other change needs a new base.

Guarantees: a base with the changes that :func:`changes_since` returned is exactly the state.

Example of a commit of changes, after base 5: component 2 is done.

``{"checksum":…,"schemaVersion":3,"number":7,"base":5,"baseNonce":…,"runId":…,"nonce":…,"updatedAt":…,"done":["c"],``
``"components":[{"index":2,"action":"ran","attempt":1,…}]}``

========================  ============================================================================================
``base``                  number of the base
``baseNonce``             nonce of the base, so that another commit under its number is not taken for it
``runId``                 as in the base
``done``                  names of the components that completed since the base, in the order in which they did
``components``            of each record that changed since the base: its index, and the members that differ; of
                          ``parts`` only those that were added (``partsAdded``)
========================  ============================================================================================
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import seal
from airflow_spark_pipeline.checkpoint.encoding import NAMES, dumps
from airflow_spark_pipeline.checkpoint.state import (
    SCHEMA_VERSION,
    AttemptSummary,
    Base,
    CheckpointState,
    CheckpointStatus,
    ComponentCheckpoint,
)

_MOST = 64  # commits between two bases, however many components there are: a directory has to stay small
_MEMBERS = NAMES[ComponentCheckpoint]
#: Of a changed record: the parts since the base, instead of all its parts.
PARTS_ADDED = "partsAdded"
#: Fields of a state that a commit of changes holds; it has the others of its base.
HELD = ("nonce", "updated_at", "components", "completed_components", "attempts")
_others = operator.attrgetter(*(name for name in CheckpointState.__dataclass_fields__ if name not in HELD))
_fixed = operator.attrgetter("index", "name", "type", "extra")  # of a record; a change of these needs a new base
_members = operator.attrgetter(*_MEMBERS)


def is_changes(raw: Mapping[str, Any]) -> bool:
    """Whether a stored JSON object is a commit of changes."""
    return raw.get("schemaVersion") == SCHEMA_VERSION


def most_changes(records: int) -> int:
    """Return after how many commits a new base is written.

    Example: of 200 components, 28 commits hold changes of 1 to 28 records. Fewer bases would make these larger than the
    bases that they save.

    :param records: components, and the parts of components that are recorded
    """
    return min(_MOST, math.isqrt(4 * records))


def to_trim(numbers: list[int], base: int, state: CheckpointState) -> list[int]:
    """Return the commits that the writer of a new base may delete: below the base, and never its own claim.

    The claim tells whose run it is even if the base gets damaged. Commits of earlier attempts stay for display, unless
    there are many. Example: claims 0 and 4, new base 20: 5 to 19 are deleted, and 0 to 3 stay.

    :param numbers: numbers of the commits, from the check of the base
    :param state: state of the base
    """
    own = [number for number in numbers if state.claim_number < number < base]
    if len(numbers) - len(own) <= _MOST // 2:
        return own
    return [number for number in numbers if number < base and number != state.claim_number]


def changes_since(base: Base, number: int, state: CheckpointState) -> bytes | None:
    """Return the bytes of the commit that holds what changed since a base; ``None`` if the state needs a new base.

    :param number: number of the commit
    """
    # Parts only allow more commits, so they are counted only when the components alone would not allow this one.
    since = number - base.number
    if since > most_changes(len(state.components)) and since > most_changes(_records(state)):
        return None
    done = _done_since(base, state)
    changed = None if done is None else _changed(base, state)
    if changed is None:
        return None
    head = dumps(
        {
            "schemaVersion": SCHEMA_VERSION,
            "number": number,
            "base": base.number,
            "baseNonce": base.state.nonce,
            "runId": state.run_id,
            "nonce": state.nonce,
            "updatedAt": state.updated_at,
            "done": done,
        }
    )
    return seal(f'{head[1:-1]},"components":[{",".join(changed)}]')


def _records(state: CheckpointState) -> int:
    return sum(1 + len(record.parts) for record in state.components)


def _done_since(base: Base, state: CheckpointState) -> list[str] | None:
    """Return the components that completed since the base; ``None`` if more than that has changed."""
    old = base.state
    if state.status is not CheckpointStatus.RUNNING or _others(old) != _others(state):
        return None
    if len(old.components) != len(state.components) or not (old.attempts and state.attempts):
        return None
    done = state.attempts[-1].ran[len(old.attempts[-1].ran) :]
    if not base.indexes.keys() >= set(done):
        return None
    same = _attempts(old, done) == state.attempts and _completed(base, done) == state.completed_components
    return list(done) if same else None


def _changed(base: Base, state: CheckpointState) -> list[str] | None:
    """Return the changed records as JSON; ``None`` if one has changed in what the base alone holds."""
    found = []
    before, after = base.state.components, state.components
    # Nearly all records are those of the base: this must not be a loop of Python over all of them.
    for new in itertools.compress(after, map(operator.is_not, before, after)):
        old = before[new.index]
        known = base.texts.get(new.index)
        if known is None or known[0] is not new:
            if _fixed(old) != _fixed(new):
                return None
            known = base.texts[new.index] = (new, _difference(old, new))
        found.append(known[1])
    return [text for text in found if text]


def _difference(old: ComponentCheckpoint, new: ComponentCheckpoint) -> str:
    pairs = zip(_MEMBERS.values(), _members(old), _members(new), strict=True)
    different = {key: value for key, before, value in pairs if value != before}
    if new.parts and new.parts[: len(old.parts)] == old.parts:  # most have many parts, and one more than before
        different.pop("parts", None)
        if added := new.parts[len(old.parts) :]:
            different[PARTS_ADDED] = added
    return dumps({"index": new.index, **different}) if different else ""


def with_changes(base: Base, raw: Mapping[str, Any], records: Mapping[int, ComponentCheckpoint]) -> CheckpointState:
    """Return the state of a commit of changes.

    :param raw: stored JSON object, checked
    :param records: the changed records by index
    """
    done = tuple(raw["done"])
    return replace(
        base.state,
        nonce=raw["nonce"],
        updated_at=raw["updatedAt"],
        components=tuple(records.get(index, record) for index, record in enumerate(base.state.components)),
        completed_components=_completed(base, done),
        attempts=_attempts(base.state, done),
    )


def _completed(base: Base, done: tuple[str, ...]) -> tuple[str, ...]:
    """Return all completed components, in the order of the description."""
    before, more = base.state.completed_components, sorted(done, key=base.indexes.__getitem__)
    if more and before and base.indexes[more[0]] < base.indexes[before[-1]]:
        return tuple(sorted({*before, *more}, key=base.indexes.__getitem__))
    return (*before, *more)


def _attempts(base: CheckpointState, done: tuple[str, ...]) -> tuple[AttemptSummary, ...]:
    last = base.attempts[-1]
    return (*base.attempts[:-1], replace(last, ran=(*last.ran, *done)))
