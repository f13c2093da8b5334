"""The messages for keys and values that do not fit a field: the same in a component's config and in a description.

Guarantees: a message contains no value whose path, or text, looks secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.binding.annotations import describe
from airflow_spark_pipeline.binding.suggestions import did_you_mean
from airflow_spark_pipeline.binding.written_numbers import WrittenNumber
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.secrets import is_secret_path, mask_text

_SHOWN_KEYS = 12
_SHOWN_CHARACTERS = 60


def unknown_key(key: str, known: list[str]) -> str:
    """Return the problem of an unknown key: a dataclass does not have it, and which ones it has."""
    message = f"unknown key {key!r}{did_you_mean(key, known)}"
    if not known:
        message += "; nothing can be configured here"
    elif len(known) <= _SHOWN_KEYS:
        message += f" (known: {', '.join(known)})"
    return message


def misfit(raw: Any, hint: Any, path: str, reason: str = "") -> PipelineDefinitionError:
    """Return the error for a value that does not fit the type ``hint``; a secret value is not shown."""
    message = f"expected {describe(hint)}, found {_found(raw, path)}" + (f"; {reason}" if reason else "")
    return PipelineDefinitionError([Problem(message, path)])


def _found(raw: Any, path: str) -> str:
    if raw is None:
        return "null"
    if isinstance(raw, Mapping):
        return "an object"
    if isinstance(raw, list | tuple):
        return "a list"
    kinds = {bool: "a boolean", int: "a whole number", float: "a number", WrittenNumber: "a number"}
    kind = kinds.get(type(raw), "text")
    # A connection string has its secret under a harmless key.
    hidden = (
        is_secret_path(path)
        or mask_text(str(raw)) != str(raw)
        or "key" in path.lower()
        or "://" in str(raw)
        or "@" in str(raw)
    )
    if hidden or len(str(raw)) > _SHOWN_CHARACTERS:
        return kind
    return f"{kind} ({raw if isinstance(raw, WrittenNumber) else json.dumps(raw, ensure_ascii=False)})"
