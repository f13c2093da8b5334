r"""Stand-ins for what pyhocon must not interpret: it gets a handle, and the handle stands for what was written.

It promises that a scalar arrives as it was written, whatever pyhocon makes of ``5m``, ``007``, ``""`` in a list, tabs
or ``\u0041``, that a key is one key whatever characters it has, and that the place of a value is that of its own
line. Merging, including and substituting stay pyhocon's: it moves handles around like any other text, and joins them.
Secrets come along: pyhocon's errors and logs can show handles only.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Keys from the root; an address has list positions, too.
Path = tuple[str, ...]
Address = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"(?!include$)[A-Za-z_][A-Za-z0-9_-]*", re.IGNORECASE)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
# What one reader takes for a number, a boolean or nothing, and another for text.
_AMBIGUOUS = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-?(nan|inf|infinity)|true|false|null|none", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file (or of text, where ``file`` is ``None``); line 0 where it is not known."""

    file: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar of the description.

    :param kind: ``text``, ``number``, ``boolean``, ``null``, ``ambiguous`` (``007``, ``True``), or ``broken`` for a
        value that a problem was noted for
    :param text: what was written
    """

    kind: str
    text: str


BROKEN = Word("broken", "")


@dataclass(slots=True)
class Places:
    """Where things were written.

    :param of: address to place, for everything that exists; line 0 where it is not certain
    :param shadowed: keys that were given a scalar and, elsewhere, keys of their own; one of the two is lost
    """

    of: dict[Address, Place] = field(default_factory=dict)
    shadowed: dict[Address, Place] = field(default_factory=dict)


def classify(word: str) -> str:
    """Return the kind of an unquoted word that stands alone: see `Word`."""
    if word in ("true", "false"):
        return "boolean"
    if word == "null":
        return "null"
    if _NUMBER.fullmatch(word):
        return "number"
    return "ambiguous" if _AMBIGUOUS.fullmatch(word) else "text"


class Words:
    """The handles of one description, all its files included."""

    def __init__(self) -> None:
        # No text of the user's, nor of the environment, can be mistaken for a handle that nobody can guess.
        self._salt = secrets.token_hex(8)
        self._handle = re.compile(rf"<{self._salt}:(\d+)>")
        self._held: list[tuple[Word, Place, str]] = []
        self._names: dict[str, str] = {}
        self.mark = f"at-{self._salt}"

    def hold(self, word: Word, place: Place, key: str) -> str:
        """Return the handle for ``word``, as a quoted HOCON text.

        :param key: the key that stands on the line of ``place``
        """
        self._held.append((word, place, key))
        return f'"<{self._salt}:{len(self._held) - 1}>"'

    def name(self, key: str) -> str:
        """Return the name under which pyhocon knows ``key``: itself, where that is safe."""
        if _PLAIN_KEY.fullmatch(key):
            return key
        return self._names.setdefault(key, f"key-{self._salt}-{len(self._names)}")

    def join(self, path: Path) -> str:
        """Return a path as pyhocon knows it."""
        return ".".join(map(self.name, path))

    def release(self, tree: Any, places: Places, address: Address = ()) -> Any:
        """Return what pyhocon made of the handles, as dicts, lists and `Word`.

        :param places: gets the place of everything
        """
        if isinstance(tree, Mapping):
            return self._object(tree, places, address)
        if isinstance(tree, list):
            items = [item for item in tree if item is not None]  # undefined; a null that was written is a handle
            released = [self.release(item, places, (*address, index)) for index, item in enumerate(items)]
            first: Address = (*address, 0)
            places.of[address] = places.of[first] if items else Place(None, 0)
            return released
        return self._scalar(tree, places, address)

    def _object(self, tree: Mapping[str, Any], places: Places, address: Address) -> dict[str, Any]:
        keys = {name: key for key, name in self._names.items()}
        mark = self._handle.search(str(tree.get(self.mark)))
        places.of[address] = self._held[int(mark[1])][1] if mark else Place(None, 0)
        return {
            keys.get(name, name): self.release(value, places, (*address, keys.get(name, name)))
            for name, value in tree.items()
            if name != self.mark and value is not None
        }

    def _scalar(self, text: str, places: Places, address: Address) -> Word:
        found = [self._held[int(index)] for index in self._handle.findall(text)]
        key = next((part for part in reversed(address) if isinstance(part, str)), "")
        lines = {place for _, place, _ in found} if all(key == other for _, _, other in found) else set()
        places.of[address] = lines.pop() if len(lines) == 1 else Place(None, 0)
        if any(word is BROKEN for word, _, _ in found):
            return BROKEN
        if len(found) == 1 and self._handle.fullmatch(text):
            return found[0][0]
        return Word("text", self._handle.sub(lambda match: self._held[int(match[1])][0].text, text))
