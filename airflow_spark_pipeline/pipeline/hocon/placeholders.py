"""What the numbers in a rewritten text stand for, and what its rewriter is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TypeAlias

from airflow_spark_pipeline.pipeline.hocon.nodes import Reference
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Path, Place, Word


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a text is.

    :param path: of the key under which the file was included; empty inside a list, where a path leads nowhere
    :param in_list: it was included inside a list
    :param directory: where relative includes are looked up
    :param chain: the files that are being read, outermost first, to notice a circle
    """

    file: str | None = None
    path: Path = ()
    in_list: bool = False
    directory: FilePath | None = None
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """A key that is given a value.

    :param path: from the object that it is in; empty for an included file, which is merged with that object
    :param appended: of ``+=``, the reference to what the key holds before
    """

    path: Path
    place: Place
    appended: Reference | None = None


#: What the numbers in a rewritten text stand for. A list of places are those of the items of a list.
Table: TypeAlias = "list[Key | Word | Reference | list[Place]]"
#: Reads an included file: (name, is it required?, scope of the including text, path, inside a list?, place); returns
#: the rewritten texts, the one that wins last.
Include = Callable[[str, bool, Scope, Address, bool, Place], list[str]]
#: Notes something after which reading can go on: (message, place, address, is it only a warning?).
Report = Callable[[str, Place, Address, bool], None]
