"""Whose identity opens a checkpoint location in the driver.

Keys that a user put into a connection are used as they are. Temporary credentials (they come with a session token) end
in the middle of a long run: where the driver has an identity of its own that reaches the location, that one is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError

_IDENTITY = ("key", "secret", "token")


def are_temporary(options: Mapping[str, Any]) -> bool:
    """Whether fsspec's options hold credentials that end by themselves."""
    return bool(options.get("token")) and "key" in options


def prefer_own_identity(location: str, options: Mapping[str, Any], unit: str) -> Mapping[str, Any]:
    """Return the options with which this process opens a location.

    :param options: as the operator handed them over
    :param unit: a directory that has to be readable
    """
    if not are_temporary(options):
        return options
    own = {name: value for name, value in options.items() if name not in _IDENTITY}
    try:
        open_store(location, own).list_objects(unit)
    except CheckpointError:
        return options
    return own
