"""Metadata of the fields of this package's dataclasses: names of keys, bounds, and which fields a file cannot set.

A type may have rules (``Annotated[int, Rule(between(0))]``), functions that return the value, or raise ``ValueError``
with the reason against it. A field's ``metadata`` may have:

* ``KEY``: the name of the key, if it is not the field's name in kebab-case
* ``ORIGIN``: the field says where the object came from, so a file cannot set it. With ``ORIGIN: PATH`` the
  binding fills it with the path of the object
"""

from __future__ import annotations

import dataclasses
import keyword
import typing
import unicodedata
from collections.abc import Callable
from typing import Any

KEY = "airflow_spark_pipeline.key"
ORIGIN = "airflow_spark_pipeline.origin"
PATH = "path"

_MOST = 1e12


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule for the values of a type.

    :param check: gets a value, and returns the value to use
    :param via: type to bind the value as before it is checked, if it is not the field's own
    """

    check: Callable[[Any], Any]
    via: Any = None


def key_of(field: dataclasses.Field[Any]) -> str:
    """Return the key of a field: ``input_path`` has ``input-path``, and ``from_`` has ``from``."""
    key: str = field.metadata.get(KEY) or field.name.rstrip("_").replace("_", "-")
    return key


def keys_of(cls: type) -> tuple[str, ...]:
    """Return the keys that a file can have for a dataclass."""
    return tuple(key_of(field) for field in dataclasses.fields(cls) if field.init and ORIGIN not in field.metadata)


def rules_of(hint: Any) -> list[Rule]:
    """Return the rules of a type."""
    carried = hint.__metadata__ if typing.get_origin(hint) is typing.Annotated else ()
    return [each for each in carried if isinstance(each, Rule)]


def between(least: float, most: float = _MOST) -> Callable[[Any], Any]:
    """Return a check for a number between two bounds, both included."""
    bounds = f"{least:g} or more" if most == _MOST else f"between {least:g} and {most:g}"

    def check(number: Any) -> Any:
        if not least <= number <= most:
            shown = f"{number:g}" if isinstance(number, float) else str(number)
            raise ValueError(f"{shown} is out of range; expected {bounds}")
        return number

    return check


def not_blank(text: str) -> str:
    """Check that a text is not blank."""
    if not text.strip():
        raise ValueError("the text is empty")
    return text


def on_one_line(text: str) -> str:
    """Check that a text has no control characters: in a table or a diagram, they would begin a row or a color."""
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("the text contains a line break or another control character")
    return text


def python_name(name: str) -> str:
    """Check the dotted name of a Python class."""
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
        raise ValueError(f"{name!r} is not a Python name; write package.module.Class")
    return name


def without_nulls(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Leave out the items that are null: in HOCON, null means missing."""
    return tuple(value for value in values if value is not None)
