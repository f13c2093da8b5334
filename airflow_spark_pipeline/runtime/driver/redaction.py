"""Everything that a driver has to keep to itself, from its request and its environment."""

from __future__ import annotations

import os
from typing import Any

from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.secrets import Redactor, secrets_of_environment
from airflow_spark_pipeline.secrets.references import values_of


def redactor_of(request: DriverRequest, *more: Any) -> Redactor:
    """Return what masks the secrets of a request, and those of this process's environment.

    :param more: configs with further secrets
    """
    return Redactor(
        request.pipeline,
        request.storage_options,
        request.spark_config,
        # What the environment calls a secret is one, too: an error of a client may quote it.
        secrets_of_environment(os.environ),
        {"secret": values_of(os.environ, request.pipeline, request.spark_config)},
        {} if request.connect is None else ConnectString.parse(request.connect.url).secrets,
        *more,
    )
