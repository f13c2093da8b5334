"""Read values out of a resolved description, and note everything that is wrong with them.

It converts as HOCON does (numbers and booleans serve as text, ``yes`` and ``on`` as true) and no further.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.binding.suggestions import did_you_mean
from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.hocon.scalars import Address, Place, Places, Word
from airflow_spark_pipeline.pipeline.spark_settings import said_elsewhere
from airflow_spark_pipeline.secrets import is_secret

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_KINDS = {"number": "a number", "boolean": "a boolean", "null": "null"}


class Checker:
    """Reads fields and notes what is wrong with them.

    :param places: where each key stands
    :param source: the file to name where a place has none
    :param problems: gets everything that is wrong
    :param fields: the known keys, by kind of object
    :param incomplete: something could not be read, so that nothing can be said of what is missing
    """

    def __init__(
        self,
        places: Places,
        source: str | None,
        problems: list[Problem],
        fields: Mapping[str, tuple[str, ...]],
        *,
        incomplete: bool = False,
    ) -> None:
        self._places = places
        self._source = source
        self._problems = problems
        self._fields = fields
        self._incomplete = incomplete

    def note(self, address: Address, message: str) -> None:
        """Note a problem, with the line of the key, or of the object in which a key is missing."""
        places = self._places.of
        place = places.get(address) or places.get(address[:-1]) or Place(self._source, 0)
        self._problems.append(Problem(message, join_path(address), place.file or self._source, place.line or None))

    def note_missing(self, address: Address, message: str) -> None:
        """Note that something is missing, unless it may be in what could not be read."""
        if not self._incomplete:
            self.note(address, message)

    def get(self, node: dict[str, Any], key: str, parent: Address, *, required: bool = False) -> Any:
        """Return a value, or ``None`` where there is none, or none that is worth looking at."""
        value = node.get(key)
        if isinstance(value, Word) and value.kind == "broken":
            return None
        if value is None or (isinstance(value, Word) and value.kind == "null"):  # HOCON: null is as good as missing
            if required:
                self.note_missing((*parent, key), "the field is missing")
            return None
        return value

    def block(self, node: dict[str, Any], key: str, parent: Address, kind: str | None) -> dict[str, Any] | None:
        """Return an object; of the fields of ``kind``, where it is not free-form (``None``)."""
        value = self.get(node, key, parent)
        return None if value is None else self.known(value, (*parent, key), kind)

    def known(self, value: Any, here: Address, kind: str | None) -> dict[str, Any] | None:
        """Return ``value`` if it is an object; keys that are no fields of ``kind`` are noted."""
        if not isinstance(value, dict):
            if not (isinstance(value, Word) and value.kind == "broken"):
                self.note(here, f"expected an object, found {kind_of(value)}")
            return None
        for key in value if kind else ():
            if key not in (known := self._fields[kind or ""]):
                self.note(
                    (*here, key),
                    f"unknown key {key!r}" + (did_you_mean(key, known) or f"; known here: {', '.join(known)}"),
                )
        return value

    def text(self, node: dict[str, Any], key: str, parent: Address, *, required: bool = False) -> str | None:
        """Return a text that is not empty."""
        value = self.get(node, key, parent, required=required)
        if value is None:
            return None
        if not isinstance(value, Word):
            self.note((*parent, key), f"expected text, found {kind_of(value)}")
        elif not value.text.strip():
            self.note((*parent, key), "the text is empty")
        else:
            return value.text
        return None

    def python_name(self, node: dict[str, Any], key: str, parent: Address) -> str | None:
        """Return the dotted name of a Python class."""
        name = self.text(node, key, parent, required=True)
        if name is None or all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
            return name
        self.note((*parent, key), f"`{name}` is no Python name; write `package.module.Class`")
        return None

    def choice(self, node: dict[str, Any], key: str, parent: Address, choices: tuple[str, ...]) -> str | None:
        """Return one of a few words."""
        word = self.text(node, key, parent)
        if word is None or word in choices:
            return word
        self.note((*parent, key), f"`{word}` is none of {', '.join(choices)}")
        return None

    def texts(self, node: dict[str, Any], key: str, parent: Address) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.get(node, key, parent)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.note((*parent, key), f"expected a list of texts, found {kind_of(value)}")
            return ()
        items = {str(index): item for index, item in enumerate(value)}
        found = [self.text(items, index, (*parent, key)) for index in items]
        return tuple(text for text in found if text is not None)

    def flag(self, node: dict[str, Any], key: str, parent: Address) -> bool | None:
        """Return a boolean, in HOCON's spellings."""
        value = self.get(node, key, parent)
        if value is None:
            return None
        flag = _FLAGS.get(value.text.lower()) if isinstance(value, Word) else None
        if flag is None:
            self.note((*parent, key), f"expected true or false, found {kind_of(value)}")
        return flag

    def whole_number(self, node: dict[str, Any], key: str, parent: Address) -> int | None:
        """Return a number that counts something, 0 or more."""
        value = self.number(node, key, parent)
        if value is None or value == int(value):
            return None if value is None else int(value)
        self.note((*parent, key), f"expected a whole number, found {value:g}")
        return None

    def number(
        self, node: dict[str, Any], key: str, parent: Address, *, least: float = 0.0, most: float = math.inf
    ) -> float | None:
        """Return a number between two bounds, both included."""
        value = self.get(node, key, parent)
        if value is None:
            return None
        if not (isinstance(value, Word) and _NUMBER.fullmatch(value.text)):
            self.note((*parent, key), f"expected a number, found {kind_of(value)}")
            return None
        number = float(value.text)
        if not least <= number <= min(most, 1e12):
            bounds = f"{least:g} or more" if most == math.inf else f"between {least:g} and {most:g}"
            self.note((*parent, key), f"{value.text} is out of range; expected {bounds}")
            return None
        return number

    def spark_config(self, node: dict[str, Any], here: Address, found: dict[str, str], prefix: str = "") -> None:
        """Collect Spark's settings flat: nested keys are joined with dots, values are places as Spark writes them."""
        for key in node:
            value, name = self.get(node, key, here), prefix + key
            place = self._places.shadowed.get((*here, key))
            if place is not None:
                message = f"`{name}` is a setting and a part of other settings' names; put these names in quotes"
                self.note((*here, key), message)
            elif isinstance(value, dict):
                self.spark_config(value, (*here, key), found, f"{name}.")
            elif isinstance(value, list):
                self.note((*here, key), "expected text, found a list; write its items as one text, with commas")
            elif name in found:
                self.note((*here, key), f"`{name}` is set twice, quoted and unquoted; remove one of them")
            elif value is not None and (elsewhere := said_elsewhere(name)) is not None:
                self.note((*here, key), elsewhere)
            elif value is not None:
                found[name] = value.text

    def plain(self, value: Any, here: Address) -> Any:
        """Return plain JSON."""
        if isinstance(value, dict):
            return {key: self.plain(child, (*here, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.plain(child, (*here, index)) for index, child in enumerate(value)]
        if value.kind == "text":
            return value.text
        if value.kind == "boolean":
            return value.text == "true"
        if value.kind == "number":
            return self._number(value.text, here)
        if value.kind == "ambiguous":
            shown = "the value" if any(is_secret(str(part)) for part in here) else f"`{value.text}`"
            message = f"{shown} can be read as text or as a number, boolean or null; quote it, or write it as JSON does"
            self.note(here, message)
        return None

    def _number(self, text: str, here: Address) -> int | float | None:
        try:
            number = float(text) if any(mark in text for mark in ".eE") else int(text)
        except ValueError:  # Python refuses to read more than some thousand digits
            number = math.inf
        if isinstance(number, float) and math.isinf(number):
            self.note(here, "the number is too large; quote it to have it as text")
            return None
        return number


def kind_of(value: Any) -> str:
    """Say what a value is, for a message."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return _KINDS.get(value.kind, "text")
