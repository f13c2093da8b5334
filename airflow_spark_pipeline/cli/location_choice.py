"""The checkpoint location of a command: from the file, ``--location``, or Airflow's configuration."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.read_only import ReadingStore
from airflow_spark_pipeline.cli.description import describe, values_in
from airflow_spark_pipeline.cli.output import OUTPUT
from airflow_spark_pipeline.exceptions import CheckpointLocationError, SparkPipelineError
from airflow_spark_pipeline.pipeline.spec import PipelineSpec


@dataclass(frozen=True)
class Opened:
    """The location that a command uses, and its store.

    :param origin: source of the location, for messages
    :param options: fsspec options for the location
    """

    location: StoreLocation
    store: CheckpointStore
    origin: str
    options: dict[str, Any] = field(default_factory=dict, repr=False)

    def require(self) -> None:
        """Raise if the location does not exist: it is mistyped, or nothing was ever recorded there.

        :raises CheckpointLocationError: the location does not exist, or cannot be read
        """
        if self.store.exists() is False:
            raise CheckpointLocationError(
                f"The checkpoint location {self.location.name} ({self.origin}) does not exist. Check the "
                "spelling, or use another one with --location; the first run of a pipeline creates "
                "it.",
                path=self.location.location,
            )


def open_to_read(arguments: Namespace) -> Opened:
    """Return the existing location that a command reads; it is opened read-only.

    :raises CheckpointLocationError: the location cannot be used, or does not exist
    """
    opened = open_place(arguments)
    opened.require()
    return replace(opened, store=ReadingStore(opened.store))


def open_place(arguments: Namespace, spec: PipelineSpec | None = None) -> Opened:
    """Return the location that a command uses.

    :param spec: description in the command's file
    :raises CheckpointLocationError: the location cannot be used
    """
    if spec is None and getattr(arguments, "file", None):
        spec = describe(arguments.file, arguments.settings, values_in(arguments.values_files), sample=True)
    location, origin = _absolute(arguments.location), "from --location"
    if location is None and spec is not None:
        location, origin = spec.checkpoint.location, f"from {spec.source or 'the file'}"
    options: dict[str, Any] = {}
    if location is None or arguments.conn_id is not None:
        location, origin, options = _from_airflow(location, origin, arguments.conn_id)
    where = StoreLocation.of(location, None if spec is None else spec.checkpoint.store)
    return Opened(where, where.open(options), origin, options)


def _from_airflow(location: str | None, origin: str, conn_id: str | None) -> tuple[str, str, dict[str, Any]]:
    """Return the location, its source and its options, completed by Airflow's configuration and connections."""
    try:
        # Airflow is imported only if its configuration or a connection is needed: the import takes a second.
        from airflow_spark_pipeline.deployment.locations import checkpoint_location, configured, storage_options

        conn_id = conn_id or configured("checkpoint_conn_id")
        if location is None:
            named = configured("checkpoint_location") is not None
            origin = "from [spark_pipeline] checkpoint_location" if named else "the default, since none is configured"
            location = checkpoint_location(None, None)
        options = storage_options(conn_id, location)
        OUTPUT.hide(options)
        return location, origin, options
    except SparkPipelineError:
        raise
    except (Exception, SystemExit) as error:  # any error of Airflow with a broken airflow.cfg or database
        why = " ".join(f"{type(error).__name__}: {error}".split())
        needed = f"the connection {conn_id!r}" if conn_id else "the checkpoint location"
        raise CheckpointLocationError(
            f"Airflow's configuration, which is needed for {needed}, cannot be read: {why}. Fix it, or "
            "use --location, with credentials from the environment."
        ) from error


def _absolute(location: str | None) -> str | None:
    """Return a typed path as an absolute one, which starts from the current directory."""
    if not location or ":/" in location:
        return location
    with contextlib.suppress(RuntimeError):  # there is no such user: opening it says so
        return str(Path(location).expanduser().absolute())
    return location
