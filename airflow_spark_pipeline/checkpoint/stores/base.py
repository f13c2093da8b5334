"""The interface of checkpoint stores.

A store keeps small objects under slash-separated names relative to its location. The protocol relies on these
guarantees of every implementation:

* ``create`` is exclusive (exactly one of any number of callers wins), and the content is complete as soon as the name
  exists;
* ``list`` and ``read`` see every create and delete that returned before they were called;
* after ``create`` or ``write`` has returned, the content survives a crash of this machine, as far as the medium allows.

Not guaranteed: whether a call that raised :class:`CheckpointStoreError` took effect; the log finds that out.
Implementations may be used from several threads, and after a fork.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import CheckpointError

if TYPE_CHECKING:
    from typing_extensions import Self


class ObjectNotFoundError(CheckpointError):
    """There is no object with this name. An object that cannot be read is a different error."""


class ObjectExistsError(CheckpointError):
    """An object with this name already existed, so nothing was created."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in a listing.

    :param name: last part of the object's name
    :param modified: time of the last write, in seconds by the *store's* clock; only comparable with other such times
    """

    name: str
    modified: float


class CheckpointStore(ABC):
    """Base class of stores for run logs.

    :param location: checkpoint location as the user wrote it, for messages
    """

    #: Possible error between two times of the store's clock, in seconds: 2 if it has whole seconds.
    clock_slack: float = 0.0

    #: How many runs are read or pruned at a time: more than one helps only if each request waits for a network.
    parallel_reads: int = 1

    #: Client that is used for the location, for people, if there is a choice; printed once in the log.
    way: str = ""

    #: Store of the location, if this store keeps its objects elsewhere: Spark saves outputs in the location.
    at_location: CheckpointStore | None = None

    def __init__(self, location: str) -> None:
        self.location = location

    @classmethod
    def from_config(cls, location: str, config: Mapping[str, Any]) -> Self:
        """Return the store that ``checkpoint.store`` in a description names.

        :param location: checkpoint location, if one is set
        :param config: ``instance-config`` of the store; each ``kebab-case`` key becomes an argument of the class
        :raises TypeError: the class does not accept these arguments
        """
        return cls(location, **{name.replace("-", "_"): value for name, value in config.items()})

    def exists(self) -> bool | None:
        """Whether the location exists; ``None`` if the store cannot tell. Nothing is written for this.

        In an object store a prefix exists only if there are objects below it.

        :raises CheckpointError: the store could not answer
        """
        return None

    @abstractmethod
    def list_objects(self, directory: str) -> list[StoredObject]:
        """Return the objects directly below ``directory``; none if it does not exist.

        :raises CheckpointError: the store could not answer
        """

    def list_names(self, directory: str) -> list[str]:
        """Return the names of the objects directly below ``directory``; faster than with times in some stores."""
        return [found.name for found in self.list_objects(directory)]

    def list_together(self, directories: Sequence[str]) -> dict[str, list[StoredObject]]:
        """Return what :meth:`list_objects` returns for each of some directories, with fewer requests than one for each.

        Each listing is one that a single request gave, and sees what was created or deleted before this call. The
        result may leave out any directory: list those with :meth:`list_objects`. This default leaves out all.
        """
        return {}

    @abstractmethod
    def list_directories(self, directory: str) -> list[str]:
        """Return the names of the directories directly below ``directory`` that hold any object, at any depth."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """Return the content of an object.

        :raises ObjectNotFoundError: there is no such object
        :raises CheckpointError: the store could not answer
        """

    @abstractmethod
    def create(self, path: str, data: bytes) -> None:
        """Create an object that must not exist yet, completely and exclusively.

        :raises ObjectExistsError: the object exists
        :raises CheckpointError: the object may or may not have been created
        """

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Create or replace an object."""

    @abstractmethod
    def delete(self, path: str) -> None:
        """Delete an object; no error if it does not exist."""

    def delete_all(self, paths: Sequence[str]) -> None:
        """Delete some objects; no error if one does not exist. A store that can do it in one request overrides this."""
        for path in paths:
            self.delete(path)

    @abstractmethod
    def delete_tree(self, directory: str) -> None:
        """Delete every object below ``directory``, at any depth; no error if there is none."""

    def remove_if_empty(self, directory: str) -> None:  # noqa: B027  # most stores have nothing to do
        """Remove a directory that holds nothing, if this store has directories that exist without objects."""

    def describe(self, path: str) -> str:
        """Return the full name of an object, for messages."""
        return f"{self.location.rstrip('/')}/{path}"
