"""Finds out which fields of a component changed between two runs, without storing a value.

A fingerprint maps the HOCON path of each field, relative to the component, to a digest keyed with a salt of the run.
Guarantees: different values have different digests (types count: ``1``, ``"1"`` and ``true`` differ, and so do ``3.10``
and ``3.1``, which a field of text tells apart); a field cannot be mistaken for another; secrets are not included, so a
rotated password is not a change. Not hidden: *which* fields exist. The code of ``instance-type`` is not part of it.
``instance-name`` and ``path`` are left out: fingerprints are compared by name.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.written_numbers import WrittenNumber
from airflow_spark_pipeline.pipeline.spec import ComponentSpec
from airflow_spark_pipeline.secrets import compared, leaves

_DIGEST_CHARS = 16
VERSION = "version"  # of the class, which only the driver knows; no field has this path


def fingerprint(component: ComponentSpec, salt: str) -> dict[str, str]:
    """Return a digest for every field of ``component`` that is not a secret.

    :param component: the component as described
    :param salt: not empty, the same for all attempts at one unit of work; without it a short value could be guessed
        from its digest
    :return: HOCON path relative to the component (``instance-type``, ``instance-config.columns[1]``) to 16 hex digits
    :raises ValueError: the salt is empty, or the config holds a value that is not JSON
    """
    if not salt:
        raise ValueError("a fingerprint needs a salt that is not empty")
    digests = {"instance-type": _digest("instance-type", component.instance_type, salt)}
    if not component.enabled:  # only then, so that it shows as one change and no other fingerprint changes
        digests["enabled"] = _digest("enabled", component.enabled, salt)
    for leaf in leaves(component.instance_config, ("instance-config",)):
        with contextlib.suppress(LookupError):  # secrets are not compared
            text = join_path(leaf.path)
            value = compared(leaf)
            digests[text] = _digest(text, value.compared if isinstance(value, WrittenNumber) else value, salt)
    return digests


def version_digest(version: object, salt: str) -> str:
    """Return the digest of a class's version, which may be ``None``; stored as the field ``version``."""
    return _digest(VERSION, version, salt)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the paths that were changed, added or removed between two fingerprints of one salt, sorted."""
    return sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def _digest(path: str, value: Any, salt: str) -> str:
    # The path is part of the message, framed by JSON: ("ab", "c") and ("a", "bc") must not meet, and equal values
    # in two fields must not show as equal. JSON spells 1, "1", true, 1.0, {} and [] differently.
    message = json.dumps([path, value], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hmac.new(salt.encode(), message.encode(), hashlib.sha256).hexdigest()[:_DIGEST_CHARS]
