"""What is a secret, and how it is kept out of what others see; for Airflow's side and for the driver.

``names`` says which names hold one, ``values`` finds them inside texts with a harmless name, ``spellings`` finds a
known one however it is encoded, ``masking`` takes them out of configs and texts, and
``references`` are how a value names one that it does not hold. Standard library only: it is
shipped to the driver.
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
