"""Measuring, and what a row of the table is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One ratio.

    :param aim: the ratio that is wanted, ``None`` where the number is only to be known
    """

    what: str
    baseline: str
    measured: float
    base: float
    unit: str = "ms"
    aim: float | None = None

    @property
    def ratio(self) -> float:
        """How many times the baseline."""
        return self.measured / self.base


def interleaved(
    measured: Callable[[], float], base: Callable[[], float], rounds: int, *, discard: int = 1
) -> tuple[float, float]:
    """Return the medians of two measurements, taken in turn so that both see the same machine.

    :param discard: rounds at the start that only warm up
    """
    one: list[float] = []
    other: list[float] = []
    for number in range(rounds + discard):
        pair = (measured(), base())
        if number >= discard:
            one.append(pair[0])
            other.append(pair[1])
    return statistics.median(one), statistics.median(other)


def repeat(action: Callable[[], object], times: int) -> None:
    """Do it again and again."""
    for _ in range(times):
        action()


def timed(action: Callable[[], object]) -> float:
    """Return how many milliseconds an action takes."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1_000
