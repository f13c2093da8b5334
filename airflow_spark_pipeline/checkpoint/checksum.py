"""JSON objects with a checksum in front, so that a reader notices a single changed byte.

``{"checksum":"<sha256>","schemaVersion":2,…}``: the digest covers all bytes after the comma that follows it, so that a
reader verifies the bytes and does not need to write the JSON again. It detects damage: bad disks, interrupted copies,
manual edits. It does not detect an attacker, who can compute it too.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_START, _END = b'{"checksum":"', b'",'
_DIGITS = 64
_HEAD = len(_START) + _DIGITS + len(_END)


def seal(members: str) -> bytes:
    """Return a JSON object with these members and their checksum.

    :param members: JSON text without the braces, at least one member
    """
    # A lone surrogate, which os.listdir returns for a name that is not UTF-8, becomes its JSON escape.
    rest = f"{members}}}".encode("utf-8", "backslashreplace")
    return b"".join((_START, _digest(rest), _END, rest))


def unseal(data: bytes) -> dict[str, Any]:
    """Return the members of an object that :func:`seal` wrote, without the checksum.

    :raises ValueError: the data is not what was written; the message says why
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

    :raises ValueError: the data is not a JSON object, or has a member twice
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
