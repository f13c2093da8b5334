"""Find the line of each key of a syntax tree.

It promises the line of the assignment that counts, where that is certain, and none where it is not: below a value
that comes from a substitution, or at a list position that a substitution may shift. It does not resolve anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_spark_pipeline.pipeline.nodes import (
    Address,
    ListNode,
    Member,
    ObjectNode,
    Place,
    Scalar,
    Substitution,
    Value,
)


@dataclass(slots=True)
class Places:
    """Where things were written.

    :param of: address to place
    :param shadowed: keys that were given a scalar and, elsewhere, keys of their own; one of the two is lost
    """

    of: dict[Address, Place] = field(default_factory=dict)
    shadowed: dict[Address, Place] = field(default_factory=dict)


def find_places(members: list[Member]) -> Places:
    """Return the places of all keys.

    :param members: of the root object
    """
    finder = _Finder()
    finder.members(members, ())
    shadowed = {address: place for address, place in finder.scalars.items() if address in finder.parents}
    return Places(finder.places, shadowed)


class _Finder:
    def __init__(self) -> None:
        self.places: dict[Address, Place] = {}
        self.scalars: dict[Address, Place] = {}
        self.parents: set[Address] = set()

    def members(self, members: list[Member], address: Address) -> None:
        for member in members:
            here = (*address, *member.path)
            for length in range(len(address) + 1, len(here)):
                self.parents.add(here[:length])
                self.places.setdefault(here[:length], member.place)
            self._assign(here, member)
            self._value(member.value, here)

    def _assign(self, here: Address, member: Member) -> None:
        parts = member.value.parts
        known = here in self.places
        if any(isinstance(part, ObjectNode) for part in parts):
            self.parents.add(here)
        elif all(isinstance(part, Scalar) for part in parts):
            self.scalars[here] = member.place
        if known and member.value.appends:
            return
        if known and not all(isinstance(part, ObjectNode) for part in parts):
            # What was assigned here, or below, is gone, or may be: a line of it could be the wrong one.
            for old in [old for old in self.places if old[: len(here)] == here]:
                del self.places[old]
        if not known or not any(isinstance(part, Substitution) for part in parts):
            self.places[here] = member.place

    def _value(self, value: Value, address: Address) -> None:
        last = value.parts[-1]
        if isinstance(last, ObjectNode):  # of several objects in one value, only the last is sure to count
            self.members(last.members, address)
        elif isinstance(last, ListNode) and len(value.parts) == 1:
            for index, item in enumerate(last.items):
                here = (*address, index)
                if any(isinstance(part, Substitution) and part.optional for part in item.parts):
                    break  # where it is not defined, the items behind it move up
                self.places[here] = item.place
                self._value(item, here)
