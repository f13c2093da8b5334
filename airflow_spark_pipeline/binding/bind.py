"""From the resolved config of a description to a typed object: ``input-path`` fills ``input_path``.

Guarantees: all problems are reported together, each with the full path of its key; an error whose path looks secret
contains no value; the object shares no mutable part with the description. Keys are kebab-case, fields are snake_case; a
field that ends in an underscore to avoid a keyword (``from_``) has the key without it (``from``). The keys of a
``dict`` are data and stay unchanged.

Types: those of :mod:`airflow_spark_pipeline.binding.scalars`, and ``Any``, ``None``, ``Literal``, unions, lists,
tuples, sets, ``dict``/``Mapping``, nested dataclasses, ``NewType``, ``Annotated``. A union takes the first member whose
type the value already has, then the first that it can be converted to.

With ``construct=False`` the config is only compared with the types: neither ``__init__`` nor ``__post_init__`` runs, so
that the user's code does not reject values that were made up to check a template.

Not supported: fields with ``init=False`` and ``InitVar`` pseudo-fields are not config.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from airflow_spark_pipeline.binding.annotations import (
    COLLECTIONS,
    MAPPINGS,
    UNIONS,
    describe,
    name_of,
    resolve,
    undecorated,
    unsupported,
    unwrap,
)
from airflow_spark_pipeline.binding.fields import ORIGIN, PATH, Rule, key_of, rules_of
from airflow_spark_pipeline.binding.messages import misfit, unknown_key
from airflow_spark_pipeline.binding.paths import join_key
from airflow_spark_pipeline.binding.scalars import MisfitError, convert_scalar, is_scalar
from airflow_spark_pipeline.binding.suggestions import suggest
from airflow_spark_pipeline.binding.written_numbers import plain
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.user_errors.summary import blame

T = TypeVar("T")

_ABSENT = object()
#: Whether this thread constructs what it binds; nested dataclasses are bound by the same rule.
_CONSTRUCTS: ContextVar[bool] = ContextVar("constructs", default=True)
#: Whether this thread binds what it can of a config that has problems; see `bind_what_fits`.
_SALVAGES: ContextVar[bool] = ContextVar("salvages", default=False)


def bind(cls: type[T], config: Mapping[str, Any], path: str, *, construct: bool = True) -> T:
    """Build a ``cls`` from a config.

    :param cls: a dataclass, or a class that takes nothing
    :param config: plain JSON values by kebab-case key
    :param path: path of ``config`` in the description, such as ``pipeline.pipeline-components[2].instance-config``
    :param construct: ``False`` gives an object that has its fields, but was never initialised
    :raises PipelineDefinitionError: the config does not fit; with all problems
    """
    token = _CONSTRUCTS.set(construct)
    try:
        return _bind(cls, config, path)
    finally:
        _CONSTRUCTS.reset(token)


def bind_what_fits(cls: type, config: Any, path: str) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values that a config has for a dataclass of this package, although parts of it may be wrong.

    A wrong value counts as absent, and so does null, which in HOCON means "not stated". An object without a required
    value counts as absent.

    :return: the values by field name, without absent ones, and all problems
    """
    if not isinstance(config, Mapping):
        return {}, list(misfit(config, cls, path).problems)
    token = _SALVAGES.set(True)
    try:
        return _values(cls, config, path)
    finally:
        _SALVAGES.reset(token)


class _UnfitError(PipelineDefinitionError):
    """A part of a value is wrong.

    :param fits: the value without the wrong parts
    """

    def __init__(self, problems: Iterable[Problem], fits: Any) -> None:
        super().__init__(problems)
        self.fits = fits


