"""Durations in HOCON's notation: in the fields of a file, the configs of components and on the command line.

A number, and a unit: ``90 s``, ``1.5h``, ``10 minutes``, ``2w``, ``500 us``. The result is exact or an error. A
number without a unit is milliseconds in a file, as in HOCON; on the command line the unit is required.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

EXPECTED = "a duration, such as 90 s, 30 minutes, 2h, 1.5d or 2w"

_UNITS = {
    ("ns", "nano", "nanos", "nanosecond", "nanoseconds"): Decimal("0.001"),
    ("us", "micro", "micros", "microsecond", "microseconds"): Decimal(1),
    ("ms", "milli", "millis", "millisecond", "milliseconds"): Decimal(1_000),
    ("s", "second", "seconds"): Decimal(1_000_000),
    ("m", "minute", "minutes"): Decimal(60_000_000),
    ("h", "hour", "hours"): Decimal(3_600_000_000),
    ("d", "day", "days"): Decimal(86_400_000_000),
    ("w", "week", "weeks"): Decimal(604_800_000_000),
}
_MICROSECONDS = {name: size for names, size in _UNITS.items() for name in names}
_DURATION = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)\s*([a-z]*)")


def parse_duration(text: str, *, bare: str = "") -> dt.timedelta:
    """Return the duration that ``text`` names.

    :param bare: unit of a number without one; by default it has to have one
    :raises ValueError: it is not a duration, or not a whole number of microseconds below 2.7 million years
    """
    match = _DURATION.fullmatch(text.strip())
    size = _MICROSECONDS.get(match[2] or bare) if match else None
    if match is None or size is None:
        raise ValueError(f"expected {EXPECTED}")
    microseconds = Decimal(match[1]) * size
    if microseconds != int(microseconds):
        raise ValueError("the duration is not a whole number of microseconds")
    try:
        return dt.timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise ValueError("the duration is too long") from None
