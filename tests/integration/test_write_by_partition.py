"""``WriteFiles`` with ``by-partition``: each partition is a part, and rows of one directory are one partition."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import DataFrameWriter

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.components import UnsafeOverwriteError, WriteFiles
from airflow_spark_pipeline.components.partitions import partition_key
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.runtime.component.base import ComponentContext
from airflow_spark_pipeline.runtime.component.parts import LONGEST_KEY, part_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

DAYS = [f"2026-01-0{day}" for day in range(1, 6)]
PIPELINE = """
pipeline {{
  pipeline-name = Flights
  pipeline-components = [
    {{
      instance-type = "airflow_spark_pipeline.components.ReadFiles"
      instance-config {{ path = "{source}", view = flights }}
    }}
    {{
      instance-type = "airflow_spark_pipeline.components.WriteFiles"
      instance-name = Write
      instance-config {{
        view = flights, path = "{target}", mode = {mode}, partition-by = [day], by-partition = true, coalesce = 1
      }}
    }}
  ]
}}
"""


class Writes:
    """Counts the partitions that are written; the source does not answer at one of them, once."""

    def __init__(self, patch: pytest.MonkeyPatch, fails_at: int) -> None:
        real, self.count = DataFrameWriter.save, 0

        def save(writer: DataFrameWriter, *arguments: Any, **named: Any) -> None:
            self.count += 1
            if self.count == fails_at:
                raise ConnectionError("the disk is full")
            real(writer, *arguments, **named)

        patch.setattr(DataFrameWriter, "save", save)


@pytest.fixture
def source(spark: SparkSession, tmp_path: Path) -> Path:
    """Two flights on each day."""
    rows = [(number, day) for number, day in enumerate(DAYS * 2)]
    spark.createDataFrame(rows, "id INT, day STRING").coalesce(1).write.parquet(str(tmp_path / "source"))
    return tmp_path / "source"


@pytest.fixture
def views(spark: SparkSession) -> Iterator[None]:
    yield
    for view in ("flights", "odd"):
        spark.catalog.dropTempView(view)


@pytest.mark.parametrize("mode", ["overwrite", "append"])
@pytest.mark.usefixtures("views")
def test_a_resumed_run_writes_the_partitions_that_are_missing(
    spark: SparkSession, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    target = tmp_path / "target"
    spec = parse_pipeline(PIPELINE.format(source=source, target=target, mode=mode))
    runner = PipelineRunner(spark, location=tmp_path / "checkpoints")
    writes = Writes(monkeypatch, fails_at=4)
    with pytest.raises(ComponentFailedError, match="the disk is full"):
        runner.run_with_checkpointing(spec)
    before = {file: file.stat().st_mtime_ns for file in target.glob("day=*/*.parquet")}
    assert sorted(file.parent.name for file in before) == [f"day={day}" for day in DAYS[:3]]

    assert runner.run_id is not None
    report = runner.resume(spec, runner.run_id)
    assert writes.count == 6
    assert report.state.components[1].part_counts == {"total": 5, "skipped": 3, "run": 2}
    assert {file: file.stat().st_mtime_ns for file in before} == before
    written = spark.read.parquet(str(target))
    assert sorted((row.id, str(row.day)) for row in written.collect()) == list(enumerate(DAYS * 2))
    assert report.state.components[1].wrote


@pytest.mark.slow
@pytest.mark.parametrize("columns", [["day"], ["day", "kind"], ["when"], ["a.b"], ["number"]])
@pytest.mark.usefixtures("views")
def test_unusual_partition_values_are_written_as_by_one_single_write(
    spark: SparkSession, tmp_path: Path, columns: list[str]
) -> None:
    """Rows that Spark puts into one directory are one partition: a second one would replace the first."""
    spark.sql(
        """
        SELECT id, day, kind, TIMESTAMP '2026-01-01 01:30:00' + make_interval(0, 0, 0, id) AS when, day AS `a.b`,
          IF(id = 2, CAST('NaN' AS DOUBLE), id / 2) AS number
        FROM VALUES (1, 'x', 'a'), (2, '', 'b'), (3, NULL, 'a'), (4, 'a/b=c', ''), (5, 'ü ,%', NULL), (6, 'x', 'b'),
          (7, '[x] y', '\\n') AS t(id, day, kind)
        """
    ).createOrReplaceTempView("odd")
    whole, one_by_one = tmp_path / "whole", tmp_path / "one by one"
    for target, by_partition in ((whole, False), (one_by_one, True), (one_by_one, True)):  # again over its own result
        component = WriteFiles(
            "odd", str(target), mode="overwrite", partition_by=columns, by_partition=by_partition, coalesce=1
        )
        component.attach(ComponentContext.standalone(str(tmp_path)))
        component.run(spark)
    assert _folders(one_by_one) == _folders(whole)
    rows = [sorted(spark.read.parquet(str(target)).collect(), key=lambda row: row.id) for target in (whole, one_by_one)]
    assert repr(rows[0]) == repr(rows[1])
    assert len(rows[1]) == 7


def _folders(target: Path) -> set[str]:
    return {str(file.parent.relative_to(target)) for file in target.rglob("*.parquet")}


@pytest.mark.usefixtures("views")
def test_other_partitions_are_kept_and_no_rows_write_nothing(spark: SparkSession, source: Path, tmp_path: Path) -> None:
    flights, target = spark.read.parquet(str(source)), tmp_path / "target"
    for days in (DAYS[:2], DAYS[1:3], []):
        flights.where(flights.day.isin(days)).createOrReplaceTempView("flights")
        component = WriteFiles("flights", str(target), mode="overwrite", partition_by=["day"], by_partition=True)
        component.attach(ComponentContext.standalone(str(tmp_path)))
        component.run(spark)
    assert spark.read.parquet(str(target)).count() == 6


@pytest.mark.usefixtures("views")
def test_overwriting_its_own_input_is_refused_as_in_a_single_write(
    spark: SparkSession, source: Path, tmp_path: Path
) -> None:
    spark.read.parquet(str(source)).createOrReplaceTempView("flights")
    component = WriteFiles("flights", str(source), mode="overwrite", partition_by=["day"], by_partition=True)
    component.attach(ComponentContext.standalone(str(tmp_path)))
    with pytest.raises(UnsafeOverwriteError):
        component.run(spark)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"mode": "overwrite"}, "by-partition needs partition-by"),
        ({"partition_by": ["day"]}, "does not work with mode 'error'"),
        ({"partition_by": ["day"], "mode": "ignore"}, "does not work with mode 'ignore'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_runs(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        WriteFiles("flights", "/somewhere", by_partition=True, **arguments)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        (("2026-01-31", "DE"), "day=2026-01-31/country=DE"),
        (("2026-01-31 10:00:00", None), "day=2026-01-31 10:00:00/country"),
        (("a/country=b", "c"), "day=a%2Fcountry%3Db/country=c"),
        (("\n", "ü"), "day=%0A/country=%C3%BC"),
    ],
)
def test_each_partition_has_its_own_key(values: tuple[str | None, ...], key: str) -> None:
    assert partition_key(["day", "country"], values) == part_key(key) == key


def test_each_long_value_has_its_own_short_key() -> None:
    one, other = (partition_key(["day"], ("x" * 300 + end,)) for end in "ab")
    assert one != other
    assert len(part_key(one)) == len(part_key(other)) == LONGEST_KEY
