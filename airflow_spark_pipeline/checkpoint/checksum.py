"""JSON objects with a checksum in front, so that a single changed byte is noticed before anything is believed.

``{"checksum":"<sha256>","schemaVersion":2,…}``: the digest covers all bytes after the comma that follows it, so that
reading verifies bytes and never has to write the JSON anew. It finds damage: bad disks, interrupted copies, edits by
hand. It does not find an attacker, who can compute it as well.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_START, _END = b'{"checksum":"', b'",'
_DIGITS = 64
_HEAD = len(_START) + _DIGITS + len(_END)


def seal(members: str) -> bytes:
    """Return a JSON object of these members, with its checksum.

    :param members: JSON text without the braces, at least one member
    """
    # A lone surrogate, as os.listdir gives it for a name that is not UTF-8, becomes the escape that JSON has for it.
    rest = f"{members}}}".encode("utf-8", "backslashreplace")
    return b"".join((_START, _digest(rest), _END, rest))


def unseal(data: bytes) -> dict[str, Any]:
    """Return the members of an object that :func:`seal` wrote, without the checksum.

    :raises ValueError: it is not what was written, and why
    """
    rest = data[_HEAD:]
    if not data:
        raise ValueError("it is empty")
    if not data.startswith(_START) or data[_HEAD - len(_END) : _HEAD] != _END:
        raise ValueError("it does not start with a checksum")
    if data[len(_START) : len(_START) + _DIGITS] != _digest(rest):
        raise ValueError("its content does not match its checksum")
    return load(b"{" + rest)


def load(data: bytes) -> dict[str, Any]:
    """Return a JSON object, read strictly.

    :raises ValueError: it is not one, or names a member twice
    """
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004  # the caller asks one question
    return found


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it names a member twice")
    return found


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
