"""The checkpoint hook, for pipelines that are run from code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineHooks


class CheckpointHooks(PipelineHooks):
    """Record the progress of ``PipelineRunner.run`` in a store, so that the run can be resumed by its id.

    The runner finds this hook among its hooks and keeps the checkpoint log in its store, with the same protection as
    under the operator: exclusive commits, a lease, fencing. It is a gate: progress that cannot be saved stops the run.

    :param store: a store object, or a location: a directory or a URL
    :param storage_options: fsspec options, if a location is passed
    :raises CheckpointLocationError: the location cannot be used
    """

    gate = True

    def __init__(
        self, store: CheckpointStore | str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
    ) -> None:
        if not isinstance(store, CheckpointStore):
            store = open_store(os.fspath(store), storage_options)
        self.store = store
