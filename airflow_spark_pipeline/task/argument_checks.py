"""Checks of arguments that are known while a DAG file is parsed: of operators, sensors, callbacks and policies.

A wrong one is an import error of the DAG file; of a mapped task, an error when it runs. Importing this module imports
only the standard library, since every DAG file does.
"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import os
from collections.abc import Sequence
from typing import Any, TypeVar

from airflow_spark_pipeline.task.argument_types import MisfitError, is_known, kind_of, shown, text

_Default = TypeVar("_Default")
# Signatures are slow to read, and a DAG file may hold hundreds of tasks.
_INHERITED: dict[type, tuple[tuple[type, str, str], ...]] = {}


def as_text(value: Any) -> Any:
    """Return a path as text, also inside a list: only text is rendered, and sent to the scheduler."""
    if isinstance(value, (list, tuple)):
        return [as_text(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def choice(name: str, value: Any, choices: Sequence[str]) -> Any:
    """Return an argument that is one of several words.

    :raises ValueError: it is another one
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is {shown(value)}; it must be one of {', '.join(choices)}{_not_rendered(value)}")
    return value


def flag(name: str, value: Any, default: _Default) -> bool | _Default:
    """Return an argument that is ``True`` or ``False``; text is neither, since ``"false"`` would count as true.

    :param default: what ``None`` means
    :raises ValueError: it is something else
    """
    if value is None:
        return default
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise ValueError(f"{name} is {shown(value)}; it must be True or False{_not_rendered(value)}")


def seconds(name: str, value: Any, default: _Default) -> float | _Default:
    """Return a duration in seconds.

    :param value: number of seconds, or ``timedelta``
    :param default: what ``None`` means
    :raises ValueError: it is something else, negative, or not finite
    """
    if value is None:
        return default
    number = value.total_seconds() if isinstance(value, dt.timedelta) else value
    if isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number < math.inf:
        return number
    raise ValueError(
        f"{name} is {shown(value)}; it must be a number of seconds, not below 0, or a timedelta{_not_rendered(value)}"
    )


def plain_text(name: str, value: Any) -> str | None:
    """Return an argument that is text.

    :raises ValueError: it is something else
    """
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{name} is {kind_of(value)}; it must be text{_not_rendered(value)}")


def check_inherited(operator: Any, texts_of: type | None = None) -> None:
    """Check arguments that an operator of a provider keeps as they are, after its ``__init__``.

    Text for a boolean is refused unless it says ``true``, since the provider takes any text for true.

    :param texts_of: class whose arguments of text are converted as well
    :raises ValueError: one of them has another type
    """
    values = vars(operator)
    for owner, name, kind in _inherited(type(operator)):
        kept = name if name in values else f"_{name}"
        value = values.get(kept)
        if value is None or isinstance(value, str) is (kind == "str") or name in operator.argument_types:
            continue
        if kind == "bool":  # and the value is text
            if value.strip().lower() != "true" and name not in operator.template_fields:
                flag(name, value, None)
        elif owner is texts_of and is_known(value):
            try:
                setattr(operator, kept, text(value))
            except MisfitError as error:
                raise ValueError(f"{name} {error}") from None


def _inherited(cls: type) -> tuple[tuple[type, str, str], ...]:
    """Return class, name and type of the arguments that providers declare as booleans or text."""
    if cls not in _INHERITED:
        _INHERITED[cls] = tuple(
            (owner, parameter.name, kind)
            for owner in cls.__mro__
            if owner.__module__.startswith("airflow.providers.") and "__init__" in vars(owner)
            for parameter in inspect.signature(owner.__init__).parameters.values()  # type: ignore[misc]
            if (kind := _declared(parameter.annotation)) in ("bool", "str")
        )
    return _INHERITED[cls]


def _declared(annotation: Any) -> str:
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return name.removesuffix(" | None")


def _not_rendered(value: Any) -> str:
    """Return the end of a message about something that is only known when the task runs."""
    return "" if is_known(value) else ". It cannot be a template or an XCom"
