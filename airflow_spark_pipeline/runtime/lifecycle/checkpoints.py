"""Checkpoints as a hook among others, for a run that is put together in code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks


class CheckpointHooks(PipelineHooks):
    """Record the progress of ``PipelineRunner.run`` in a store, so that the run can be resumed by its id.

    The runner finds it among the hooks that it is given and keeps its log there, with everything that a log of the
    operator has: exclusive commits, a lease, fencing. It is a gate: progress that cannot be saved stops the run.

    :param store: a store, or the location of one: a directory, or a URL
    :param storage_options: fsspec's options, for a location
    :raises CheckpointLocationError: the location cannot be used
    """

    gate = True

    def __init__(
        self, store: CheckpointStore | str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(store, CheckpointStore):
            store = open_store(os.fspath(store), storage_options)
        self.store = store
