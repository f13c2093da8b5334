"""A store that is only looked at: what lists, shows or plans can write nothing, and makes no directory.

Promises: whatever is called, no object is created, replaced or deleted. A location that may only be read can be looked
at. Does not promise the store's own time, since asking for it writes: this machine's is used, see ``reader_time``.
"""

from __future__ import annotations

from typing import NoReturn

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, StoredObject
from airflow_spark_pipeline.exceptions import CheckpointLocationError


class ReadingStore(CheckpointStore):
    """Another store, of which nothing but the reading calls is passed on.

    :param store: the one to look at
    """

    def __init__(self, store: CheckpointStore) -> None:
        super().__init__(store.location)
        self._store = store
        self.clock_slack = store.clock_slack
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

    def list_directories(self, directory: str) -> list[str]:
        """See :meth:`CheckpointStore.list_directories`."""
        return self._store.list_directories(directory)

    def read(self, path: str) -> bytes:
        """See :meth:`CheckpointStore.read`."""
        return self._store.read(path)

    def create(self, path: str, data: bytes) -> None:
        """Refuse."""
        self._refuse(path)

    def write(self, path: str, data: bytes) -> None:
        """Refuse."""
        self._refuse(path)

    def delete(self, path: str) -> None:
        """Refuse."""
        self._refuse(path)

    def delete_tree(self, directory: str) -> None:
        """Refuse."""
        self._refuse(directory)

    def describe(self, path: str) -> str:
        """See :meth:`CheckpointStore.describe`."""
        return self._store.describe(path)

    def _refuse(self, path: str) -> NoReturn:
        raise CheckpointLocationError(
            f"The checkpoint location {self.location} is only looked at, so nothing is written there.",
            path=self.describe(path),
        )
