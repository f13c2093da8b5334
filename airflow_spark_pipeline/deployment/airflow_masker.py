"""Registers secrets with Airflow's secrets masker, for the task log, rendered fields and the audit log.

So a secret is also masked if a component prints it into the task's log, or if Airflow logs it. The masker runs in the
process of the task and in its supervisor. The triggerer has a separate one, which learns secrets whenever a trigger
reads a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.secrets import secrets_in, set_more_names, spellings


def take_names_of_airflow() -> None:
    """Treat the names of ``[core] sensitive_var_conn_names`` as secret in descriptions, too."""
    from airflow.providers.common.compat.sdk import conf  # read when a task runs, not while a DAG file is parsed

    names: str = conf.get("core", "sensitive_var_conn_names", fallback="") or ""
    set_more_names(names.split(","))


def tell_airflow(*configs: Any) -> None:
    """Make Airflow mask the secrets of these configs from now on, in their usual spellings."""
    from airflow.providers.common.compat.sdk import conf  # as above
    from airflow.sdk.log import mask_secret

    shortest = conf.getint("logging", "min_length_masked_secret", fallback=5)  # Airflow warns about shorter ones
    found: list[Any] = sorted(
        {text for secret in secrets_in(*configs) for text in spellings(secret) if len(text) >= shortest}
    )
    if found:
        mask_secret(found)


def redacted_by_airflow(value: Any) -> Any:
    """Return a copy of JSON data in which the secrets that Airflow knows are masked, whatever they are called here.

    Airflow does not mask what a task keeps in its task state store. It knows, for example, the password of a connection
    that a template has read: ``line = "{{ conn.warehouse.password }}"``.
    """
    from airflow.providers.common.compat.sdk import redact  # as above

    if isinstance(value, Mapping):
        return {name: redacted_by_airflow(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_by_airflow(each) for each in value]
    return redact(value) if isinstance(value, str) else value
