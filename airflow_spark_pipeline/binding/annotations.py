"""The annotations of dataclass fields: resolved at run time, unwrapped, described for people.

Guarantees: an annotation that no value of a description fits is found before any value is read. Not guaranteed: names
that are local to a function; ``from __future__ import annotations`` makes them unreachable.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections import abc
from typing import Any

from airflow_spark_pipeline.binding.scalars import describe_scalar, is_scalar
from airflow_spark_pipeline.exceptions import Problem

UNIONS: tuple[Any, ...] = (typing.Union, types.UnionType)
COLLECTIONS: dict[Any, Any] = {
    **dict.fromkeys((list, abc.Sequence, abc.MutableSequence, abc.Iterable, abc.Collection), list),
    **dict.fromkeys((set, abc.MutableSet), set),
    **dict.fromkeys((frozenset, abc.Set), frozenset),
    tuple: tuple,
}
#: What the modules of this package begin with.
OURS = f"{__name__.partition('.')[0]}."
MAPPINGS: tuple[Any, ...] = (dict, abc.Mapping, abc.MutableMapping)


@functools.lru_cache(maxsize=1024)  # evaluating the text of an annotation takes long
def resolve(cls: type, field: dataclasses.Field[Any]) -> Any:
    """Return the type of a field; its names are looked up in the module that declares it.

    :param cls: the dataclass that has the field, inherited or not
    :raises Exception: whatever evaluating the annotation raises; ``NameError`` for a name under ``TYPE_CHECKING``
    """
    # An inherited field's names belong to the module of the class that declared it.
    owner = next(
        base for base in reversed(cls.__mro__) if vars(base).get("__dataclass_fields__", {}).get(field.name) is field
    )
    # The module wins over the class body: in `date: date = ...` the body's `date` is the default.
    names = {owner.__name__: owner, **vars(owner), **getattr(sys.modules.get(owner.__module__), "__dict__", {})}
    holder = types.SimpleNamespace(__annotations__={field.name: field.type})
    return typing.get_type_hints(holder, globalns=names, localns={}, include_extras=True)[field.name]


def unwrap(hint: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return the type behind ``NewType``, ``Annotated`` and aliases, with its origin (or itself) and arguments."""
    while True:
        if hasattr(hint, "__supertype__"):  # NewType
            hint = hint.__supertype__
        elif typing.get_origin(hint) in (typing.Annotated, typing.Final):
            hint = typing.get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":  # `type X = ...`, Python 3.12
            hint = hint.__value__
        else:
            hint = type(None) if hint is None else hint
            return hint, typing.get_origin(hint) or hint, typing.get_args(hint)


def unsupported(hint: Any) -> Any:
    """Return the part of ``hint`` that no value of a description fits, or ``None``."""
    hint, origin, args = unwrap(hint)
    if not isinstance(hint, abc.Hashable):  # `columns: [str]`
        return hint
    if origin in (Any, object, type(None), typing.Literal) or is_scalar(hint):
        return None
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return None
    if origin in UNIONS or origin in COLLECTIONS or origin in MAPPINGS:
        wrong = (unsupported(part) for part in args if part not in (Ellipsis, ()))
        return next((part for part in wrong if part is not None), None)
    return hint


def name_of(hint: Any) -> str:
    """Return the name of a type in code."""
    return hint.__qualname__ if isinstance(hint, type) else str(hint)


def describe(hint: Any) -> str:
    """Return how a value of the type is written in a file, for an error message."""
    hint, origin, args = unwrap(hint)
    if origin in UNIONS:
        return " or ".join(describe(part) for part in args)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(getattr(option, "name", option)) for option in args)
    if origin in COLLECTIONS:
        return "a list"
    if origin in MAPPINGS:
        return "an object"
    if is_scalar(hint):
        return describe_scalar(hint)
    if origin in (Any, object):
        return "a value"
    if origin is type(None):
        return "null"
    # The class that an object of a description becomes is only known to its author.
    return "an object" if hint.__module__.startswith(OURS) else f"an object ({name_of(hint)})"


def own_annotations(cls: type) -> abc.Mapping[str, Any]:
    """Return the annotations that the body of ``cls`` itself has, unresolved if a name does not exist at run time."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def undecorated(cls: type, path: str) -> list[Problem]:
    """Without its own @dataclass, a class ignores its fields: they are not config, and __init__ gets nothing."""
    for base in cls.__mro__:
        if base is object or base.__module__.startswith(OURS) or "__dataclass_fields__" in vars(base):
            break
        names = [name for name, hint in own_annotations(base).items() if "ClassVar" not in str(hint)]
        if names or "__init__" in vars(base):
            found = f"declares {', '.join(map(repr, names))}" if names else "has an __init__"
            message = f"{base.__qualname__} {found} but is not a dataclass; add @dataclass, whose fields are the config"
            return [Problem(message, path)]
    return []
