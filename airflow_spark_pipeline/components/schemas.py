"""Compares the expected columns with those of a view, by Spark's rules for names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_spark_pipeline.components.columns import near, repeated
from airflow_spark_pipeline.runtime.spark.versions import schema_of_ddl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType, StructField, StructType


def parse_ddl(ddl: str) -> StructType:
    """Return the schema of a DDL text.

    :raises ValueError: the text is not DDL
    """
    from pyspark.errors import PySparkException

    try:
        return schema_of_ddl(ddl)
    except PySparkException as error:
        said = next(filter(None, (line.strip() for line in str(error).splitlines())), "")
        raise ValueError(f"the schema {ddl!r} is not DDL, such as 'id BIGINT, day DATE': {said}") from None


def is_case_sensitive(spark: SparkSession) -> bool:
    """Whether Spark distinguishes ``D`` from ``d``."""
    return str(spark.conf.get("spark.sql.caseSensitive", "false")).lower() == "true"


def differences(agreed: StructType, found: StructType, *, exactly: bool, allow_more: bool) -> list[str]:
    """Return the differences between the expected columns and those of a view.

    :param exactly: whether upper and lower case are distinguished
    :raises ValueError: two of the expected columns have the same name
    """
    names = {each.name: _fold(each.name, exactly=exactly) for each in (*agreed.fields, *found.fields)}
    if twice := repeated(names[name] for name in agreed.names):
        raise ValueError(f"the schema names {', '.join(map(repr, twice))} twice")
    there: dict[str, list[StructField]] = {}
    for each in found.fields:
        there.setdefault(names[each.name], []).append(each)
    wrong = []
    for want in agreed.fields:
        wrong += _of_one(want, there.get(names[want.name], []), found.names, exactly=exactly)
    more = [each.name for each in found.fields if names[each.name] not in {names[name] for name in agreed.names}]
    if more and not allow_more:
        wrong.append(f"further columns: {', '.join(more)}")
    return wrong


def _of_one(want: StructField, there: list[StructField], names: list[str], *, exactly: bool) -> list[str]:
    kind = want.dataType.simpleString()
    if not there:
        return [f"no column {want.name!r} ({kind}){near(want.name, names)}"]
    if len(there) > 1:
        return [f"{len(there)} columns {want.name!r}, which cannot be told apart"]
    (have,) = there
    if not _fits(want.dataType, have.dataType, exactly=exactly):
        shown, other = have.dataType.simpleString(), kind
        nulls = "" if _fold(shown, exactly=exactly) != _fold(other, exactly=exactly) else " whose parts are never null"
        return [f"{have.name!r} of type {shown}, not {other}{nulls}"]
    if have.nullable and not want.nullable:
        return [
            f"{have.name!r}, which may be null by the view's schema, but must be NOT NULL (CheckNotNull checks values)"
        ]
    return []


def _fits(want: DataType, have: DataType, *, exactly: bool) -> bool:
    """Whether a type matches the expected one; a type that may be null also accepts one that is never null."""
    from pyspark.sql.types import ArrayType, MapType, StructType

    if isinstance(want, StructType) and isinstance(have, StructType):
        return len(want.fields) == len(have.fields) and all(
            _fold(one.name, exactly=exactly) == _fold(two.name, exactly=exactly)
            and (one.nullable or not two.nullable)
            and _fits(one.dataType, two.dataType, exactly=exactly)
            for one, two in zip(want.fields, have.fields, strict=True)
        )
    if isinstance(want, ArrayType) and isinstance(have, ArrayType):
        nulls = want.containsNull or not have.containsNull
        return nulls and _fits(want.elementType, have.elementType, exactly=exactly)
    if isinstance(want, MapType) and isinstance(have, MapType):
        nulls = want.valueContainsNull or not have.valueContainsNull
        keys = _fits(want.keyType, have.keyType, exactly=exactly)
        return nulls and keys and _fits(want.valueType, have.valueType, exactly=exactly)
    return want.simpleString() == have.simpleString()


def _fold(name: str, *, exactly: bool) -> str:
    return name if exactly else name.lower()
