"""Open the log of a request, with the credentials of the driver if it has its own."""

from __future__ import annotations

import os

from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.credentials import prefer_own_identity
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.runtime.process.output import say
from airflow_spark_pipeline.secrets.references import resolve


def open_log(request: DriverRequest) -> RunLog:
    """Return the log of the unit of work that a request names.

    :raises CheckpointError: the location cannot be opened
    """
    options = prefer_own_identity(request.location, request.storage_options, request.unit)
    # Without a Python client the JVM opens the location, before there is a session: pass the session's settings.
    location = StoreLocation.of(request.location, PipelineSpec.from_dict(request.pipeline).checkpoint.store)
    store = location.open(options, resolve(request.spark_config, os.environ))
    if store.way:
        say(f"Checkpoints at {location.name}, through {store.way}")
    return RunLog(store, request.unit)
