"""Measuring, and what a row of the table is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """What was measured several times."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """Keep the values."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """The value that stands for all of them."""
        return statistics.median(self.values)

    def __truediv__(self, number: float) -> Sample:
        """Return each value for one of so many."""
        return Sample.of(value / number for value in self.values)

    def shown(self, unit: str) -> str:
        """Return the median, and the least and the greatest value if there are several."""
        median = f"{self.median:.2f} {unit}"
        return median if len(self.values) == 1 else f"{median} ({min(self.values):.2f} to {max(self.values):.2f})"


class Row:
    """One ratio.

    :param measured: what was measured; a number if it was measured once
    :param base: what it is compared with, in the same way
    :param aim: the ratio that is wanted, ``None`` where the number is only to be known
    """

    def __init__(
        self,
        what: str,
        baseline: str,
        measured: Sample | float,
        base: Sample | float,
        unit: str = "ms",
        aim: float | None = None,
    ) -> None:
        self.what, self.baseline, self.unit, self.aim = what, baseline, unit, aim
        self.measured, self.base = (
            each if isinstance(each, Sample) else Sample.of([each]) for each in (measured, base)
        )

    @property
    def ratio(self) -> float:
        """How many times the baseline, by the medians."""
        return self.measured.median / self.base.median


def interleaved(
    measured: Callable[[], float], base: Callable[[], float], rounds: int, *, discard: int = 1
) -> tuple[Sample, Sample]:
    """Return two measurements, taken in turn so that both see the same machine.

    :param discard: rounds at the start that only warm up
    """
    one: list[float] = []
    other: list[float] = []
    for number in range(rounds + discard):
        pair = (measured(), base())
        if number >= discard:
            one.append(pair[0])
            other.append(pair[1])
    return Sample.of(one), Sample.of(other)


def repeat(action: Callable[[], object], times: int) -> None:
    """Do it again and again."""
    for _ in range(times):
        action()


def timed(action: Callable[[], object]) -> float:
    """Return how many milliseconds an action takes."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1_000
