"""Converts one scalar of a resolved description to the Python type of its field.

As in HOCON, text becomes a number or a boolean, and a number or a boolean becomes text, because ``${?ENV}`` is always
text. A conversion that would lose something (1.5 to ``int``, true to ``int``) is refused. In *strict* mode, which
decides between the members of a union, a value only fits the type that it already has. Text fits dates, paths,
durations and enums, because a description cannot write them in another way.

No digit is lost: a number keeps its text (`WrittenNumber`), so that ``version = 3.10`` is ``3.10`` in a ``str`` field.
Only a ``float`` field rounds, to the nearest float.
"""

from __future__ import annotations

import datetime as dt
import enum
import pathlib
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.binding.durations import EXPECTED, parse_duration
from airflow_spark_pipeline.binding.written_numbers import as_float, plain

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_MOST_DIGITS = 4300  # Python writes no longer number
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class MisfitError(ValueError):
    """The value is not of the type, and cannot be converted to it without loss. The message is an optional reason.

    A retry does not help; the binding turns it into a problem of the description.
    """


def _to_str(raw: object, strict: bool) -> str:
    if isinstance(raw, str):
        return raw
    if strict or not isinstance(raw, int | float):
        raise MisfitError
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


def _to_bool(raw: object, strict: bool) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and not strict and (word := raw.strip().lower()) in _BOOLEANS:
        return _BOOLEANS[word]
    raise MisfitError


def _to_int(raw: object, strict: bool) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float | str) and not strict and _NUMBER.fullmatch(text := str(raw).strip()):
        number = Decimal(text)  # 1e3 is a float for the parser, and a float has 17 digits
        if number.adjusted() >= _MOST_DIGITS:
            raise MisfitError("the number is too large")
        if number == number.to_integral_value():
            return int(number)
    raise MisfitError


def _to_float(raw: object, strict: bool) -> float:
    if isinstance(raw, float) or (isinstance(raw, int) and not isinstance(raw, bool) and not strict):
        return float(raw)
    if isinstance(raw, str) and not strict and _NUMBER.fullmatch(raw.strip()):
        return as_float(raw.strip())
    raise MisfitError


def _to_decimal(raw: object, strict: bool) -> Decimal:
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return Decimal(str(raw))  # Decimal(0.1) would show the binary fraction
    if isinstance(raw, str) and not strict and _NUMBER.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    raise MisfitError


def _to_path(raw: object, _strict: bool) -> pathlib.Path:
    if not isinstance(raw, str):
        raise MisfitError
    if _URI.match(raw):
        raise MisfitError("a URI loses a slash in a pathlib.Path; annotate the field as str")
    return pathlib.Path(raw)


def _to_date(raw: object, _strict: bool) -> dt.date:
    if isinstance(raw, str):
        return dt.date.fromisoformat(raw.strip())
    raise MisfitError


def _to_datetime(raw: object, _strict: bool) -> dt.datetime:
    if isinstance(raw, str):
        return dt.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", raw.strip()))  # Python 3.10 does not know Z
    raise MisfitError


def _to_timedelta(raw: object, strict: bool) -> dt.timedelta:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and not strict:
        return dt.timedelta(milliseconds=raw)
    if not isinstance(raw, str):
        raise MisfitError
    try:
        return parse_duration(raw, bare="" if strict else "ms")
    except ValueError as error:
        raise MisfitError("" if EXPECTED in str(error) else str(error)) from None


_SCALARS: dict[Any, tuple[str, Callable[[object, bool], Any]]] = {
    str: ("text", _to_str),
    bool: ("true or false", _to_bool),
    int: ("a whole number", _to_int),
    float: ("a number", _to_float),
    Decimal: ("a decimal number", _to_decimal),
    pathlib.Path: ("a path", _to_path),
    dt.date: ("a date (2026-01-31)", _to_date),
    dt.datetime: ("a date and time (2026-01-31T06:00:00+00:00)", _to_datetime),
    dt.timedelta: (f"{EXPECTED} (a bare number: milliseconds)", _to_timedelta),
}


def _to_enum(raw: object, kind: type[enum.Enum], strict: bool) -> enum.Enum:
    for member in kind:
        if type(member.value) is type(plain(raw)) and member.value == raw:
            return member
    if isinstance(raw, str) and raw in kind.__members__:
        return kind.__members__[raw]
    for member in () if strict else kind:
        if type(member.value) in _SCALARS:
            try:
                if convert_scalar(raw, type(member.value)) == member.value:
                    return member
            except MisfitError:
                continue
    raise MisfitError


def is_enum(kind: object) -> bool:
    """Return whether ``kind`` is an enum class."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def is_scalar(kind: object) -> bool:
    """Return whether :func:`convert_scalar` knows ``kind``."""
    return is_enum(kind) or (isinstance(kind, type) and kind in _SCALARS)


def describe_scalar(kind: Any) -> str:
    """Return how a value of ``kind`` is written in a file, for an error message."""
    if is_enum(kind):
        return "one of " + ", ".join(repr(m.value if isinstance(m.value, str | int) else m.name) for m in kind)
    return _SCALARS[kind][0]


def convert_scalar(raw: object, kind: Any, *, strict: bool = False) -> Any:
    """Return ``raw`` as ``kind``.

    :param raw: a JSON value
    :param kind: a type for which :func:`is_scalar` holds
    :param strict: take only a value that is of that type already
    :raises MisfitError: it is something else
    """
    try:
        return _to_enum(raw, kind, strict) if is_enum(kind) else _SCALARS[kind][1](raw, strict)
    except MisfitError:
        raise
    except InvalidOperation:
        raise MisfitError("its exponent is too large") from None
    except (ValueError, ArithmeticError) as error:  # no such day, too large for a float or a timedelta
        raise MisfitError(str(error) if kind not in (dt.date, dt.datetime) else "") from None
