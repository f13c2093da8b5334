"""Secrets: finds them and masks them, in Airflow and in the driver.

``names`` recognizes names of secrets, ``values`` finds secrets in texts with a harmless name, ``spellings`` finds a
known secret in any encoding, ``masking`` masks secrets in configs and texts, and ``references`` handles values that
refer to a secret without containing it. Standard library only, since this is shipped to the driver.
"""

from airflow_spark_pipeline.secrets.masking import (
    MASK,
    Leaf,
    Redactor,
    compared,
    is_hidden,
    leaves,
    mask,
    mask_text,
    secrets_in,
    secrets_of_environment,
)
from airflow_spark_pipeline.secrets.names import is_secret, is_secret_path, more_names, set_more_names
from airflow_spark_pipeline.secrets.spellings import spellings

__all__ = [
    "MASK",
    "Leaf",
    "Redactor",
    "compared",
    "is_hidden",
    "is_secret",
    "is_secret_path",
    "leaves",
    "mask",
    "mask_text",
    "more_names",
    "secrets_in",
    "secrets_of_environment",
    "set_more_names",
    "spellings",
]
