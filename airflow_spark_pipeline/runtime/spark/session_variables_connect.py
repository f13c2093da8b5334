"""The session variables of a Spark Connect session: the client's statements tell their names.

Spark cannot list them.

Guarantees: a variable that a ``DECLARE`` statement made is read with its type, its default and its current value, and
can be declared again from that. Not guaranteed: variables whose default is not known (declared by ``EXECUTE
IMMEDIATE``, with parameters, or before the pipeline began) and values of type ``VARIANT``: only their names are known.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

_NAME = r"(?:`(?:[^`]|``)+`|\w+)"
_NAMES = rf"{_NAME}(?:\s*\.\s*{_NAME})*(?:\s*,\s*{_NAME}(?:\s*\.\s*{_NAME})*)*"
# DECLARE OR REPLACE VARIABLE a, b INT DEFAULT 1  ->  "a, b" and "INT DEFAULT 1"
_DECLARE = re.compile(
    rf"\bdeclare\s+(?:or\s+replace\s+)?(?:(?:variable|var)\s+)?(?!variable\b|var\b)({_NAMES})\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_SET = re.compile(rf"\bset\s+(?:variable|var)\s+\(?\s*({_NAMES})", re.IGNORECASE)
_DROP = re.compile(rf"\bdrop\s+temporary\s+(?:variable|var)\s+(?:if\s+exists\s+)?({_NAMES})", re.IGNORECASE)
_DEFAULT = re.compile(r"\bdefault\b|=", re.IGNORECASE)
_COMMENTS = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)

# Types whose text Spark casts back to the same value.
_BY_TEXT = re.compile(
    r"(?:Boolean|Byte|Short|Integer|Long|Float|Double|Decimal|Date|TimestampNTZ|Time|DayTimeInterval|YearMonthInterval)"
    r"Type$"
)


class SessionVariables:
    """The variables of one session, as far as the client's statements tell them."""

    def __init__(self, spark: Any) -> None:
        self._spark = spark
        self._counter = itertools.count()
        self._defaults: dict[str, str] = {}
        self._stale = False
        self._values: dict[str, Mapping[str, str]] = {}
        #: Names of the variables that cannot be declared again, with a number that changes with each statement.
        self.unreadable: dict[str, int] = {}

    def heard(self, text: str, *, parameters: bool) -> None:
        """Note what a statement does to variables.

        :param parameters: whether the statement has values apart from its text
        """
        statement = text[_comments_before(text) :].rstrip().rstrip(";")
        self._stale = self._stale or bool(self._defaults)
        for name in _names(_DROP.findall(statement)):
            self._forget(name)
        if statement[:5].lower() == "begin":  # a script declares its own variables
            return
        declared = _DECLARE.match(statement)
        if declared is not None and not parameters:
            rest = declared[2]
            found = _DEFAULT.search(rest)
            for name in _names([declared[1]]):
                self._forget(name)
                self._defaults[name] = "NULL" if found is None else rest[found.end() :].strip()
            self._stale = True
            return
        for name in _names(names for names, _ in _DECLARE.findall(statement)):
            self._forget(name)
            self.unreadable[name] = next(self._counter)
        for name in _names(_SET.findall(statement)):
            if name not in self._defaults:
                self.unreadable[name] = next(self._counter)

    def _forget(self, name: str) -> None:
        self._defaults.pop(name, None)
        self._values.pop(name, None)
        self.unreadable.pop(name, None)

    def values(self) -> dict[str, Mapping[str, str]]:
        """Return each variable with its ``type``, ``default`` and ``value``, as SQL; reads them only if necessary."""
        if self._stale:
            self._stale = False
            for name, default in list(self._defaults.items()):
                self._read(name, default)
        return dict(self._values)

    def _read(self, name: str, default: str) -> None:
        column = f"system.session.`{name.replace('`', '``')}`"
        try:
            (field,) = self._spark.sql(f"SELECT {column} AS v").schema.fields
        except Exception as error:
            if "UNRESOLVED" not in str(error):
                raise
            self._forget(name)  # the statement had failed
            return
        expression = as_sql(field.dataType, "v")
        if expression is None:
            self._forget(name)
            self.unreadable[name] = next(self._counter)
            return
        query = f"SELECT {expression} AS v FROM (SELECT {column} AS v)"  # noqa: S608  # names are quoted
        ((value,),) = self._spark.sql(query).collect()
        self._values[name] = {"type": sql_type(field.dataType), "default": default, "value": value}


