"""What the numbers in a rewritten text stand for, and what its rewriter needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TypeAlias

from airflow_spark_pipeline.pipeline.hocon.nodes import Reference
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Path, Place, Word


@dataclass(frozen=True, slots=True)
class Scope:
    """The position of a text in the description.

    :param path: path of the key under which the file was included; empty inside a list, which a path cannot enter
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
    """A key with a value.

    :param path: path from the object that it is in; empty for an included file, which is merged with that object
    :param appended: for ``+=``, the reference to the key's earlier value
    """

    path: Path
    place: Place
    appended: Reference | None = None


#: What the numbers in a rewritten text stand for. A list of places has those of the items of a list.
Table: TypeAlias = "list[Key | Word | Reference | list[Place]]"
#: Reads an included file: (name, is it required?, scope of the including text, path, inside a list?, place); returns
#: the rewritten texts, the one that wins last.
Include = Callable[[str, bool, Scope, Address, bool, Place], list[str]]
#: Notes a problem after which reading continues: (message, place, address, is it only a warning?).
Report = Callable[[str, Place, Address, bool], None]
