"""Saved outputs are restored unchanged, and are not used if files are missing."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import uuid
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# ruff: noqa: DTZ001  # times without a zone are what some of the types hold
from airflow_spark_pipeline.exceptions import CheckpointLocationError
from airflow_spark_pipeline.runtime.component import saved_outputs
from airflow_spark_pipeline.runtime.component.saved_outputs import (
    OutputLostError,
    OutputNotSavedError,
    restore,
    save,
    spark_path,
)
from airflow_spark_pipeline.runtime.spark.session_reading_classic import ClassicReader
from airflow_spark_pipeline.runtime.spark.versions import settings_of, writing_ancient_dates
from tests.sparks import needs_spark_4

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

_UTC = dt.timezone.utc
_COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "flag": ("boolean", [True, False, None]),
    "tiny": ("tinyint", [-128, 127, None]),
    "small": ("smallint", [-(2**15), 2**15 - 1, None]),
    "whole": ("int", [-(2**31), 2**31 - 1, None]),
    "big": ("bigint", [-(2**63), 2**63 - 1, None]),
    "single": ("float", [1.5, float("inf"), None]),
    "double": ("double", [0.1, float("-inf"), None]),
    "decimal": ("decimal(38,18)", [Decimal("1.000000000000000001"), Decimal("-99999999999999999999.5"), None]),
    "text": ("string", ["", "ünïcode \u2028 \x00", None]),
    "binary": ("binary", [bytearray(b""), bytearray(b"\x00\xff"), None]),
    "date": ("date", [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    "with zone": ("timestamp", [dt.datetime(1970, 1, 1, tzinfo=_UTC), dt.datetime(2026, 3, 29, 2, 30), None]),
    "without.zone": ("timestamp_ntz", [dt.datetime(1, 1, 1), dt.datetime(2026, 3, 29, 2, 30, 0, 123456), None]),
    "interval": ("interval day to second", [dt.timedelta(days=1, microseconds=1), dt.timedelta(0), None]),
    "list": ("array<int>", [[], [1, None], None]),
    "map": ("map<string,double>", [{}, {"a": 1.0, "b": None}, None]),
    "struct": ("struct<a:int,`odd name`:array<struct<b:string>>>", [(1, [("x",)]), (None, None), None]),
    "odd, name; {}()\n\t=`": ("string", ["x", "y", None]),
    "nothing but null": ("string", [None, None, None]),
}


def _frame(spark: SparkSession, rows: int = 3) -> DataFrame:
    schema = ", ".join(f"`{name.replace('`', '``')}` {kind}" for name, (kind, _) in _COLUMNS.items())
    data = list(zip(*(values for _, values in _COLUMNS.values()), strict=True))[:rows]
    return spark.createDataFrame(data, schema)


def _types(frame: DataFrame) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in frame.schema.fields]


def test_every_type_comes_back_with_its_values_and_names(spark: SparkSession, tmp_path: Path) -> None:
    frame = _frame(spark)
    outputs, _ = save({"v": frame}, str(tmp_path), spark)
    again = restore(outputs, spark, str(tmp_path))["v"]
    assert _types(again) == _types(frame)
    assert sorted(map(repr, again.collect())) == sorted(map(repr, frame.collect()))


@pytest.mark.parametrize("mode", ["EXCEPTION", "LEGACY", None])
def test_ancient_dates_are_kept_whatever_the_session_is_set_to_and_the_setting_stays(
    spark: SparkSession, tmp_path: Path, mode: str | None
) -> None:
    names = [f"spark.sql.parquet.{each}RebaseModeInWrite" for each in ("datetime", "int96")]
    for name in names:
        if mode is not None:
            spark.conf.set(name, mode)
    before = {name: settings_of(spark).get(name) for name in names}
    try:
        frame = spark.sql("SELECT DATE'0001-01-01' AS d, TIMESTAMP'1582-10-01 00:00:00' AS t, DATE'1582-10-04' AS e")
        again = save({"v": frame}, str(tmp_path), spark)[1]["v"]
        days = "SELECT CAST(d AS STRING), CAST(t AS STRING), CAST(e AS STRING) FROM {frame}"
        assert spark.sql(days, frame=again).collect() == spark.sql(days, frame=frame).collect()
        assert {name: settings_of(spark).get(name) for name in names} == before
    finally:
        for name in names:
            spark.conf.unset(name)


@pytest.mark.parametrize("mode", ["EXCEPTION", None])
def test_a_component_that_ends_while_another_one_saves_has_changed_no_setting(
    spark: SparkSession, mode: str | None
) -> None:
    name = "spark.sql.parquet.datetimeRebaseModeInWrite"
    if mode is not None:
        spark.conf.set(name, mode)
    try:
        reader = ClassicReader(spark)
        before = reader.state().conf
        with writing_ancient_dates(spark):
            assert spark.conf.get(name) == "CORRECTED"
            assert reader.state().conf == before
        assert reader.state().conf == before
    finally:
        spark.conf.unset(name)


def test_an_empty_frame_keeps_its_columns(spark: SparkSession, tmp_path: Path) -> None:
    frame = _frame(spark, rows=0)
    outputs, _ = save({"v": frame}, str(tmp_path), spark)
    again = restore(outputs, spark, str(tmp_path))["v"]
    assert _types(again) == _types(frame)
    assert again.count() == 0


def test_metadata_of_columns_is_kept_and_only_not_null_is_not(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.sql import functions as F  # noqa: N812

    frame = spark.range(3).select(F.col("id").alias("id", metadata={"note": "key"}))
    again = save({"v": frame}, str(tmp_path), spark)[1]["v"]
    (field,) = again.schema.fields
    assert field.metadata == {"note": "key"}
    assert (frame.schema.fields[0].nullable, field.nullable) == (False, True)


def test_a_frame_is_computed_once_so_that_a_resumed_run_sees_the_same_numbers(
    spark: SparkSession, tmp_path: Path
) -> None:
    from pyspark.sql import functions as F  # noqa: N812

    new_id = F.udf(lambda: uuid.uuid4().hex, "string").asNondeterministic()
    frame = spark.range(100).withColumn("random", new_id())
    outputs, frames = save({"v": frame}, str(tmp_path), spark)
    fresh, resumed = frames["v"], restore(outputs, spark, str(tmp_path))["v"]
    assert sorted(fresh.collect()) == sorted(resumed.collect())
    assert sorted(fresh.collect()) != sorted(frame.collect())


@pytest.mark.parametrize("view", ["plain", "with/slash", "..", "ünïcode", "a b%20c"])
def test_any_name_of_a_view_gets_a_separate_path_below_the_directory(
    spark: SparkSession, tmp_path: Path, view: str
) -> None:
    outputs, _ = save({view: spark.range(1)}, str(tmp_path / "step"), spark)
    assert restore(outputs, spark, str(tmp_path))[view].count() == 1
    assert len(list((tmp_path / "step").iterdir())) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def test_outputs_that_are_gone_or_not_complete_are_noticed(spark: SparkSession, tmp_path: Path) -> None:
    outputs, _ = save({"v": spark.range(4).repartition(2), "w": spark.range(1)}, str(tmp_path), spark)
    part = next((tmp_path / "00-v").glob("part-*"))
    content = part.read_bytes()
    part.unlink()
    with pytest.raises(OutputLostError, match="saved output of view 'v' is no longer complete"):
        restore(outputs, spark, str(tmp_path))
    part.write_bytes(content)
    assert list(restore(outputs, spark, str(tmp_path))) == ["v", "w"]
    shutil.rmtree(tmp_path / "01-w")
    with pytest.raises(OutputLostError, match="view 'w'"):
        restore(outputs, spark, str(tmp_path))


def test_a_path_is_never_written_twice(spark: SparkSession, tmp_path: Path) -> None:
    save({"v": spark.range(1)}, str(tmp_path), spark)
    with pytest.raises(Exception, match="PATH_ALREADY_EXISTS"):
        save({"v": spark.range(2)}, str(tmp_path), spark)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/data/x", "file:///data/x"),
        ("file:///data/a%20b", "file:///data/a b"),
        ("s3://bucket/x", "s3a://bucket/x"),
        ("s3a://bucket/x", "s3a://bucket/x"),
        ("hdfs://nn/x", "hdfs://nn/x"),
    ],
)
def test_a_location_is_written_the_way_spark_names_it(location: str, path: str) -> None:
    assert spark_path(location) == path


def test_outputs_cannot_be_saved_in_memory() -> None:
    with pytest.raises(CheckpointLocationError, match="cannot be saved in memory"):
        spark_path("memory://x")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS id, 'x' AS id",
        "SELECT 1 AS id, 'x' AS ID, 2.5D AS Id",
        pytest.param("SELECT NULL AS x, NULL AS X", marks=needs_spark_4),
        pytest.param("SELECT 1 AS y, array(NULL) AS x", marks=needs_spark_4),
        "SELECT o.*, p.* FROM VALUES (1, 'a') AS o(key, name) JOIN VALUES (1, 'b') AS p(key, name) ON o.key = p.key",
    ],
)
def test_columns_whose_names_differ_only_in_case_keep_their_names(
    spark: SparkSession, tmp_path: Path, query: str
) -> None:
    frame = spark.sql(query)
    again = save({"v": frame}, str(tmp_path), spark)[1]["v"]
    assert again.columns == frame.columns
    assert _types(again) == _types(frame)
    assert [tuple(row) for row in again.collect()] == [tuple(row) for row in frame.collect()]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("SELECT make_interval(1, 2) AS x", marks=needs_spark_4),
        "SELECT named_struct('x', 1, 'X', 2) AS x",
    ],
)
def test_a_frame_that_cannot_be_saved_is_refused_with_its_view_and_the_setting(
    spark: SparkSession, tmp_path: Path, query: str
) -> None:
    path = "pipeline.pipeline-components[0]"
    with pytest.raises(OutputNotSavedError) as raised:
        save({"orders": spark.sql(query)}, str(tmp_path), spark, component="Extract", path=path)
    text = str(raised.value)
    assert "Extract returned the view 'orders', which save-outputs cannot keep" in text
    assert f"save-outputs = false on {path}" in text
    assert "`x`" in text.lower() or '"x"' in text.lower()
    assert not raised.value.retry_helps


@pytest.mark.parametrize("view", ["v" * 300, "ü" * 120, "日" * 100, "a" * 79 + "ü" * 3])
def test_a_view_with_a_long_name_is_saved_and_comes_back(spark: SparkSession, tmp_path: Path, view: str) -> None:
    outputs, _ = save({view: spark.range(3), view[:-1] + "2": spark.range(2)}, str(tmp_path), spark)
    again = restore(outputs, spark, str(tmp_path))
    assert [frame.count() for frame in again.values()] == [3, 2]
    assert list(again) == [view, view[:-1] + "2"]


def test_outputs_outside_of_the_runs_own_directory_are_never_read(spark: SparkSession, tmp_path: Path) -> None:
    outputs, _ = save({"v": spark.range(4)}, str(tmp_path / "other"), spark)
    with pytest.raises(OutputLostError, match="'v' is not below") as raised:
        restore(outputs, spark, str(tmp_path / "mine"))
    assert str(tmp_path / "other") in str(raised.value)


# ---- several outputs of one component


def test_outputs_of_one_component_are_written_at_the_same_time(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, real = threading.Barrier(2, timeout=60), saved_outputs._saved

    def meet(*arguments: Any) -> Any:
        both.wait()
        return real(*arguments)

    monkeypatch.setattr(saved_outputs, "_saved", meet)
    outputs, frames = save({"b": spark.range(2), "a": spark.range(1)}, str(tmp_path), spark)
    assert list(outputs) == ["b", "a"]
    assert [(view, frame.count()) for view, frame in frames.items()] == [("b", 2), ("a", 1)]


def test_the_jobs_of_all_outputs_carry_the_tags_of_the_component(spark: SparkSession, tmp_path: Path) -> None:
    context = spark.sparkContext
    seen: list[Any] = []
    context.addJobTag("component-7")
    try:
        save({f"v{number}": spark.range(number + 1) for number in range(5)}, str(tmp_path), spark)
        jobs = set(context._jsc.sc().statusTracker().getJobIdsForTag("component-7"))
        seen = sorted(jobs)
    finally:
        context.removeJobTag("component-7")
    assert len(seen) >= 5


def test_the_first_output_that_cannot_be_saved_is_reported_and_the_others_end(
    spark: SparkSession, tmp_path: Path
) -> None:
    good = spark.range(1)
    bad = spark.sql("SELECT named_struct('a', 1, 'a', 2) AS twice")
    with pytest.raises(OutputNotSavedError, match="'second'") as raised:
        save({"first": good, "second": bad, "third": bad, "fourth": good}, str(tmp_path), spark, component="c")
    assert raised.value.view == "second"
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()


@pytest.mark.parametrize("name", ["team [a]", "{x,y}", "a*b", "what?"])
def test_a_location_whose_name_looks_like_a_pattern_is_one_directory(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    place = tmp_path / name
    outputs, frames = save({"v": spark.range(3)}, str(place), spark)
    assert frames["v"].count() == 3
    assert restore(outputs, spark, str(place))["v"].count() == 3


def test_an_output_of_which_the_driver_finds_no_file_is_an_error(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Executors on other machines have then written to their own disks, and the view would be empty."""
    read = saved_outputs._read

    def without_files(output: Any, spark: SparkSession) -> DataFrame:
        for file in Path(output["path"].removeprefix("file://")).glob("part-*"):
            file.unlink()
        return read(output, spark)

    monkeypatch.setattr(saved_outputs, "_read", without_files)
    with pytest.raises(CheckpointLocationError, match="the driver and all executors share"):
        save({"v": spark.range(3)}, str(tmp_path), spark)
