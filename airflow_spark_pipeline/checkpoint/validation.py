"""Checks the type of each field of a commit. ``consistency`` checks whether the fields contradict each other.

The types come from the dataclasses in ``state``, so that a new field is checked without a change here; the content of
open annotations (``Mapping[str, Any]``) is listed below.
"""

from __future__ import annotations

import enum
import functools
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any

from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.encoding import NAMES
from airflow_spark_pipeline.checkpoint.key import UnitKey

_AT_LEAST = {  # minimum of bounded numbers
    "attempt": 1,
    "base": 0,
    "claimNumber": 0,
    "count": 0,
    "delaySeconds": 0,
    "durationSeconds": 0,
    "epoch": 0,
    "index": 0,
    "iteration": 0,
    "keptSeconds": 0.001,
    "leaseSeconds": 0.001,
    "mapIndex": -1,
    "number": 0,
    "totalComponents": 0,
}
_MOMENTS = {"startedAt", "updatedAt"}
_NOT_EMPTY = {"attemptId", "baseNonce", "name", "nonce", "runId"}
_IN_JSON = (UnitKey, Claimant)  # checked by the name of their member
_OR_EMPTY = {"key", "taskInstance"}
_LONGEST = 60  # shown characters of a value


class Shape(dict[str, Any]):
    """Types of a mapping's members by name; a member whose name ends in ``?`` may be missing."""

    __hash__ = object.__hash__  # type: ignore[assignment]  # each equals only itself, and never changes


_OF_CALLER = {
    "maxTries?": int,
    "retries?": int,
    "tryNumber?": int,
    "identity?": str | None,
    "taskInstanceId?": str | None,
    "taskInstance?": UnitKey,
}
# A guest's record holds the owner's, which holds no other.
_CALLER = Shape({**_OF_CALLER, "owner?": Claimant | None})
_KEY = Shape({"namespace": str, "dagId": str, "runId": str, "taskId": str, "mapIndex": int, "iteration?": int})
_TEXTS = tuple[str, ...]
_INSIDE: dict[str, Any] = {  # content of open annotations
    "key": _KEY,  # or {}, which is NO_KEY; so is taskInstance
    "taskInstance": _KEY,
    "caller": _CALLER,
    "owner": Shape({**_OF_CALLER, "owner?": type(None)}),
    "decidedOn": Shape({"number": int, "nonce": str}),
    "selection": Shape({"startFrom?": str | None, "only?": _TEXTS, "force?": _TEXTS, "stopAfter?": str | None}),
    "outputs": Shape({"path": str, "schema": Mapping[str, Any], "files": Shape({"count": int, "names": str})}),
    "retries": Shape({"startedAt": str, "durationSeconds": float, "error": str, "delaySeconds": float}),
}

#: A commit of changes.
CHANGES = Shape(
    {
        "schemaVersion": int,
        "number": int,
        "base": int,
        "baseNonce": str,
        "runId": str,
        "nonce": str,
        "updatedAt": str,
        "done": _TEXTS,
        "components": tuple[Mapping[str, Any], ...],
    }
)


def misfit(raw: Any, hint: Any, name: str = "the commit") -> str | None:
    """Return which part of a JSON value has the wrong type, or ``None`` if all types are right.

    :param hint: type annotation of a dataclass field, or a shape
    :param name: name of the value, for the answer
    """
    # Nearly all values are right, so that case is fast: a page reads thousands of commits.
    return None if _fits(hint, "")(raw) else next(_misfits(raw, hint, name, ""), f"{name} is malformed")


