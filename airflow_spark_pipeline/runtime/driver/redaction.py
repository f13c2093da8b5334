"""Everything that a driver has to keep to itself, from its request and its environment."""

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


def redaction_of_session(spark: SparkSession, config: Mapping[str, str], secrets: Redactor) -> dict[str, str]:
    """Return what keeps secret settings out of Spark's UI and event log, where a session gets them while it runs.

    Spark records with each query what the session has set, and hides there what this one setting names; the rule of the
    application, ``spark.redaction.regex``, cannot be changed any more.

    :param config: the settings of the session; if the rule is among them, it is extended
    """
    names = [name for name, value in config.items() if secrets.mask_config({name: value}) != {name: value}]
    if not names:
        return {}
    known = config.get(_OF_SESSION) or spark.conf.get(_OF_SESSION)
    return {_OF_SESSION: "|".join([*filter(None, [known]), *(f"^{re.escape(name)}$" for name in names)])}
