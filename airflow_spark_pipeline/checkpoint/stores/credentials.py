"""Chooses the credentials that open a checkpoint location in the driver.

Keys from a connection are used as they are. Temporary credentials (with a session token) may expire during a long run:
if the driver's own identity can read the location, that is used instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import CheckpointError

_IDENTITY = ("key", "secret", "token")


def are_temporary(options: Mapping[str, Any]) -> bool:
    """Whether fsspec options hold credentials that expire."""
    return bool(options.get("token")) and "key" in options


def prefer_own_identity(location: str, options: Mapping[str, Any], unit: str) -> Mapping[str, Any]:
    """Return the options with which this process opens a location.

    :param options: fsspec options that the operator passed
    :param unit: directory of the unit, which must be readable with the chosen identity
    """
    if not are_temporary(options):
        return options
    own = {name: value for name, value in options.items() if name not in _IDENTITY}
    try:
        open_store(location, own).list_objects(unit)
    except CheckpointError:
        return options
    return own
