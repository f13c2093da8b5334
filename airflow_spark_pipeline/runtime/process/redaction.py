"""The secrets of a driver: collected from its request and its environment, so that they can be masked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.pipeline.connect_string import ConnectString
from airflow_spark_pipeline.protocol import DriverRequest
from airflow_spark_pipeline.secrets import Redactor, secrets_of_environment
from airflow_spark_pipeline.secrets.references import values_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_OF_SESSION = "spark.sql.redaction.options.regex"


def redactor_of(request: DriverRequest, *more: Any) -> Redactor:
    """Return a redactor for the secrets of a request and of this process's environment.

    :param more: further configs that hold secrets
    """
    return Redactor(
        request.pipeline,
        request.storage_options,
        request.spark_config,
        # Secrets of the environment count too: the error message of a client may quote them.
        secrets_of_environment(os.environ),
        {"secret": values_of(os.environ, request.pipeline, request.spark_config)},
        {} if request.connect is None else ConnectString.parse(request.connect.url).secrets,
        *more,
    )


def redaction_of_session(spark: SparkSession, config: Mapping[str, str], secrets: Redactor) -> dict[str, str]:
    """Return the setting that hides a running session's secret settings in Spark's UI and event log.

    With each query Spark records the settings of the session, and hides those that this setting names. The
    application's own rule, ``spark.redaction.regex``, can no longer be changed at that time.

    :param config: settings of the session; if the rule is among them, it is extended
    """
    names = [name for name, value in config.items() if secrets.mask_config({name: value}) != {name: value}]
    if not names:
        return {}
    known = config.get(_OF_SESSION) or spark.conf.get(_OF_SESSION)
    return {_OF_SESSION: "|".join([*filter(None, [known]), *(f"^{re.escape(name)}$" for name in names)])}
