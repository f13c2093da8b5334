"""The data checks compare exactly, in the column's own type, by Spark's own rules."""

from __future__ import annotations

import datetime as dt
import random
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline.components import (
    BoundError,
    CheckFailedError,
    CheckNotNull,
    CheckRange,
    CheckSchema,
    CheckUnique,
    ReadFiles,
    UnknownColumnError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.runtime.component.base import Component

pytestmark = pytest.mark.spark

NAN = float("nan")
SIX = dt.datetime(2026, 1, 31, 6)  # noqa: DTZ001  # of a column without a time zone


def view(spark: SparkSession, rows: list[Any], schema: str) -> None:
    spark.createDataFrame(rows, schema).createOrReplaceTempView("v")


def said(spark: SparkSession, check: Component) -> str:
    """What a check says; nothing, if it passes."""
    try:
        check.run(spark)
    except (CheckFailedError, UnknownColumnError, BoundError) as error:
        return str(error)
    return ""


def count(text: str) -> int:
    """The number of rows that a check found wrong."""
    found = re.search(r"has ([\d,]+) rows? with", text)
    return int(found[1].replace(",", "")) if found else 0


# ---- missing


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_nan_is_missing_in_every_check(spark: SparkSession, kind: str) -> None:
    view(spark, [(1.0,), (NAN,), (None,), (NAN,)], f"c {kind}")
    assert count(said(spark, CheckNotNull("v", ["c"]))) == 3
    assert "3 rows with null or NaN in 'c'" in said(spark, CheckRange("v", "c", min=0, allow_null=False))
    assert said(spark, CheckRange("v", "c", min=0)) == ""
    assert "1 key ('c') not unique, 2 rows too many" in said(spark, CheckUnique("v", ["c"]))


def test_nan_inside_a_struct_is_missing_and_in_text_it_is_text(spark: SparkSession) -> None:
    view(spark, [((NAN, "NaN"),), ((1.0, "x"),), (None,)], "s STRUCT<n: DOUBLE, t: STRING>")
    text = said(spark, CheckNotNull("v", ["s", "s.n", "s.t"]))
    assert "1 row with null in 's', 2 rows with null or NaN in 's.n', 1 row with null in 's.t' (of 3)" in text


def test_a_view_without_rows_passes(spark: SparkSession) -> None:
    view(spark, [], "c DOUBLE, d DATE")
    for check in (
        CheckNotNull("v", ["c", "d"]),
        CheckUnique("v", ["c"]),
        CheckRange("v", "c", min=1),
        CheckRange("v", "d", max="2026-01-31", allow_null=False),
    ):
        assert said(spark, check) == ""


# ---- a range


@pytest.mark.parametrize(
    ("kind", "value", "bounds", "wrong"),
    [
        ("BIGINT", 2**53, {"min": 2**53 + 1}, 1),
        ("BIGINT", 2**53 + 1, {"max": 2**53}, 1),
        ("BIGINT", 2**63 - 1, {"min": str(2**63)}, 1),
        ("BIGINT", 2**63 - 1, {"max": 2**70}, 0),
        ("BIGINT", -(2**63), {"min": -(2**63), "max": -(2**63)}, 0),
        ("INT", 1, {"min": 0.5}, 0),
        ("INT", 0, {"min": 0.5}, 1),
        ("TINYINT", 127, {"min": 300}, 1),
        ("DECIMAL(38, 0)", Decimal(10**37 + 1), {"max": str(10**37)}, 1),
        ("DECIMAL(38, 18)", Decimal("0.100000000000000001"), {"max": "0.1"}, 1),
        ("DECIMAL(10, 2)", Decimal("0.10"), {"min": 0.1, "max": 0.1}, 0),
        ("DECIMAL(10, 2)", Decimal("12.34"), {"max": "12.345"}, 0),
        ("DECIMAL(4, 2)", Decimal("99.99"), {"max": 1000, "min": -1e9}, 0),
        ("FLOAT", 0.1, {"min": 0.1, "max": 0.1}, 0),
        ("DOUBLE", 0.1, {"min": 0.1, "max": 0.1}, 0),
        ("DOUBLE", 0.30000000000000004, {"max": 0.3}, 1),
        ("DOUBLE", float("inf"), {"max": 1e308}, 1),
        ("DATE", dt.date(2026, 1, 31), {"min": "2026-01-31", "max": "2026-01-31"}, 0),
        ("DATE", dt.date(2026, 1, 30), {"min": "2026-01-31"}, 1),
        ("DATE", dt.date(2026, 2, 1), {"max": dt.date(2026, 1, 31)}, 1),
        ("TIMESTAMP_NTZ", SIX, {"min": "2026-01-31"}, 0),
        ("TIMESTAMP_NTZ", SIX, {"max": "2026-01-31 05:59:59.999999"}, 1),
        ("TIMESTAMP_NTZ", SIX, {"max": "2026-01-31T06:00"}, 0),
        ("STRING", "b", {"min": "a", "max": "b"}, 0),
        ("STRING", "b", {"max": "a"}, 1),
    ],
)
def test_a_value_is_compared_exactly(
    spark: SparkSession, kind: str, value: Any, bounds: dict[str, Any], wrong: int
) -> None:
    view(spark, [(value,), (None,)], f"c {kind}")
    assert count(said(spark, CheckRange("v", "c", **bounds))) == wrong


def test_a_timestamp_without_a_time_zone_is_in_that_of_the_session(spark: SparkSession) -> None:
    before = spark.conf.get("spark.sql.session.timeZone")
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        spark.sql("SELECT TIMESTAMP '2026-01-31 06:00:00' AS c").createOrReplaceTempView("v")
        assert said(spark, CheckRange("v", "c", min="2026-01-31 06:00", max="2026-01-31T11:00:00Z")) == ""
        assert count(said(spark, CheckRange("v", "c", min="2026-01-31 06:00:00+00:00"))) == 0
        assert count(said(spark, CheckRange("v", "c", max="2026-01-31 06:00:00+00:00"))) == 1
    finally:
        spark.conf.set("spark.sql.session.timeZone", str(before))


@pytest.mark.parametrize(
    ("kind", "bound", "why"),
    [
        ("DATE", 5, '5 is a number, and the column is of type date; write "2026-01-31"'),
        ("DATE", "2026-13-01", "'2026-13-01' is not a date"),
        ("DATE", "2026-01-31 06:00:00", "has a time of day"),
        ("TIMESTAMP", "soon", "'soon' is not a timestamp; write \"2026-01-31 06:00:00\""),
        ("TIMESTAMP_NTZ", "2026-01-31T06:00:00Z", "has a time zone"),
        ("INT", "ten", "'ten' is not a number, and the column is of type int"),
        ("INT", "2026-01-31", "'2026-01-31' is not a number"),
        ("DECIMAL(4, 2)", "nan", "'nan' is not a finite number"),
        ("FLOAT", 1e39, "is larger than any number of a column of type float"),
        ("FLOAT", "1e-50", "is closer to 0 than any number of a column of type float"),
        ("DOUBLE", "1e999999", "more than 400 digits"),
        ("STRING", 5, "5 is a number, and the column is text"),
        ("BOOLEAN", 1, "a range cannot be checked for a column of type boolean"),
        ("ARRAY<INT>", 1, "a range cannot be checked for a column of type array<int>"),
    ],
)
def test_a_bound_that_does_not_fit_the_column_is_one_clear_error(
    spark: SparkSession, kind: str, bound: Any, why: str
) -> None:
    view(spark, [], f"c {kind}")
    text = said(spark, CheckRange("v", "c", max=bound))
    assert text.startswith("max of 'c' in view 'v': ")
    assert why in text


def test_bounds_that_exclude_every_value_of_the_type_are_an_error(spark: SparkSession) -> None:
    view(spark, [], "c DATE")
    with pytest.raises(ValueError, match=r"max \(2026-01-30\) is less than min \(2026-01-31\)"):
        CheckRange("v", "c", "2026-01-31", "2026-01-30").run(spark)


def _draw(random_: random.Random, kind: str) -> Any:
    if kind == "BIGINT":
        return random_.choice([2**53, 0, -(2**53), 2**63 - 10]) + random_.randint(-9, 9)
    if kind.startswith("DECIMAL"):
        return Decimal(random_.randint(-(10**20), 10**20)).scaleb(-random_.randint(6, 18)).quantize(Decimal("1e-9"))
    if kind == "DOUBLE":
        return random_.choice([0.1, 1e16, -1e-9]) * random_.randint(-9, 9)
    return dt.date(2026, 1, 1) + dt.timedelta(days=random_.randint(-400, 400))


@pytest.mark.parametrize("kind", ["BIGINT", "DECIMAL(30, 9)", "DOUBLE", "DATE"])
def test_checks_of_generated_data_agree_with_exact_arithmetic(spark: SparkSession, kind: str) -> None:
    drawn = random.Random(kind)  # noqa: S311  # a seed, so that it is the same every time
    values = [_draw(drawn, kind) for _ in range(300)]
    view(spark, [(value,) for value in values], f"c {kind}")
    for _ in range(4):
        least, most = sorted(_draw(drawn, kind) for _ in range(2))
        wrong = sum(not least <= value <= most for value in values)
        bounds = {"min": str(least), "max": str(most)} if kind != "BIGINT" else {"min": least, "max": most}
        assert count(said(spark, CheckRange("v", "c", **bounds))) == wrong


def test_uniqueness_of_generated_keys_agrees_with_spark(spark: SparkSession) -> None:
    drawn = random.Random(7)  # noqa: S311
    rows = [(drawn.choice([1.5, NAN, None, 0.0, -0.0, 2.5]), drawn.randint(0, 40)) for _ in range(200)]
    view(spark, rows, "a DOUBLE, b INT")
    distinct = spark.sql("SELECT DISTINCT nullif(a, double('NaN')), b FROM v").count()
    assert f"{200 - distinct} rows too many (of 200)" in said(spark, CheckUnique("v", ["a", "b"]))


# ---- columns and types


@pytest.fixture
def case_sensitive(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.caseSensitive", "true")
    yield
    spark.conf.unset("spark.sql.caseSensitive")


def test_names_are_compared_in_sparks_way(spark: SparkSession) -> None:
    view(spark, [], "d DATE, s STRUCT<Sku: STRING, N: ARRAY<STRUCT<A: INT>>>, m MAP<STRING, STRUCT<K: INT>>")
    ddl = "D DATE, S STRUCT<sku: STRING, n: ARRAY<STRUCT<a: INT>>>, M MAP<STRING, STRUCT<k: INT>>"
    assert said(spark, CheckSchema("v", ddl, allow_more=False)) == ""
    assert said(spark, CheckNotNull("v", ["D", "S.SKU"])) == ""


@pytest.mark.usefixtures("case_sensitive")
def test_names_are_compared_as_spark_is_configured(spark: SparkSession) -> None:
    view(spark, [], "d DATE, s STRUCT<Sku: STRING>")
    assert said(spark, CheckSchema("v", "D DATE")) == "view 'v' has no column 'D' (date); did you mean 'd'?"
    wrong = said(spark, CheckSchema("v", "s STRUCT<sku: STRING>"))
    assert "'s' of type struct<Sku:string>, not struct<sku:string>" in wrong
    assert "has no column 'D'; did you mean 'd'?" in said(spark, CheckNotNull("v", ["D"]))


@pytest.mark.parametrize(
    ("schema", "agreed", "wrong"),
    [
        ("a ARRAY<INT>", "a ARRAY<BIGINT>", "'a' of type array<int>, not array<bigint>"),
        ("a STRUCT<b: INT, c: INT>", "a STRUCT<c: INT, b: INT>", "struct<b:int,c:int>, not struct<c:int,b:int>"),
        ("a STRUCT<b: INT>", "a STRUCT<b: INT, c: INT>", "'a' of type struct<b:int>"),
        ("a DECIMAL(10, 2)", "a DECIMAL(12, 2)", "'a' of type decimal(10,2), not decimal(12,2)"),
        ("a INT", "a INT NOT NULL", "'a', which may be null by the view's schema, but must be NOT NULL"),
        ("a INT NOT NULL", "a INT", ""),
        ("a INT NOT NULL", "a INT NOT NULL", ""),
        ("a STRUCT<b: INT>", "a STRUCT<b: INT NOT NULL>", "not struct<b:int> whose parts are never null"),
        ("a INT COMMENT 'x'", "a INT COMMENT 'y'", ""),
        ("identity INT", "identty INT", "no column 'identty' (int); did you mean 'identity'?"),
    ],
)  # fmt: skip
def test_types_are_compared_with_all_that_is_in_them(spark: SparkSession, schema: str, agreed: str, wrong: str) -> None:
    view(spark, [], schema)
    text = said(spark, CheckSchema("v", agreed))
    assert wrong in text
    assert bool(wrong) == bool(text)


def test_two_columns_of_one_name_are_reported_and_not_taken_for_one(spark: SparkSession) -> None:
    spark.sql("SELECT 1 AS a, 'x' AS A, 2 AS b").createOrReplaceTempView("v")
    assert said(spark, CheckSchema("v", "a INT, b INT")) == "view 'v' has 2 columns 'a', which cannot be told apart"
    assert "several columns 'a'" in said(spark, CheckUnique("v", ["a"]))
    with pytest.raises(ValueError, match="names 'a' twice"):
        CheckSchema("v", "a INT, A INT").run(spark)
    with pytest.raises(ValueError, match="is not DDL, such as 'id BIGINT, day DATE': "):
        CheckSchema("v", "a INTT, ,").run(spark)


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("totl", "has no column 'totl'; did you mean 'total'?"),
        ("address.town", "has no column 'address.town'; did you mean 'address.town_name'?"),
        ("zzz", "has no column 'zzz'; it has id, total, address, address.town_name"),
        ("total.x", "has no column 'total.x'"),
        ("a b(", "has no column 'a b('"),
        ("a`b", "is not the name of a column"),
    ],
)
def test_a_missing_column_is_named_together_with_similar_ones(spark: SparkSession, column: str, hint: str) -> None:
    view(spark, [], "id INT, total DOUBLE, address STRUCT<town_name: STRING>")
    for check in (CheckNotNull("v", [column]), CheckUnique("v", [column]), CheckRange("v", column, min=1)):
        assert hint in said(spark, check)


def test_the_header_of_a_csv_file_has_to_fit_its_schema(spark: SparkSession, tmp_path: Path) -> None:
    """Spark goes by position: with the columns in another order, each would hold the values of another one."""
    (tmp_path / "orders.csv").write_text("price,amount\n5,7\n", encoding="utf-8")
    files = {"path": str(tmp_path / "orders.csv"), "view": "v", "format": "csv", "schema": "amount INT, price INT"}

    def read(**options: str) -> list[Any]:
        frames = ReadFiles(**files, options={"header": "true", **options}).run(spark)
        return [tuple(row) for row in frames["v"].collect()]

    with pytest.raises(Exception, match=r"(?s)header.*schema"):
        read()
    assert read(enforceSchema="true") == [(5, 7)]
