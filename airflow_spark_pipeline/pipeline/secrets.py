"""Which keys of a config hold a secret, decided by their names alone.

It promises that one rule serves the fingerprint, the display and the error texts. It does not look at values: a
password under a key with another name, or inside a URL, is not recognised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"

_SECRET = re.compile(
    r"secret|password|passwd|token|credential|private[-_]?key|access[-_]?key|api[-_]?key", re.IGNORECASE
)


def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must be kept out of logs, records and displays.

    :param key: one key, or a dotted path such as ``spark.hadoop.fs.s3a.access.key``
    """
    # Hadoop separates with dots what HOCON separates with dashes: fs.s3a.access.key is an access key, too.
    return _SECRET.search(key) is not None or _SECRET.search(key.replace(".", "-")) is not None


def mask(config: Any) -> Any:
    """Return a copy of ``config`` in which every value under a secret key reads ``***``.

    :param config: plain JSON: mappings, sequences and scalars, nested to any depth
    """
    if isinstance(config, Mapping):
        return {key: MASK if is_secret(str(key)) else mask(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return [mask(value) for value in config]
    return config
