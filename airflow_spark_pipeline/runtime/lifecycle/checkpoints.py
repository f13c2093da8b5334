"""The checkpoint hook, for pipelines that are run from code."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import check_location, open_store
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks


class CheckpointHooks(PipelineHooks):
    """Record the progress of ``PipelineRunner.run`` in a store, so that the run can be resumed by its id.

    The runner finds this hook among its hooks and keeps the checkpoint log in its store, with the same protection as
    under the operator: exclusive commits, a lease, fencing. It is a gate: progress that cannot be saved stops the run.

    :param store: a store object, or a location: a directory or a URL
    :param storage_options: fsspec options, if a location is passed
    :raises CheckpointLocationError: no process could use the location
    """

    gate = True

    def __init__(
        self, store: CheckpointStore | str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(store, CheckpointStore):
            check_location(os.fspath(store))
        self._store = store
        self._options = storage_options

    @functools.cached_property
    def store(self) -> CheckpointStore:
        """The store; a location is opened when it is needed first.

        :raises CheckpointLocationError: the location cannot be used here
        """
        if isinstance(self._store, CheckpointStore):
            return self._store
        return open_store(os.fspath(self._store), self._options)
