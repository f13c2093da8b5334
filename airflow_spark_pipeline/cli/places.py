"""Which store a command looks into: that of a file, of ``--location``, or of Airflow's configuration."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.checkpoint.locations import load_store, open_store
from airflow_spark_pipeline.checkpoint.store import CheckpointStore
from airflow_spark_pipeline.cli.describing import describe
from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True)
class Place:
    """A checkpoint location.

    :param options: fsspec's
    """

    location: str
    store: CheckpointStore
    options: dict[str, Any] = field(default_factory=dict, repr=False)


def place_of(arguments: Namespace, spec: PipelineSpec | None = None) -> Place:
    """Return the place that a command means.

    :param spec: of the file that the command is about
    :raises CheckpointLocationError: it cannot be used
    """
    if spec is None and getattr(arguments, "file", None):
        spec = describe(arguments.file, arguments.settings, sample=True)
    location = _absolute(arguments.location) or (None if spec is None else spec.checkpoint.location)
    options: dict[str, Any] = {}
    if location is None or arguments.conn_id is not None:
        # Airflow is imported only where its configuration or a connection is asked for: it takes a second.
        from airflow_spark_pipeline.hooks.locations import checkpoint_location, configured, storage_options

        conn_id = arguments.conn_id or configured("checkpoint_conn_id")
        location = location or checkpoint_location(None, None)
        options = storage_options(conn_id, location)
    custom = None if spec is None else spec.checkpoint.store
    if custom is not None:
        return Place(location, load_store(custom.instance_type, custom.instance_config, location, options), options)
    return Place(location, open_store(location, options), options)


def _absolute(location: str | None) -> str | None:
    """Return a path that is typed at a prompt in full: it means the directory that the user is in."""
    return str(Path(location).expanduser().absolute()) if location and ":/" not in location else location
