"""What Airflow's own masker is told: it keeps the secrets out of the task log, rendered fields and the audit log.

So what a component prints is masked as well, once it is in the task's log, and what Airflow itself logs of the same
secret. The masker lives in the process of the task and in its supervisor; the triggerer has another one, which is told
whenever a trigger looks up a connection.
"""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.secrets import secrets_in, set_more_names, spellings


def take_names_of_airflow() -> None:
    """Take the names of ``[core] sensitive_var_conn_names`` for secret in descriptions, too."""
    from airflow.providers.common.compat.sdk import conf  # read when a task runs, not while a DAG file is parsed

    names: str = conf.get("core", "sensitive_var_conn_names", fallback="") or ""
    set_more_names(names.split(","))


def tell_airflow(*configs: Any) -> None:
    """Have Airflow mask the secrets of these configs from now on, in their usual spellings."""
    from airflow.providers.common.compat.sdk import conf, mask_secret  # as above

    shortest = conf.getint("logging", "min_length_masked_secret", fallback=5)  # of others, Airflow warns
    found: list[Any] = sorted(
        {text for secret in secrets_in(*configs) for text in spellings(secret) if len(text) >= shortest}
    )
    if found:
        mask_secret(found)
