"""The directories of one attempt's outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from dataclasses import dataclass

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.exceptions import CheckpointError


@dataclass(frozen=True)
class OutputDirectories:
    """Where the components of an attempt write.

    :param location: checkpoint location
    :param outputs: directory of the unit's outputs, relative to the location
    :param number: number of the attempt's claim
    :param incarnation: the driver's; an attempt that the cluster manager restarts has several
    """

    location: str
    outputs: str
    number: int
    incarnation: str

    @property
    def of_unit(self) -> str:
        """The location of the outputs of all attempts."""
        return f"{self.location}/{self.outputs}"

    def of_try(self, index: int, retry: int) -> str:
        """Return the location for one try of the component at this index."""
        name = f"{index:04d}-retry-{retry}" if retry else f"{index:04d}"
        return f"{self.location}/{self._own}/{name}"

    def delete(self, store: CheckpointStore, indexes: Collection[int]) -> None:
        """Delete what the tries of the components at these indexes have written."""
        if not indexes:
            return
        with contextlib.suppress(CheckpointError):  # the clean-up of the run also deletes it
            for name in store.list_directories(self._own):
                if name.startswith(tuple(f"{index:04d}" for index in indexes)):
                    store.delete_tree(f"{self._own}/{name}")

    @property
    def _own(self) -> str:
        # The claim's number comes first: a clean-up deletes by number, so it never deletes a newer attempt's files.
        return f"{self.outputs}/{self.number:08d}-{self.incarnation}"
