"""The syntax tree of a HOCON text: plain data between ``syntax``, which builds it, and ``resolve``, which reads it.

Every node knows its place, because an error without a line is hard to act on. It
promises nothing about meaning: keys are neither merged nor resolved.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field

#: Keys from the root; an address has list positions, too.
Path = tuple[str, ...]
Address = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file (or of text, where ``file`` is ``None``)."""

    file: str | None
    line: int


@dataclass(slots=True)
class Scalar:
    """Text, number, boolean or null, as it was written.

    :param kind: see `resolve.Word`
    """

    kind: str
    text: str
    place: Place


@dataclass(slots=True)
class Substitution:
    """``${path}`` or ``${?path}``.

    :param scope: where the file it stands in was included; HOCON looks there first
    :param space_after: white space before the next part, where that is a substitution, too
    """

    path: Path
    optional: bool
    scope: Path
    place: Place
    space_after: str = ""


@dataclass(slots=True)
class Value:
    """The parts of a value, to be concatenated; never empty, unless ``broken``.

    :param broken: already reported as a problem, not to be looked at again
    :param appends: written with ``+=``
    """

    parts: list[Scalar | Substitution | ObjectNode | ListNode]
    place: Place
    broken: bool = False
    appends: bool = False


@dataclass(slots=True)
class Member:
    """One ``key = value``; ``path`` has an element for each part of a dotted key."""

    path: Path
    value: Value
    place: Place


@dataclass(slots=True)
class ObjectNode:
    """An object, ``{ … }``."""

    members: list[Member] = field(default_factory=list)


@dataclass(slots=True)
class ListNode:
    """A list, ``[ … ]``."""

    items: list[Value] = field(default_factory=list)


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


#: Reads an included file: (name, is it required?, scope of the including text, path, inside a list?, place).
Include = Callable[[str, bool, Scope, Address, bool, Place], list[Member]]
#: Notes a problem after which reading can go on: (message, place, address).
Report = Callable[[str, Place, Address], None]