@functools.cache
def _fits(hint: Any, key: str) -> Callable[[Any], bool]:
    """Return a function that checks a type: like :func:`_misfits`, but without saying what is wrong."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return lambda _: True
    if origin in (typing.Union, types.UnionType):
        inner = _fits(next(each for each in arguments if each is not type(None)), key)
        return (lambda value: value is None or inner(value)) if type(None) in arguments else inner
    if hint in _IN_JSON:
        return _mapping_fits(Any, key)
    if isinstance(hint, Shape) or is_dataclass(hint):
        return _object_fits(hint)
    if origin is tuple:
        each_fits = _fits(_INSIDE.get(key, arguments[0]), key)
        return lambda value: type(value) is list and all(map(each_fits, value))
    if origin is not None:
        return _mapping_fits(arguments[1], key)
    if hint is str and key not in _NOT_EMPTY | _MOMENTS:
        return lambda value: type(value) is str
    return lambda value: _is_plain(value, hint, key)


def _object_fits(hint: Any) -> Callable[[Any], bool]:
    members = [(key, _fits(inner, key), required) for key, (inner, required) in _members(hint).items()]
    return lambda value: (
        type(value) is dict
        and all(fits(value[key]) if key in value else not required for key, fits, required in members)
    )


def _mapping_fits(hint: Any, key: str) -> Callable[[Any], bool]:
    if key == "outputs":
        output_fits = _object_fits(_INSIDE[key])
        return lambda value: type(value) is dict and all(map(output_fits, value.values()))
    if key in _INSIDE:
        inside_fits = _object_fits(_INSIDE[key])
        return lambda value: inside_fits(value) or (key in _OR_EMPTY and value == {})
    if hint is Any:
        return lambda value: type(value) is dict
    value_fits = _fits(hint, "")
    return lambda value: type(value) is dict and all(map(value_fits, value.values()))


def _misfits(value: Any, hint: Any, where: str, key: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return
    if origin in (typing.Union, types.UnionType):
        if value is not None or type(None) not in arguments:
            yield from _misfits(value, next(each for each in arguments if each is not type(None)), where, key)
    elif isinstance(hint, Shape) or (is_dataclass(hint) and hint not in _IN_JSON):
        yield from _of_object(value, hint, where)
    elif origin is tuple:
        if isinstance(value, list):
            for position, each in enumerate(value):
                yield from _misfits(each, _INSIDE.get(key, arguments[0]), f"{where}[{position}]", key)
        else:
            yield f"{where} is not a list"
    elif origin is not None or hint in _IN_JSON:
        yield from _of_mapping(value, arguments[1] if arguments else Any, where, key)
    elif not _is_plain(value, hint, key):
        yield f"{where} is {short(value)}"


def _of_object(value: Any, hint: Any, where: str) -> Iterator[str]:
    """Check a record of ``state``, or a shape; unknown members may have any type."""
    if not isinstance(value, dict):
        yield f"{where} is not an object"
        return
    for key, (inner, required) in _members(hint).items():
        if key in value:
            yield from _misfits(value[key], inner, key if where == "the commit" else f"{where}.{key}", key)
        elif required:
            yield f"{where} has no {key}"


def _of_mapping(value: Any, hint: Any, where: str, key: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is not an object"
    elif key == "outputs":
        for view, output in value.items():
            yield from _of_object(output, _INSIDE[key], f"{where}.{view}")
    elif key in _INSIDE:
        if value or key not in _OR_EMPTY:  # the discard of an unreadable log does not know its key
            yield from _of_object(value, _INSIDE[key], where)
    else:
        for name, each in value.items():
            yield from _misfits(each, hint, f"{where}.{name}", name)


def _members(hint: Any) -> Mapping[str, tuple[Any, bool]]:
    if isinstance(hint, Shape):
        return {key.rstrip("?"): (inner, not key.endswith("?")) for key, inner in hint.items()}
    return _members_of(hint)


@functools.cache
def _members_of(cls: type) -> Mapping[str, tuple[Any, bool]]:
    hints, names = typing.get_type_hints(cls), NAMES[cls]
    return {
        names[each.name]: (hints[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(cls)
        if each.name in names
    }


def _is_plain(value: Any, hint: Any, key: str) -> bool:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [each.value for each in hint]
    if hint is bool:
        return isinstance(value, bool)
    if hint in (int, float):
        is_number = type(value) is int or (hint is float and type(value) is float and math.isfinite(value))
        return is_number and value >= _AT_LEAST.get(key, value)
    if not isinstance(value, str) or (key in _NOT_EMPTY and not value):
        return False
    return key not in _MOMENTS or _is_moment(value)


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def short(value: Any) -> str:
    """Return a value in the form for error messages."""
    text = ascii(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
