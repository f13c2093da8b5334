"""A read-only store, for commands that list, show or plan: they write nothing and create no directory.

Guarantees: no call creates, replaces or deletes an object. It works with a read-only location. Not guaranteed: the
store's time, since determining it needs a write; this machine's time is used, see ``reader_time``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.exceptions import CheckpointLocationError


class ReadingStore(CheckpointStore):
    """Wraps a store and passes on only the reading calls.

    :param store: store to read from
    """

    def __init__(self, store: CheckpointStore) -> None:
        super().__init__(store.location)
        self._store = store
        self.clock_slack = store.clock_slack
        self.parallel_reads = store.parallel_reads
        self.way = store.way
        if store.at_location is not None:
            self.at_location = ReadingStore(store.at_location)

    def exists(self) -> bool | None:
        """See :meth:`CheckpointStore.exists`."""
        return self._store.exists()

    def list_objects(self, directory: str) -> list[StoredObject]:
        """See :meth:`CheckpointStore.list_objects`."""
        return self._store.list_objects(directory)

    def list_names(self, directory: str) -> list[str]:
        """See :meth:`CheckpointStore.list_names`."""
        return self._store.list_names(directory)

    def list_together(self, directories: Sequence[str]) -> dict[str, list[StoredObject]]:
        """See :meth:`CheckpointStore.list_together`."""
        return self._store.list_together(directories)

    def list_directories(self, directory: str) -> list[str]:
        """See :meth:`CheckpointStore.list_directories`."""
        return self._store.list_directories(directory)

    def read(self, path: str) -> bytes:
        """See :meth:`CheckpointStore.read`."""
        return self._store.read(path)

    def create(self, path: str, data: bytes) -> None:
        """Raise an error, since the store is read-only."""
        self._refuse(path)

    def write(self, path: str, data: bytes) -> None:
        """Raise an error, since the store is read-only."""
        self._refuse(path)

    def delete(self, path: str) -> None:
        """Raise an error, since the store is read-only."""
        self._refuse(path)

    def delete_tree(self, directory: str) -> None:
        """Raise an error, since the store is read-only."""
        self._refuse(directory)

    def describe(self, path: str) -> str:
        """See :meth:`CheckpointStore.describe`."""
        return self._store.describe(path)

    def _refuse(self, path: str) -> NoReturn:
        raise CheckpointLocationError(
            f"The checkpoint location {self.location} is opened for reading only, so nothing is written there.",
            path=self.describe(path),
        )
