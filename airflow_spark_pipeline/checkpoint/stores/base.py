"""What a place must be able to do to keep a log.

A store keeps small objects under slash-separated names relative to its location. What the protocol rests on, and what
an implementation therefore promises:

* ``create`` is exclusive (of any number of callers one wins) and the whole content is there as soon as the name is;
* ``list`` and ``read`` see every create and delete that returned before they were called;
* after ``create`` or ``write`` returned, the content survives a crash of this machine as far as the medium allows.

It does not promise to know whether a call that raised :class:`CheckpointStoreError` took effect: the log finds out.
Implementations may be used from several threads, and after a fork.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import CheckpointError

if TYPE_CHECKING:
    from typing_extensions import Self


class ObjectNotFoundError(CheckpointError):
    """No object has that name. Not the same as one that cannot be read."""


class ObjectExistsError(CheckpointError):
    """An object of that name was there already, so nothing was created."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it.

    :param name: the last part of its name
    :param modified: when it was written, in seconds by the *store's* clock; compared with each other only
    """

    name: str
    modified: float


class CheckpointStore(ABC):
    """A place for the objects of run logs.

    :param location: what the user wrote, for messages
    """

    #: By how many seconds two times of the store's clock may be off: 2 where it has whole seconds.
    clock_slack: float = 0.0

    #: By what the location is reached, for people, where there is more than one way; told once in the log.
    way: str = ""

    #: The store of the location itself, where this one keeps its objects elsewhere: Spark saves outputs there.
    at_location: CheckpointStore | None = None

    def __init__(self, location: str) -> None:
        self.location = location

    @classmethod
    def from_config(cls, location: str, config: Mapping[str, Any]) -> Self:
        """Return the store that ``checkpoint.store`` in a description names.

        :param location: the checkpoint location, where one is given
        :param config: ``instance-config``; each ``kebab-case`` key becomes an argument of the class
        :raises TypeError: the class does not take these arguments
        """
        return cls(location, **{name.replace("-", "_"): value for name, value in config.items()})

    def exists(self) -> bool | None:
        """Whether the location is there; ``None`` where the store cannot tell. Nothing is written to find out.

        An object store knows a prefix only by what is below it.

        :raises CheckpointError: the store could not answer
        """
        return None

    @abstractmethod
    def list_objects(self, directory: str) -> list[StoredObject]:
        """Return the objects directly below ``directory``; none where it is absent.

        :raises CheckpointError: the store could not answer
        """

    def list_names(self, directory: str) -> list[str]:
        """Return the names of the objects directly below ``directory``; for stores to which their times cost more."""
        return [found.name for found in self.list_objects(directory)]

    @abstractmethod
    def list_directories(self, directory: str) -> list[str]:
        """Return the names of the directories directly below ``directory`` that hold any object, at any depth."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """Return the content of an object.

        :raises ObjectNotFoundError: there is none
        :raises CheckpointError: the store could not answer
        """

    @abstractmethod
    def create(self, path: str, data: bytes) -> None:
        """Create an object that must not exist yet, whole and exclusively.

        :raises ObjectExistsError: it exists
        :raises CheckpointError: it may or may not have been created
        """

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Create or replace an object."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Remove an object; no error where there is none."""

    @abstractmethod
    def delete_tree(self, directory: str) -> None:
        """Remove every object below ``directory``, at any depth; no error where there is none."""

    def describe(self, path: str) -> str:
        """Return the full name of an object, for messages."""
        return f"{self.location.rstrip('/')}/{path}"
