"""What the guard saw of a description, and which of its substitutions pyhocon would resolve wrongly.

It promises to refuse what pyhocon 0.3.63 was seen to get wrong without a word: a circle that it cuts somewhere, an
override that it ignores, a value that it drops. It looks at where keys and substitutions stand, and resolves nothing.
"""

from __future__ import annotations

import pathlib
import re
from collections import defaultdict
from dataclasses import dataclass, field

from airflow_spark_pipeline.pipeline.spec import join_path
from airflow_spark_pipeline.pipeline.words import Address, Path, Place

# What pyhocon gets right, as far as comparing some ten thousand generated descriptions can say; see `_letter`.
_KNOWN_GOOD = re.compile("[pnb]*|b*ob*|po|op|p?s*|b+s*")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a text stands: its file, and the path at which it was included.

    :param in_list: it was included inside a list, where ``path`` is only that of the file around it
    :param directory: where relative includes are looked up
    :param chain: the files that are being read, outermost first, to notice a cycle
    """

    file: str | None = None
    path: Path = ()
    in_list: bool = False
    directory: pathlib.Path | None = None
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One ``${path}`` or ``${?path}``.

    :param address: of the key in whose value it stands
    """

    path: Path
    optional: bool
    scope: Scope
    place: Place
    address: Address


@dataclass(slots=True)
class Facts:
    """What the guard saw in all files of a description; the first four hold nothing from inside lists.

    :param scalars: keys with a value that is text only
    :param lists: keys with a value that is a list
    :param parents: keys with keys of their own
    :param certain: keys that have a value whatever the environment holds
    :param opaque: keys whose value comes from a substitution, in part at least
    :param appended: keys that something is added to with ``+=``
    :param assigned: for each key, what it was given one after another, a letter for each value: see `_letter`
    """

    scalars: dict[Address, Place] = field(default_factory=dict)
    lists: dict[Address, Place] = field(default_factory=dict)
    parents: set[Address] = field(default_factory=set)
    certain: set[Address] = field(default_factory=set)
    opaque: dict[Address, None] = field(default_factory=dict)  # in the order of the text
    appended: dict[Address, Place] = field(default_factory=dict)
    assigned: defaultdict[Address, str] = field(default_factory=lambda: defaultdict(str))

    def record(
        self, here: Address, references: list[Reference], before: int, shapes: str, place: Place, in_list: bool
    ) -> str:
        """Note that a key is given a value; returns what is wrong with that.

        :param references: all inside the value
        :param before: how many keys were opaque when the value began
        :param shapes: of its parts: ``t``, ``{``, ``[``, ``$`` and ``?``, or ``+`` for what is added to a list
        """
        top = [entry for entry in references if entry.address == here]
        own = [entry for entry in top if here in (entry.path, (*entry.scope.path, *entry.path))]
        self.assigned[here] += _letter(shapes, bool(own), bool(top), len(references) > len(own))
        if not in_list:
            if set(shapes) == {"t"}:
                self.scalars[here] = place
            if set(shapes) == {"["}:
                self.lists[here] = place
            if "{" in shapes:
                self.parents.add(here)
            if set(shapes) != {"?"}:
                self.certain.add(here)
        if top and shapes != "+":
            below = [
                other for other in [*self.opaque][:before] if len(other) > len(here) and other[: len(here)] == here
            ]
            self.opaque[here] = None
            if below:
                return "pyhocon loses keys where it lays a substitution over others; write one of them out"
        if _KNOWN_GOOD.fullmatch(self.assigned[here]) is None:
            return (
                "of a key with several values, some of them with substitutions, pyhocon may lose one; "
                "write one value, or a default and one override"
            )
        return ""

    def judge(self, reference: Reference, path: Path) -> str:
        """Return why pyhocon would resolve a reference wrongly, or nothing.

        :param path: where it leads, from the root
        """
        here = reference.address
        if here[: len(path)] == path and any(isinstance(part, str) for part in here[len(path) :]):
            return "the value contains itself"  # pyhocon takes what the key holds at that moment, or never ends
        listed = reference.scope.in_list or any(isinstance(part, int) for part in here)
        overrides = (
            len(self.assigned.get(here, "")) > 1 or here in self.parents or bool(above(here[:-1]) & self.opaque.keys())
        )
        several = path == here or here in self.parents or len(self.assigned.get(here, "")) > 1
        if several and above(here[:-1]) & self.opaque.keys():
            return "pyhocon loses keys where it lays one substitution over another; write one of them out"
        if path == here or not (overrides or listed):
            return ""
        name = f"`${{{'?' * reference.optional}{join_path(path)}}}`"
        if reference.optional and path[0] == here[0] and path not in self.certain:
            return f"where {name} is not defined, pyhocon drops the earlier value; refer to a key outside `{path[0]}`"
        if overrides and any("s" in kinds for other, kinds in self.assigned.items() if other[: len(path)] == path):
            return f"pyhocon repeats items where {name} holds a list that was added to; write that list at once"
        if overrides and any(path == other[: len(path)] or other in above(path) for other in self.opaque):
            return f"pyhocon keeps the earlier value where {name} is a substitution itself; write that one here"
        return ""

    def is_outside(self, path: Path, depth: int) -> bool:
        """Say whether a key at ``path`` can certainly not exist, ``depth`` being where its include stands."""
        return path[: depth + 1] not in self.certain and not above(path) & self.opaque.keys()


def _letter(shapes: str, own: bool, top: bool, others: bool) -> str:
    """Return what kind of value it is.

    ``s`` refers to its own key, ``t`` has other substitutions, too; ``o`` has others only, ``n`` has some deeper
    inside; ``b`` is an object, ``p`` everything else without any.
    """
    if own:
        return "t" if others else "s"
    if set(shapes) == {"{"}:
        return "b"
    if top and shapes != "+":
        return "o"
    return "n" if others else "p"


def above(path: Address) -> set[Address]:
    """Return ``path`` and all that it stands in."""
    return {path[:length] for length in range(1, len(path) + 1)}
