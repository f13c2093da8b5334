"""The tree of a description before its substitutions are resolved, and how a later value is merged with an earlier one.

The rules are those of the HOCON specification. A later object is merged with an earlier object; any other value
replaces the earlier one. If one of the two is a substitution, the result is only known after it is resolved, so both
are kept, newest first::

    spark = ${defaults}           Stack([Object(master), Reference(defaults)])
    spark { master = local }
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Path, Place, Word


@dataclass(eq=False, slots=True)
class Entry:
    """A value and its place.

    :param lost: place of a text or a list that the key has, although it has keys elsewhere: one of the two is lost
    """

    value: Node
    place: Place
    lost: Place | None = None


@dataclass(eq=False, slots=True)
class Object:
    """Keys with their values.

    :param hides: an earlier value was not an object, so that nothing older is merged with it
    """

    entries: dict[str, Entry] = field(default_factory=dict)
    hides: bool = False


@dataclass(eq=False, slots=True)
class Array:
    """A list."""

    items: list[Entry]


@dataclass(eq=False, slots=True)
class Reference:
    """``${path}`` or ``${?path}``.

    :param path: from the root of the whole description
    :param prefix: how many keys of ``path`` only say where its file was included; it is looked up without them as well
    :param key: key of the value that it is a part of, for messages
    """

    path: Path
    prefix: int
    optional: bool
    place: Place
    key: Address


@dataclass(eq=False, slots=True)
class Concatenation:
    """Several parts one after another; at least one is a substitution.

    :param appends: it was written as ``+=``
    """

    parts: list[Node]
    appends: bool = False


@dataclass(eq=False, slots=True)
class Stack:
    """Values of one key, newest first, that can be merged only when they are resolved."""

    values: list[Entry]


Node: TypeAlias = "Word | Object | Array | Reference | Concatenation | Stack"
PENDING = (Reference, Concatenation, Stack)


def is_resolved(node: Node) -> bool:
    """Return whether ``node`` contains no substitution."""
    if isinstance(node, Object):
        return all(is_resolved(entry.value) for entry in node.entries.values())
    if isinstance(node, Array):
        return all(is_resolved(entry.value) for entry in node.items)
    return not isinstance(node, PENDING)


def hides(node: Node) -> bool:
    """Return whether values that are older than ``node`` are ignored."""
    if isinstance(node, Object):
        return node.hides
    if isinstance(node, Stack):
        return hides(node.values[-1].value)
    return is_resolved(node)


def merge(new: Entry, old: Entry | None) -> Entry:
    """Return the value of a key that is set to ``old`` and then to ``new``."""
    if old is None:
        return new
    if hides(new.value):
        lost = new.place if isinstance(old.value, Object) and not isinstance(new.value, Object) else None
        return Entry(new.value, new.place, new.lost or lost)
    if isinstance(new.value, Object) and isinstance(old.value, Object):
        return Entry(_merge_objects(new.value, old.value), new.place, new.lost or old.lost)
    if isinstance(new.value, Object) and not isinstance(old.value, PENDING) and is_resolved(new.value):
        return Entry(Object(new.value.entries, hides=True), new.place, old.place)
    return Entry(Stack([*_values(new), *_values(old)]), new.place)


def _values(entry: Entry) -> list[Entry]:
    return entry.value.values if isinstance(entry.value, Stack) else [entry]


def _merge_objects(new: Object, old: Object) -> Object:
    entries = dict(old.entries)
    for key, entry in new.entries.items():
        entries[key] = merge(entry, entries.get(key))
    return Object(entries, old.hides)


def same(one: Node | None, other: Node | None) -> bool:
    """Return whether two resolved values are equal, wherever they are written."""
    if one is other:
        return True
    if isinstance(one, Object) and isinstance(other, Object):
        keys = one.entries.keys() | other.entries.keys()
        return all(
            key in one.entries and key in other.entries and same(one.entries[key].value, other.entries[key].value)
            for key in keys
        )
    if isinstance(one, Array) and isinstance(other, Array):
        pairs = zip(one.items, other.items, strict=False)
        return len(one.items) == len(other.items) and all(same(left.value, right.value) for left, right in pairs)
    return isinstance(one, Word) and isinstance(other, Word) and one == other
