"""Exceptions that are hard to report, each with what has to be reported nevertheless."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_spark_pipeline.runtime.component.base import Component
from tests.steps import note

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class ExitingError(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class InterruptingError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class EndlessError(Exception):
    def __str__(self) -> str:
        return str(self)


class NumberError(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]  # noqa: PLE0307


class HidingError(Exception):
    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no traceback")

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no cause")

    @property
    def retry_helps(self) -> bool:
        raise RuntimeError("no answer")

    @property
    def java_exception(self) -> Any:
        raise SystemExit(3)


class _Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__", "__mro__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class NamelessError(Exception, metaclass=_Nameless):
    pass


class OddModuleError(Exception):
    __module__ = None  # type: ignore[assignment]


class OddString(str):
    __slots__ = ()

    def strip(self, *_: Any) -> str:
        raise RuntimeError("no strip")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class OddStringError(Exception):
    def __str__(self) -> str:
        return OddString("an odd string")


class CustomBase(BaseException):
    """Not an Exception."""


def _circle() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def _with_notes(*notes: Any) -> BaseException:
    error = ValueError("noted")
    error.__notes__ = notes if len(notes) != 1 else notes[0]  # type: ignore[attr-defined]
    return error


def _group() -> BaseException:
    group: Any = vars(builtins)["ExceptionGroup"]
    return cast("BaseException", group("several", [ValueError("one"), OSError("two")]))


def _deep() -> BaseException:
    def deeper(n: int) -> int:
        return deeper(n + 1)

    try:
        deeper(0)
    except RecursionError as error:
        return error
    raise AssertionError


def _chain() -> BaseException:
    error: BaseException = ValueError("the first of many")
    for n in range(3_000):
        following = ValueError(f"number {n}")
        following.__cause__, error = error, following
    return error


#: Name of the case → what makes the exception, its type as it is told, and a part of its message.
ODD: dict[str, tuple[Callable[[], BaseException], str, str]] = {
    "a file name that is not UTF-8": (
        lambda: ValueError(f"cannot parse {os.fsdecode(b'caf' + bytes([0xE9]) + b'.csv')}"),
        "ValueError",
        "cannot parse caf\\xe9.csv",
    ),
    "half of a pair of surrogates": (lambda: ValueError("a \ud83d b"), "ValueError", "a \\ud83d b"),
    "a NUL": (lambda: ValueError("a\0b"), "ValueError", "a\\x00b"),
    "a hundred megabytes": (lambda: ValueError("x" * 100_000_000 + " the end"), "ValueError", "characters cut"),
    "str() raises": (UnprintableError, "UnprintableError", "asking for it raised RuntimeError"),
    "str() exits": (ExitingError, "ExitingError", "asking for it raised SystemExit"),
    "str() interrupts": (InterruptingError, "InterruptingError", "asking for it raised KeyboardInterrupt"),
    "str() recurses": (EndlessError, "EndlessError", "asking for it raised RecursionError"),
    "str() gives a number": (NumberError, "NumberError", "asking for it raised TypeError"),
    "a string that overrides its methods": (OddStringError, "OddStringError", "an odd string"),
    "properties that raise": (lambda: HidingError("hidden"), "HidingError", "hidden"),
    "a metaclass without names": (lambda: NamelessError("unnamed"), "NamelessError", "unnamed"),
    "a module that is None": (lambda: OddModuleError("from nowhere"), "OddModuleError", "from nowhere"),
    "causes in a circle": (_circle, "ValueError", "first"),
    "three thousand causes": (_chain, "ValueError", "number 2999"),
    "notes": (lambda: _with_notes("a note"), "ValueError", "noted"),
    "notes that are none": (lambda: _with_notes(7, UnprintableError()), "ValueError", "noted"),
    "notes that are a number": (lambda: _with_notes(7), "ValueError", "noted"),
    "a recursion without end": (_deep, "RecursionError", "maximum recursion depth exceeded"),
    "no text": (ValueError, "ValueError", ""),
    "a class that is no Exception": (lambda: CustomBase("not an Exception"), "CustomBase", "not an Exception"),
    "the end of a generator": (lambda: GeneratorExit("closed"), "GeneratorExit", "closed"),
    "a text in place of an exception": (lambda: "text", "TypeError", "must derive from BaseException"),  # type: ignore[dict-item,return-value]
}
if sys.version_info >= (3, 11):
    ODD["a group"] = (_group, "ExceptionGroup", "several (2 sub-exceptions)")


@dataclass
class Odd(Component):
    """Raises one of them, the first ``fails`` times."""

    ledger: str
    case: str
    fails: int = 9

    def run(self, spark: SparkSession) -> None:
        note(self.ledger, name=self.context.component_name)
        if self.context.retry < self.fails:
            error = ODD[self.case][0]()
            raise error
