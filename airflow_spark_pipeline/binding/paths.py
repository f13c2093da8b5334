"""The path of a value in a description, for messages and the specs: ``pipeline.pipeline-components[0]``."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


def join_path(segments: Iterable[str | int]) -> str:
    """Write a HOCON path: ``("a", "b.c", 0)`` reads ``a."b.c"[0]``.

    :param segments: keys as text, list positions as numbers counted from 0
    """
    text = ""
    for segment in segments:
        if isinstance(segment, int):
            text += f"[{segment}]"
            continue
        # A key with a dot in it is not two keys; unquoted, "b.c" and b { c } would share one path.
        plain = _PLAIN_SEGMENT.fullmatch(segment) is not None
        quoted = segment if plain else '"' + segment.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{quoted}" if text else quoted
    return text


def join_key(path: str, key: str) -> str:
    """Write the path of a key of the object at ``path``, which is empty for the root."""
    return f"{path}.{join_path([key])}" if path else join_path([key])
