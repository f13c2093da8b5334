"""The content of a heartbeat: facts about its driver, for attempts that wait for it.

It has a checksum: if one digit of a process id changed, a running driver would look gone. If a heartbeat cannot be
read, only its age counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.checkpoint.checksum import seal, unseal
from airflow_spark_pipeline.checkpoint.validation import Shape, misfit

_SHAPE = Shape(
    {
        "runId": str,
        "attempt": int,
        "leaseSeconds": float,
        "process?": Mapping[str, Any] | None,
        "driver?": Mapping[str, Any] | None,
        "sparkUser?": str,
    }
)
_IDENTITY = Shape({"boot": str, "namespace": str, "processes": Mapping[str, int]})


def write_heartbeat(about: Mapping[str, Any], lease_seconds: float) -> bytes:
    """Return the content of a heartbeat.

    :param about: ``runId``, ``attempt``; ``process`` and ``driver`` in the form of ``processes.identify``;
        ``sparkUser``
    """
    return seal(json.dumps({**about, "leaseSeconds": lease_seconds})[1:-1])


def read_heartbeat(data: bytes) -> Mapping[str, Any] | None:
    """Return the content of a heartbeat, or ``None`` if it is not what a driver wrote."""
    try:
        about = unseal(data)
    except ValueError:
        return None
    return about if misfit(about, _SHAPE) is None and all(map(_is_identity, _identities(about))) else None


def _identities(about: Mapping[str, Any]) -> list[Any]:
    return [about[name] for name in ("process", "driver") if about.get(name)]


def _is_identity(value: Any) -> bool:
    return misfit(value, _IDENTITY) is None and all(pid.isdecimal() and pid.isascii() for pid in value["processes"])
