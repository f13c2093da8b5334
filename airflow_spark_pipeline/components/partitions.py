"""The partitions of a DataFrame, to write them one by one: each is a part of its component.

Guarantees: rows that Spark writes into one directory are one partition, so writing one never replaces rows of another.
Spark names a directory by the text of the value, and ``NULL`` and an empty text share one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_spark_pipeline.runtime.component.parts import LONGEST_KEY

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

Values = tuple["str | None", ...]

_DIGITS = 32


def partitions_of(frame: DataFrame, columns: Sequence[str]) -> list[Values]:
    """Return the partitions of a DataFrame, sorted; this computes it once.

    :return: the text of each column's value, ``None`` for a missing one
    """
    rows = frame.select(*(_text_of(name).alias(str(i)) for i, name in enumerate(columns))).distinct().collect()
    return sorted((tuple(row) for row in rows), key=lambda values: [(text is not None, text or "") for text in values])


def rows_of(frame: DataFrame, columns: Sequence[str], values: Values) -> DataFrame:
    """Return the rows of one partition."""
    from pyspark.sql import functions as sf

    for name, text in zip(columns, values, strict=True):
        frame = frame.where(_text_of(name).eqNullSafe(sf.lit(text)))
    return frame


def partition_key(columns: Sequence[str], values: Values) -> str:
    """Return the text that identifies a partition in all attempts.

    Example: ``day=2026-01-31/country=DE``; ``country`` alone if its value is missing.
    """
    named = zip(columns, values, strict=True)
    key = "/".join(quote(name) if text is None else f"{quote(name)}={quote(text, safe=' :+')}" for name, text in named)
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]
    return f"{key[: LONGEST_KEY - _DIGITS - 1]}…{digest}"


def _text_of(name: str) -> Column:
    """Return the text that names the directory: an empty one is missing, as Spark has it."""
    from pyspark.sql import functions as sf

    text = sf.col(f"`{name.replace('`', '``')}`").cast("string")
    return sf.when(text != "", text)