def as_sql(kind: Any, value: str, depth: int = 0) -> str | None:
    """Return a SQL expression that gives a value's SQL text, so that no client's conversion is in between.

    ``DATE``, ``v``  ->  an expression whose result is ``CAST('2026-01-31' AS date)``. ``None`` if the type has no text.

    :param kind: type of the value
    :param value: SQL of the value
    """
    text = _text_of(kind, value, depth)
    return None if text is None else f"CASE WHEN {value} IS NULL THEN 'NULL' ELSE {text} END"


def _text_of(kind: Any, value: str, depth: int) -> str | None:
    name, item = type(kind).__name__, f"i{depth}"
    if name in ("StringType", "VarcharType", "CharType"):
        return rf"concat('\'', replace(replace({value}, '\\', '\\\\'), '\'', '\\\''), '\'')"
    if _BY_TEXT.match(name):
        text = rf"replace(CAST({value} AS STRING), '\'', '\\\'')"  # INTERVAL '1' DAY
        return rf"concat('CAST(\'', {text}, '\' AS {sql_type(kind)})')"
    if name == "TimestampType":  # as text it would depend on the time zone
        return f"concat('timestamp_micros(', unix_micros({value}), ')')"
    if name == "BinaryType":
        return rf"concat('X\'', hex({value}), '\'')"
    if name == "ArrayType":
        inner = as_sql(kind.elementType, item, depth + 1)
        return inner and f"concat('array(', array_join(transform({value}, {item} -> {inner}), ', '), ')')"
    if name == "MapType":
        key = as_sql(kind.keyType, f"{item}.key", depth + 1)
        inner = as_sql(kind.valueType, f"{item}.value", depth + 1)
        pair = f"concat({key}, ', ', {inner})"
        entries = f"transform(map_entries({value}), {item} -> {pair})"
        return key and inner and f"concat('map(', array_join({entries}, ', '), ')')"
    if name == "StructType":
        fields = [as_sql(each.dataType, f"{value}.{_quoted(each.name)}", depth) for each in kind.fields]
        names = [_literal(_literal(each.name)) for each in kind.fields]
        parts = ", ', ', ".join(f"{name}, ', ', {part}" for name, part in zip(names, fields, strict=True))
        return None if None in fields else f"concat('named_struct(', {parts}, ')')"
    return None


def sql_type(kind: Any) -> str:
    """Return a type as SQL, with quoted names of fields."""
    name = type(kind).__name__
    if name == "ArrayType":
        return f"ARRAY<{sql_type(kind.elementType)}>"
    if name == "MapType":
        return f"MAP<{sql_type(kind.keyType)}, {sql_type(kind.valueType)}>"
    if name == "StructType":
        return f"STRUCT<{', '.join(f'{_quoted(each.name)}: {sql_type(each.dataType)}' for each in kind.fields)}>"
    text: str = kind.simpleString()
    return text


def _names(found: Any) -> list[str]:
    """Return the last part of each name, in lower case: ``session.`A b`, c``  ->  ``a b``, ``c``."""
    names = [name for names in found for name in re.findall(rf"{_NAME}(?=\s*(?:,|$))", names)]
    return [name.strip("`").replace("``", "`").lower() for name in names]


def _comments_before(text: str) -> int:
    found = _COMMENTS.match(text)
    return 0 if found is None else found.end()


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