def _bind(cls: type[T], config: Mapping[str, Any], path: str) -> T:
    problems = undecorated(cls, path)
    if problems:
        raise PipelineDefinitionError(problems)
    values, problems = _values(cls, config, path)
    if problems:
        if _SALVAGES.get() and all(field.name in values for field in _fields(cls) if _is_required(field)):
            raise _UnfitError(problems, cls(**values))
        raise PipelineDefinitionError(problems)
    try:
        return cls(**values) if _CONSTRUCTS.get() else _uninitialised(cls, values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a SystemExit in __post_init__ is a mistake, not the end of the run
        message = f"{cls.__qualname__} could not be constructed: {blame(error, cls.__module__, {path: config})}"
        raise PipelineDefinitionError([Problem(message, path)]) from None


def _values(cls: type, config: Mapping[str, Any], path: str) -> tuple[dict[str, Any], list[Problem]]:
    fields = {key_of(field): field for field in _fields(cls) if field.init and ORIGIN not in field.metadata}
    problems = [Problem(unknown_key(key, list(fields)), join_key(path, key)) for key in config if key not in fields]
    values: dict[str, Any] = {field.name: path for field in _fields(cls) if field.metadata.get(ORIGIN) == PATH}
    none = None if _SALVAGES.get() else _ABSENT  # in a description, null means missing
    for key, field in fields.items():
        try:
            raw = config.get(key, none)
            value = _field_value(cls, field, _ABSENT if raw is none else raw, join_key(path, key))
        except PipelineDefinitionError as error:
            problems.extend(error.problems)
            value = error.fits if isinstance(error, _UnfitError) else _ABSENT
        if value is not _ABSENT:
            values[field.name] = value
    return values, problems


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _uninitialised(cls: type[T], values: Mapping[str, Any]) -> T:
    instance = object.__new__(cls)
    for field in _fields(cls):
        if field.name in values:
            object.__setattr__(instance, field.name, values[field.name])  # frozen ones, too
        elif field.default_factory is not dataclasses.MISSING:
            object.__setattr__(instance, field.name, field.default_factory())
        elif field.default is not dataclasses.MISSING:
            object.__setattr__(instance, field.name, field.default)
    return instance


def _fields(cls: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()


def _field_value(cls: type, field: dataclasses.Field[Any], raw: object, path: str) -> Any:
    if raw is _ABSENT and not _is_required(field):
        return _ABSENT
    try:
        hint = resolve(cls, field)
    except Exception as error:  # evaluating an annotation runs the user's code
        message = (
            f"the type {field.type!r} of field {field.name!r} cannot be looked up at run time "
            f"({type(error).__name__}: {error}); define it at module level, outside TYPE_CHECKING"
        )
        raise PipelineDefinitionError([Problem(message, path)]) from None
    if (wrong := unsupported(hint)) is not None:
        message = f"field {field.name!r} has the type {name_of(wrong)}, which cannot be configured"
        raise PipelineDefinitionError([Problem(message, path)])
    if raw is _ABSENT:
        raise PipelineDefinitionError([Problem(f"missing; expected {describe(hint)}", path)])
    return _convert(raw, hint, path)


def _convert(raw: Any, hint: Any, path: str, *, strict: bool = False) -> Any:
    if rules := rules_of(hint):
        return _convert_by_rules(raw, hint, rules, path, strict)
    hint, origin, args = unwrap(hint)
    if origin in (Any, object):
        return raw if _SALVAGES.get() else plain(raw)  # a description keeps the texts of its numbers
    if origin in UNIONS:
        return _convert_union(raw, hint, path, strict)
    if origin is typing.Literal:
        return _convert_literal(raw, hint, path, strict)
    if origin in COLLECTIONS and isinstance(raw, list | tuple):
        return _convert_collection(raw, hint, path, strict)
    if origin in MAPPINGS and isinstance(raw, Mapping):
        return _convert_mapping(raw, args or (Any, Any), path, strict)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and isinstance(raw, Mapping):
        return _bind(hint, raw, path)
    if origin is type(None) and raw is None:
        return None
    return _convert_scalar(raw, hint, path, strict)


def _convert_scalar(raw: Any, hint: Any, path: str, strict: bool) -> Any:
    reason = ""
    if is_scalar(hint):
        try:
            return convert_scalar(raw, hint, strict=strict)
        except MisfitError as error:
            reason = str(error)
    raise misfit(raw, hint, path, reason)


def _convert_mapping(raw: Mapping[Any, Any], kinds: tuple[Any, ...], path: str, strict: bool) -> dict[Any, Any]:
    keys = _convert_all(((key, kinds[0], join_key(path, str(key))) for key in raw), False)
    written: dict[Any, Any] = {}
    for key, value in zip(raw, keys, strict=True):
        if (other := written.setdefault(value, key)) is not key:
            message = f"the keys {other!r} and {key!r} are both {value!r}; remove one of them"
            raise PipelineDefinitionError([Problem(message, path)])
    values = _convert_all(((value, kinds[1], join_key(path, str(key))) for key, value in raw.items()), strict)
    return dict(zip(keys, values, strict=True))


def _convert_by_rules(raw: Any, hint: Any, rules: list[Rule], path: str, strict: bool) -> Any:
    via = next((rule.via for rule in rules if rule.via is not None), unwrap(hint)[0])
    problems: list[Problem] = []
    try:
        value = _convert(raw, via, path, strict=strict)
    except _UnfitError as error:
        value, problems = error.fits, list(error.problems)
    try:
        for rule in rules:
            value = rule.check(value)
    except ValueError as error:
        raise PipelineDefinitionError(problems or [Problem(str(error), path)]) from None
    if problems:
        raise _UnfitError(problems, value)
    return value


def _convert_all(jobs: Iterable[tuple[Any, Any, str]], strict: bool) -> list[Any]:
    values: list[Any] = []
    problems: list[Problem] = []
    for raw, hint, path in jobs:
        try:
            values.append(_convert(raw, hint, path, strict=strict))
        except PipelineDefinitionError as error:
            problems.extend(error.problems)
            values += [error.fits] if isinstance(error, _UnfitError) else []
    if problems:
        raise _UnfitError(problems, values)
    return values


def _convert_collection(raw: list[Any] | tuple[Any, ...], hint: Any, path: str, strict: bool) -> Any:
    _, origin, args = unwrap(hint)
    kinds: Iterable[Any] = [args[0] if args else Any] * len(raw)
    if origin is tuple and args and args[-1] is not Ellipsis:
        kinds = [] if args == ((),) else args  # Python 3.10 spells tuple[()] so
        if len(args) != len(raw):
            raise PipelineDefinitionError([Problem(f"expected {len(args)} elements, found {len(raw)}", path)])
    jobs = ((value, kind, f"{path}[{i}]") for i, (value, kind) in enumerate(zip(raw, kinds, strict=True)))
    try:
        values = _convert_all(jobs, strict)
    except _UnfitError as error:
        raise _UnfitError(error.problems, tuple(error.fits)) from None
    try:
        return COLLECTIONS[origin](values)
    except TypeError:
        raise PipelineDefinitionError([Problem("a set cannot hold lists or objects", path)]) from None


def _convert_literal(raw: Any, hint: Any, path: str, strict: bool) -> Any:
    options = typing.get_args(hint)
    for option in options:
        if type(option) is type(plain(raw)) and option == raw:
            return option
    for option in options:
        if is_scalar(type(option)):
            try:
                if convert_scalar(raw, type(option), strict=strict) == option:
                    return option
            except MisfitError:
                continue
    guess = suggest(raw, [option for option in options if isinstance(option, str)]) if isinstance(raw, str) else None
    raise misfit(raw, hint, path, f"did you mean {guess!r}?" if guess else "")


def _convert_union(raw: Any, hint: Any, path: str, strict: bool) -> Any:
    members = [member for member in typing.get_args(hint) if member is not type(None)]
    if raw is None and len(members) < len(typing.get_args(hint)):
        return None
    if len(members) == 1:
        return _convert(raw, members[0], path, strict=strict)
    inside: list[tuple[Problem, ...]] = []
    for exactly in (True,) if strict else (True, False):
        inside = []
        for member in members:
            try:
                return _convert(raw, member, path, strict=exactly)
            except PipelineDefinitionError as error:
                if any(problem.path != path for problem in error.problems):
                    inside.append(error.problems)
    if len(inside) == 1:  # only one member has this shape, so its problems are the ones that matter
        raise PipelineDefinitionError(inside[0])
    raise misfit(raw, hint, path, "; ".join(str(problems[0]) for problems in inside))
