"""Bounds of a range in the type of the column, so that comparisons are exact: no value is converted to DOUBLE.

min = 9007199254740993     of a BIGINT: this number, which a DOUBLE cannot hold
min = 0.5                  of an INT: 1, the smallest integer that is not less
max = "12.345"             of a DECIMAL(10, 2): 12.34, the greatest value that is not more
min = "2026-01-31"         of a DATE, a TIMESTAMP, or of text
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any

from airflow_spark_pipeline.exceptions import SparkPipelineError

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

Bound = int | float | str | Decimal | dt.date

_MOST_DIGITS = 400  # more than any DOUBLE or DECIMAL has
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_LARGEST = {"float": 3.4028234663852886e38, "double": 1.7976931348623157e308}
_SMALLEST = {"float": 1.401298464324817e-45, "double": 5e-324}


class BoundError(SparkPipelineError, ValueError):
    """A bound does not fit the type of its column; the message says why.

    A retry does not help: change the bound, or the column's type.
    """

    retry_helps = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound in the type of a column.

    :param literal: bound as text that Spark casts; ``None`` if no value of the type reaches the bound
    :param order: key for comparing two limits
    """

    literal: str | None
    order: Any


def shown(bound: Bound) -> str:
    """Return a bound in the form for messages."""
    return f"{bound:g}" if isinstance(bound, float) and float(f"{bound:g}") == bound else str(bound)


def plain(value: str) -> str:
    """Return a value as Spark writes it, without redundant zeros: ``10.0`` is 10."""
    return value.removesuffix(".0")


def limit(bound: Bound, kind: DataType, *, lower: bool) -> Limit:
    """Return a bound in the type of a column.

    :param lower: whether the bound is the least value, not the greatest
    :raises BoundError: the bound does not fit the type
    """
    name = kind.simpleString()
    if name in _BITS:
        greatest = 2 ** (_BITS[name] - 1) - 1
        return _step(_number(bound, name), 0, -greatest - 1, greatest, lower=lower)
    if name.startswith("decimal"):
        precision, scale = (int(part) for part in re.findall(r"\d+", name))
        greatest_decimal = Decimal(10**precision - 1).scaleb(-scale)
        return _step(_number(bound, name), scale, -greatest_decimal, greatest_decimal, lower=lower)
    if name in _LARGEST:
        return _floating(_number(bound, name), name)
    if name in ("date", "timestamp", "timestamp_ntz"):
        return _moment(bound, name)
    if name.startswith(("string", "char", "varchar")):
        if isinstance(bound, str):
            return Limit(bound, bound.encode())
        raise BoundError(f"{shown(bound)} is a number, and the column is text; quote it to compare as text")
    raise BoundError(f"a range cannot be checked for a column of type {name}")


def outside(value: Column, kind: DataType, least: Limit | None, most: Limit | None) -> Column:
    """Return whether a value is less than the least, or more than the greatest."""
    from pyspark.sql import functions as F  # noqa: N812

    found = F.lit(False)
    for bound, lower in ((least, True), (most, False)):
        if bound is None:
            continue
        if bound.literal is None:  # beyond all values of the type, above or below
            found = found | F.lit((bound.order > 0) == lower)
        else:
            literal = F.lit(bound.literal).cast(kind)
            found = found | (value < literal if lower else value > literal)
    return found


def _number(bound: Bound, name: str) -> Decimal:
    if isinstance(bound, dt.date):
        raise BoundError(f"{bound} is a date, and the column is of type {name}")
    try:
        number = Decimal(str(bound).strip())
    except InvalidOperation:
        raise BoundError(f"{bound!r} is not a number, and the column is of type {name}") from None
    if not number.is_finite():
        raise BoundError(f"{bound!r} is not a finite number; omit the bound")
    if abs(number.adjusted()) > _MOST_DIGITS or len(number.as_tuple().digits) > _MOST_DIGITS:
        raise BoundError(f"a number of more than {_MOST_DIGITS} digits fits no column")
    return number


def _step(number: Decimal, scale: int, least: Decimal | int, greatest: Decimal | int, *, lower: bool) -> Limit:
    """Round inwards to a multiple of ``10 ** -scale``."""
    with localcontext() as context:
        context.prec = 3 * _MOST_DIGITS
        rounded = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_CEILING if lower else ROUND_FLOOR)
    return Limit(f"{rounded:f}" if least <= rounded <= greatest else None, rounded)


def _floating(number: Decimal, name: str) -> Limit:
    value = float(number)
    if abs(value) > _LARGEST[name]:
        raise BoundError(f"{number} is larger than any number of a column of type {name}")
    if number != 0 and abs(value) < _SMALLEST[name]:
        raise BoundError(f"{number} is closer to 0 than any number of a column of type {name}")
    return Limit(repr(value), value)


def _moment(bound: Bound, name: str) -> Limit:
    if not isinstance(bound, (str, dt.date)):
        raise BoundError(f"{shown(bound)} is a number, and the column is of type {name}; write {_example(name)}")
    try:
        moment = _parsed(bound) if isinstance(bound, str) else bound
    except ValueError:
        raise BoundError(f"{bound!r} is not a {name}; write {_example(name)}") from None
    if name == "date":
        if isinstance(moment, dt.datetime):
            raise BoundError(f"{bound!s} has a time of day, and the column is of type date; write {_example(name)}")
        return Limit(moment.isoformat(), moment)
    if not isinstance(moment, dt.datetime):
        moment = dt.datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  # in the session's time zone
    if moment.tzinfo is not None and name == "timestamp_ntz":
        raise BoundError(f"{bound!s} has a time zone, and the column is of type timestamp_ntz; omit the time zone")
    order = moment if moment.tzinfo is None else moment.astimezone(dt.timezone.utc)
    return Limit(moment.isoformat(sep=" "), (moment.tzinfo is not None, order))


def _parsed(text: str) -> dt.date:
    text = text.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return dt.date.fromisoformat(text)
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        raise ValueError(text)
    return dt.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))  # Python 3.10 does not parse Z


def _example(name: str) -> str:
    return '"2026-01-31"' if name == "date" else '"2026-01-31 06:00:00"'


def is_number(bound: Bound | None) -> bool:
    """Whether a bound can be compared with another one without knowing the column."""
    return isinstance(bound, (int, float, Decimal)) and math.isfinite(bound)
