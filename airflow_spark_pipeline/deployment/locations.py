"""The checkpoint location of a task, its credentials, and the length of the lease.

An argument of the operator takes precedence over the file, and the file over Airflow's configuration
(``[spark_pipeline]``). If none sets a location, a directory in the system's temporary directory is used: good for
trying out, but lost with the machine.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.checkpoint.location import StoreLocation, default_location
from airflow_spark_pipeline.checkpoint.state import DEFAULT_LEASE_SECONDS
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.deployment.airflow_masker import take_names_of_airflow, tell_airflow
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec
from airflow_spark_pipeline.secrets import leaves, mask

_SECTION = "spark_pipeline"
_DEFAULT_NAMESPACE = "default"
_SHORTEST_LEASE = 6.0  # one heartbeat per second; below that, load on the machine could stop a driver

log = logging.getLogger(__name__)


def configured(option: str) -> str | None:
    """Return an option of ``[spark_pipeline]`` in Airflow's configuration, or ``None`` if it is empty."""
    from airflow.providers.common.compat.sdk import conf  # read when a task runs, not while a DAG file is parsed

    value: str | None = conf.get(_SECTION, option, fallback=None)
    return value or None


def namespace() -> str:
    """Return the name of this deployment, which is part of every unit's key."""
    return configured("namespace") or _DEFAULT_NAMESPACE


def checkpoint_location(argument: str | None, in_file: str | None) -> str:
    """Return the location to use: from the argument, the file, the configuration, or a temporary directory."""
    location = argument or in_file or configured("checkpoint_location")
    if location:
        return location
    temporary = default_location()
    log.warning(
        "No checkpoint location is given; using %s, which other machines cannot see and a reboot may "
        "delete. Set checkpoint.location in the file, checkpoint_location in the DAG, or "
        "[spark_pipeline] checkpoint_location.",
        temporary,
    )
    return temporary


def location_of(argument: str | None, conn_id: str | None, checkpoint: CheckpointSpec | None = None) -> StoreLocation:
    """Return the location that an operator or a sensor with these arguments uses.

    :param argument: argument ``checkpoint_location``
    :param conn_id: argument ``checkpoint_conn_id``; default: the connection in Airflow's configuration
    :param checkpoint: checkpoint section of the pipeline's description, if available
    """
    return StoreLocation.of(
        checkpoint_location(argument, None if checkpoint is None else checkpoint.location),
        None if checkpoint is None else checkpoint.store,
        conn_id=conn_id or configured("checkpoint_conn_id"),
    )


def open_location(location: StoreLocation) -> CheckpointStore:
    """Return the store of a location. Reads the connection each time, so it blocks.

    :raises CheckpointLocationError: the location cannot be used, or its connection does not exist
    """
    return location.open(storage_options(location.conn_id, location.location))


def secrets_of(location: StoreLocation) -> list[str]:
    """Return the paths of secrets in a location itself, which Airflow's database must not contain.

    :return: paths of the store's ``instance-config``; ``location`` for a URL with a password
    """
    take_names_of_airflow()
    found = [] if mask(location.location) == location.location else ["location"]
    hidden = (leaf for leaf in leaves(location.config) if leaf.secret or mask(leaf.value) != leaf.value)
    return found + [join_path(leaf.path) for leaf in hidden]


def lease_seconds() -> float:
    """Return the seconds without a heartbeat after which a driver counts as dead.

    :raises CheckpointLocationError: the option is not a number, or too small
    """
    text = configured("lease_seconds")
    if text is None:
        return DEFAULT_LEASE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds >= _SHORTEST_LEASE:
        raise CheckpointLocationError(
            f"[spark_pipeline] lease_seconds is {text!r}; it must be a number of seconds, at least {_SHORTEST_LEASE:g}."
        )
    return seconds


def storage_options(conn_id: str | None, location: str) -> dict[str, Any]:
    """Return the fsspec options for a location from an Airflow connection.

    Any connection may have ``storage_options`` in its extra, which are used as they are; see
    :mod:`airflow_spark_pipeline.deployment.connections`.

    :param conn_id: id of the connection; ``None`` to use the credentials of the environment
    :param location: location to open with the options
    :raises CheckpointLocationError: the connection does not exist, or cannot be used for the location
    """
    if conn_id is None:
        return {}
    options = _of_connection(conn_id, location)
    tell_airflow(options)
    return options


def _of_connection(conn_id: str, location: str) -> dict[str, Any]:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook  # as above

    from airflow_spark_pipeline.deployment.connections import options_of

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise CheckpointLocationError(
            f"The checkpoint connection {conn_id!r} does not exist. Create it, or correct checkpoint_conn_id."
        ) from error
    return options_of(connection, location)
