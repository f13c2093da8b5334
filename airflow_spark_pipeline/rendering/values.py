"""Writes Python values as HOCON.

Guarantees: the result is one value; no text can end a quote, open an object, or be read as a substitution.

    as_hocon("a, b")      -> "a, b"  (with its quotes)
    as_hocon(["x", 1])    -> ["x", 1]
    as_hocon(None)        -> null
    as_text(["x", 1])     -> ['x', 1]  (what Jinja would write)
"""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import numbers
import types
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from typing import Any

from airflow_spark_pipeline.binding.written_numbers import WrittenNumber

_MILLISECOND = dt.timedelta(milliseconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)


class UnwritableError(Exception):
    """The value cannot be part of a description; the message says why and what to write, without the value."""


class Json(str):
    """JSON text, which is also HOCON: the result of the filter ``tojson``."""

    __slots__ = ()


class Hocon(str):
    """HOCON text: the result of the filter ``hocon``."""

    __slots__ = ()


class Literal(str):
    """Literal text of the template, such as ``{{ "," if not loop.last }}``: written by its author, not a value."""

    __slots__ = ()


def quoted(text: str) -> str:
    """Return a text in quotes, on one line.

    :raises UnwritableError: the text contains a lone surrogate, which a file cannot contain
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = f"U+{ord(text[error.start]):04X}"
        raise UnwritableError(
            f"has half of a surrogate pair ({code}), which is not a character: it comes from bytes that are not UTF-8, "
            "such as a file name in Latin-1"
        ) from None
    return json.dumps(text, ensure_ascii=False)


def escaped(text: str) -> str:
    """Return a text with the escapes that it needs between quotes."""
    return quoted(text)[1:-1]


def as_text(value: Any) -> str:
    """Return a value as part of a text, as Jinja writes it.

    :raises UnwritableError: the text would be meaningless
    """
    if isinstance(value, str):
        return str(value)
    _refuse_meaningless(value)
    if isinstance(value, Iterator):
        raise UnwritableError("is a generator, which has no text: add `| list` or `| join(', ')` to it")
    return str(value)


def as_hocon(value: Any) -> str:
    """Return a value as HOCON, on one line: text in quotes, lists and mappings as such.

    :raises UnwritableError: HOCON has no form for the value
    """
    try:
        return _hocon(value)
    except RecursionError:
        raise UnwritableError("is nested too deeply, or contains itself") from None


def _hocon(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, enum.Enum):
        return _hocon(value.value)
    if isinstance(value, str):
        return str(value) if isinstance(value, (Json, Hocon)) else quoted(str(value))
    if type(value).__module__.partition(".")[0] == "numpy":
        return _hocon(value.tolist())  # for an array and for a scalar
    return _of_numbers(value) or _of_many(value) or quoted(as_text(value))


def _of_numbers(value: Any) -> str:
    """Return a number, a duration or a date as HOCON, or an empty text."""
    if isinstance(value, (numbers.Number, dt.timedelta)):
        return _number(value)
    return quoted(value.isoformat()) if isinstance(value, (dt.date, dt.time)) else ""


def _of_many(value: Any) -> str:
    """Return a list or a mapping as HOCON, or an empty text."""
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, AbstractSet) and not isinstance(value, KeysView):
        return _list(sorted(value, key=repr))  # otherwise each try would have a different order
    if isinstance(value, (Sequence, Iterator, KeysView, ValuesView)) and not isinstance(value, (bytes, bytearray)):
        return _list(value)
    return ""


def _number(value: Any) -> str:
    if isinstance(value, WrittenNumber):
        return value.text
    if isinstance(value, dt.timedelta):
        unit, name = (_MILLISECOND, "ms") if value % _MILLISECOND == dt.timedelta() else (_MICROSECOND, "us")
        return quoted(f"{value // unit} {name}")
    if isinstance(value, numbers.Integral):
        try:
            return str(int(value))
        except ValueError:
            raise UnwritableError("is a whole number with more digits than Python writes") from None
    is_float = isinstance(value, numbers.Real) and math.isfinite(value)
    # a Decimal is not a Real, and keeps its digits as text
    return repr(float(value)) if is_float else quoted(str(value))


def _mapping(value: Mapping[Any, Any]) -> str:
    members = {as_text(key): child for key, child in value.items()}
    if len(members) < len(value):
        raise UnwritableError("has two keys that are written alike, such as 1 and '1'")
    return "{" + ", ".join(f"{quoted(key)}: {_hocon(child)}" for key, child in members.items()) + "}"


def _list(values: Iterable[Any]) -> str:
    return "[" + ", ".join(map(_hocon, values)) + "]"


def is_collection(value: Any) -> bool:
    """Whether a value is a list or a mapping, and not text or a number."""
    return not isinstance(value, (str, bytes, bytearray)) and isinstance(
        value, (Mapping, Sequence, AbstractSet, Iterator)
    )


def _refuse_meaningless(value: Any) -> None:
    if isinstance(value, (bytes, bytearray)):
        raise UnwritableError("is bytes; decode it to text first: {{ value.decode() }}")
    kind = type(value)
    bare_object = vars(object)["__str__"] is kind.__str__ and vars(object)["__repr__"] is kind.__repr__
    if bare_object or isinstance(value, _FUNCTIONS):
        call = ": call it, with ()" if callable(value) else ": name one of its attributes"
        raise UnwritableError(f"is a Python object ({kind.__name__}) and not a value{call}")
