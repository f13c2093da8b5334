"""The JSON form of the specs: each field under its key, including those that a file cannot set.

Guarantees: ``from_json(type(spec), json.loads(json.dumps(to_json(spec)))) == spec``. ``from_json`` checks nothing: it
reads what ``to_json`` wrote. A field whose key is missing gets its default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from airflow_spark_pipeline.binding.annotations import COLLECTIONS, MAPPINGS, UNIONS, resolve, unwrap
from airflow_spark_pipeline.binding.fields import key_of

S = TypeVar("S", bound="JsonForm")


class JsonForm:
    """A frozen dataclass that can be sent as JSON."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON, by the keys of the HOCON file."""
        form: dict[str, Any] = to_json(self)
        return form

    @classmethod
    def from_dict(cls: type[S], data: Mapping[str, Any]) -> S:  # noqa: PYI019 (Self came with Python 3.11)
        """Read what `to_dict` wrote."""
        made: S = from_json(cls, data)
        return made


def to_json(value: Any) -> Any:
    """Return plain JSON; the mappings inside are copies, their values are not."""
    if dataclasses.is_dataclass(value):
        return {key_of(field): to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def from_json(hint: Any, data: Any) -> Any:
    """Return the value of the type ``hint`` that `to_json` turned into ``data``."""
    hint, origin, args = unwrap(hint)
    if origin in UNIONS:
        return None if data is None else from_json(args[0], data)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        given = [field for field in dataclasses.fields(hint) if key_of(field) in data]
        return hint(**{field.name: from_json(resolve(hint, field), data[key_of(field)]) for field in given})
    if origin in COLLECTIONS:
        return COLLECTIONS[origin](from_json(args[0], item) for item in data)
    return dict(data) if origin in MAPPINGS else data
