"""The JSON Schema of a pipeline's file, for editors: JSON is valid HOCON.

Guarantees: what the schema refuses, ``validate`` refuses as well. Not guaranteed: the converse. Wherever a value is
expected, a text with a Jinja expression or a substitution is accepted, since its value is only known at run time.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args, get_origin

from airflow_spark_pipeline.binding.annotations import COLLECTIONS, MAPPINGS, UNIONS, unwrap
from airflow_spark_pipeline.binding.fields import rules_of
from airflow_spark_pipeline.binding.scalars import is_enum
from airflow_spark_pipeline.cli.component_fields import ConfigField, config_fields, summary
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec, SparkSpec

Schema = dict[str, Any]

_LATER = r"\{\{|\{%|\$\{"  # the value is only known when the file is rendered
_SCALARS: dict[Any, Schema] = {
    str: {"type": ["string", "number", "boolean"]},
    bool: {"anyOf": [{"type": "boolean"}, {"enum": ["true", "yes", "on", "false", "no", "off"]}]},
    int: {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*$"}]},
    float: {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*$"}]},
    Decimal: {"type": ["number", "string"]},
    pathlib.Path: {"type": "string"},
    dt.date: {"type": "string"},
    dt.datetime: {"type": "string"},
    dt.timedelta: {"type": ["number", "string"]},
}


def schema_of_file(components: Mapping[str, type]) -> Schema:
    """Return the schema of a pipeline's file.

    :param components: component classes by the name that a file gives as ``instance-type``
    """
    pipeline = _object(config_fields(PipelineSpec), (PipelineSpec,))
    pipeline["properties"]["pipeline-components"] = {
        "type": "array",
        "minItems": 1,
        "items": {"$ref": "#/$defs/component"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Spark pipeline",
        "type": "object",
        "required": ["pipeline"],
        "properties": {"pipeline": pipeline, "spark": _object(config_fields(SparkSpec), (SparkSpec,))},
        "$defs": {"later": {"type": "string", "pattern": _LATER}, "component": _component(components)},
    }


def _component(components: Mapping[str, type]) -> Schema:
    schema = _object(config_fields(ComponentSpec), (ComponentSpec,))
    known: Schema = {"oneOf": [{"const": name, "description": summary(cls)} for name, cls in components.items()]}
    # Other classes are allowed: the driver may have modules that are not here.
    schema["properties"]["instance-type"] = {"anyOf": [known, {"type": "string"}]} if components else {"type": "string"}
    schema["allOf"] = [_config_if(name, cls) for name, cls in components.items()]
    return schema


def _config_if(name: str, cls: type) -> Schema:
    fields = config_fields(cls)
    then: Schema = {"properties": {"instance-config": schema_of_config(cls)}}
    if any(each.required for each in fields):
        then["required"] = ["instance-config"]
    named = {"properties": {"instance-type": {"const": name}}, "required": ["instance-type"]}
    return {"if": named, "then": then}


def schema_of_config(cls: type) -> Schema:
    """Return the schema of the ``instance-config`` of a component class."""
    return _object(config_fields(cls), (cls,))


def _object(fields: list[ConfigField], within: tuple[type, ...]) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {each.key: _property(each, within) for each in fields},
        "additionalProperties": False,
    }
    required = [each.key for each in fields if each.required]
    return {**schema, "required": required} if required else schema


def _property(field: ConfigField, within: tuple[type, ...]) -> Schema:
    schema = _value(field.hint, within)
    if field.doc:
        schema["description"] = field.doc
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _value(hint: Any, within: tuple[type, ...]) -> Schema:
    """Return the schema of a type, which also accepts a value that is only known later."""
    schema = _type(hint, within)
    # In a description, null is as good as missing.
    accepted = [{"$ref": "#/$defs/later"}, {"type": "null"}]
    return {"anyOf": [*schema.get("anyOf", [schema]), *accepted]} if schema else {}


def _type(hint: Any, within: tuple[type, ...]) -> Schema:
    via = next((rule.via for rule in rules_of(hint) if rule.via is not None), None)
    hint, origin, args = unwrap(hint if via is None else via)
    if origin in UNIONS:
        return _union([_type(each, within) for each in args])
    if origin in COLLECTIONS:
        return _array(hint, within)
    if origin in MAPPINGS:
        return {"type": "object", "additionalProperties": _value(args[1], within) if args else {}}
    if is_enum(hint):
        return {"enum": [*dict.fromkeys(_choices(hint))]}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        # A type that contains itself is not described further.
        return {"type": "object"} if hint in within else _object(config_fields(hint), (*within, hint))
    if get_origin(hint) is not None and type(get_args(hint)[0]) in _SCALARS:  # Literal
        return {"enum": list(get_args(hint))} if all(isinstance(each, str) for each in get_args(hint)) else {}
    return {"type": "null"} if hint is type(None) else dict(_SCALARS.get(hint, {}))


def _union(members: list[Schema]) -> Schema:
    if not all(members):  # one of them accepts anything
        return {}
    return {"anyOf": [each for member in members for each in member.get("anyOf", [member])]}


def _array(hint: Any, within: tuple[type, ...]) -> Schema:
    _, origin, args = unwrap(hint)
    if origin is tuple and args and args[-1] is not Ellipsis:
        kinds = [_value(each, within) for each in args if each != ()]
        return {"type": "array", "prefixItems": kinds, "minItems": len(kinds), "maxItems": len(kinds)}
    return {"type": "array", "items": _value(args[0], within)} if args else {"type": "array"}


def _choices(kind: Any) -> list[Any]:
    return [each for member in kind for each in (member.value, member.name) if isinstance(each, str | int)]
