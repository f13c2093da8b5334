"""From a description to the log of one of its units of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec


def open_log(
    checkpoint: CheckpointSpec,
    location: str,
    options: Mapping[str, Any],
    unit: str,
    spark_config: Mapping[str, str] | None = None,
) -> RunLog:
    """Return the log of a unit in the store that a description names, or else in the one that the location names.

    :param location: the location in use, which need not be the description's
    :param options: fsspec's, of the location
    :param unit: the unit's directory
    :param spark_config: settings of Spark that a session of this process will have beside those of ``spark-submit``
    :raises CheckpointLocationError: there is no such store here
    """
    custom = checkpoint.store
    if custom is None:
        return RunLog(open_store(location, options, spark_config), unit)
    store = load_store(custom.instance_type, custom.instance_config, location, options, spark_config)
    return RunLog(store, unit)
