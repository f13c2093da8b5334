"""What can be written into the ``instance-config`` of a component: its fields, with types, defaults and docs."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import typing
from typing import Any

from airflow_spark_pipeline.binding.annotations import describe, resolve, unwrap
from airflow_spark_pipeline.binding.fields import ORIGIN, key_of
from airflow_spark_pipeline.binding.scalars import is_enum
from airflow_spark_pipeline.secrets.names import is_secret

_PARAM = re.compile(r"\s*:param\s+(?:[^:]*\s)?(?P<name>\w+):\s*(?P<doc>.*)")
_ENTRY = re.compile(r"\s+(?P<name>\w+)(?:\s*\([^)]*\))?:\s+(?P<doc>.+)")  # in a section of Google's style
_SECTION = re.compile(r"\s*(Args|Arguments|Attributes|Parameters):\s*")


@dataclasses.dataclass(frozen=True)
class ConfigField:
    """A field of a component.

    :param key: the key in the file, in kebab-case
    :param type: the type as written in Python
    :param expected: what to write in the file
    :param required: whether the file must have it
    :param default: the default as JSON, or ``None``
    :param doc: the docstring's text on it
    :param hint: the resolved type; ``Any`` if it cannot be resolved
    """

    key: str
    type: str
    expected: str
    required: bool
    default: Any
    doc: str
    hint: Any = dataclasses.field(repr=False, compare=False)


def config_fields(cls: type) -> list[ConfigField]:
    """Return the fields of a dataclass that a file can fill; of another class, none."""
    if not dataclasses.is_dataclass(cls):
        return []
    docs = _docs(cls)
    return [_field(cls, each, docs) for each in dataclasses.fields(cls) if each.init and ORIGIN not in each.metadata]


def summary(cls: type) -> str:
    """Return the first paragraph of a class's docstring, on one line."""
    text = inspect.cleandoc(cls.__doc__ or "")
    # A dataclass without a docstring gets its signature as one.
    return "" if text.startswith(f"{cls.__name__}(") else " ".join(text.partition("\n\n")[0].split())


def _field(cls: type, field: dataclasses.Field[Any], docs: dict[str, str]) -> ConfigField:
    try:
        hint = resolve(cls, field)
        expected = describe(hint)
    except Exception:  # noqa: BLE001  # a name under TYPE_CHECKING: binding reports it
        hint, expected = Any, "a value"
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return ConfigField(
        key_of(field),
        expected if _is_choice(hint) else _written(field.type),
        expected,
        required,
        None if required else _default(field),
        docs.get(field.name, ""),
        hint,
    )


def _is_choice(hint: Any) -> bool:
    """Whether the name of the type says less than its values do."""
    hint, origin, _ = unwrap(hint)
    return origin is typing.Literal or is_enum(hint)


def _written(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    hint, origin, _ = unwrap(annotation)
    plain = inspect.isclass(hint) and origin is hint
    return hint.__qualname__ if plain else re.sub(r"\b(?:typing|collections\.abc|builtins)\.", "", str(annotation))


def _default(field: dataclasses.Field[Any]) -> Any:
    if is_secret(field.name):  # a default may come from the environment
        return field.default if field.default in (None, "") else "***"
    if field.default_factory is dataclasses.MISSING:
        return _as_json(field.default)
    try:
        return _as_json(field.default_factory())
    except Exception:  # noqa: BLE001  # the user's code
        return "…"


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {key_of(each): _as_json(getattr(value, each.name)) for each in fields if not is_secret(each.name)}
    if isinstance(value, dict):
        return {str(key): _as_json(each) for key, each in value.items() if not is_secret(str(key))}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(each) for each in value]
    if isinstance(value, enum.Enum):
        return value.value if isinstance(value.value, str | int) else value.name
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _docs(cls: type) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each field: reST's ``:param``, Google's ``Args:``."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base):
            found.update(_of_docstring(inspect.cleandoc(base.__dict__.get("__doc__") or "")))
    return found


def _of_docstring(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name, section = "", False
    for line in text.splitlines():
        section = bool(_SECTION.fullmatch(line)) or (section and line.startswith((" ", "\t")))
        match = _PARAM.match(line) or (_ENTRY.fullmatch(line) if section else None)
        if match is not None:
            name = match["name"]
            found[name] = match["doc"].strip()
        elif name and line.startswith((" ", "\t")) and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            name = ""
    return found
