"""The ready-made components on a real Spark, each used alone as in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_spark_pipeline.components import (
    CheckFailedError,
    CheckNotNull,
    CheckRowCount,
    ReadFiles,
    ReadTable,
    SqlToView,
    TargetExistsError,
    UnknownViewError,
    UnsafeOverwriteError,
    WriteFiles,
    WriteTable,
)
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(autouse=True)
def flights(spark: SparkSession) -> None:
    """Three flights, one of which goes nowhere."""
    rows = [(1, "AA", "BOS"), (2, "AA", None), (3, "UA", "SFO")]
    spark.createDataFrame(rows, "id INT, carrier STRING, dest STRING").createOrReplaceTempView("flights")


def run(component: Component, spark: SparkSession) -> None:
    """Run it as the runner does: what it returns becomes a view."""
    for name, frame in (component.run(spark) or {}).items():
        frame.createOrReplaceTempView(name)


def ids(spark: SparkSession, view: str) -> list[int]:
    return sorted(row.id for row in spark.table(view).collect())


def test_a_pipeline_of_ready_made_components_needs_no_python(spark: SparkSession, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "a b" / "out"
    source.write_text("id;carrier\n1;AA\n2;UA\n3;AA\n", encoding="utf-8")

    run(ReadFiles(str(source), "raw", "csv", {"header": "true", "sep": ";"}, schema="id INT, carrier STRING"), spark)
    run(SqlToView("SELECT * FROM raw WHERE carrier = :carrier", "raw", args={"carrier": "AA"}), spark)
    run(CheckRowCount("raw", min=2, max=2), spark)
    run(WriteFiles("raw", str(target), mode="overwrite", partition_by=["carrier"], coalesce=1), spark)
    run(ReadFiles([str(target)], "result"), spark)

    assert ids(spark, "result") == [1, 3]
    assert [path.name for path in target.glob("carrier=*")] == ["carrier=AA"]


def test_a_repeated_overwrite_gives_the_same_result(spark: SparkSession, tmp_path: Path) -> None:
    component = WriteFiles("flights", str(tmp_path / "out"), "json", "overwrite", options={"compression": "gzip"})

    run(component, spark)
    run(component, spark)
    run(ReadFiles(str(tmp_path / "out"), "result", "json"), spark)

    assert ids(spark, "result") == [1, 2, 3]


def test_overwriting_what_the_view_reads_is_refused_and_nothing_is_lost(spark: SparkSession, tmp_path: Path) -> None:
    target = tmp_path / "new flights"
    run(WriteFiles("flights", str(target), partition_by=["carrier"]), spark)
    run(ReadFiles(str(target / "carrier=AA"), "part"), spark)
    run(SqlToView("SELECT id FROM part WHERE id > 1", "later"), spark)

    for path in (str(target), f"{target}/", target.as_uri().replace("%20", " "), f"{tmp_path}/x/../new flights"):
        with pytest.raises(UnsafeOverwriteError, match="view 'later' reads 1 of the files"):
            run(WriteFiles("later", path, mode="overwrite"), spark)

    assert ids(spark, "part") == [1, 2]


def test_overwriting_the_neighbour_of_what_the_view_reads_is_fine(spark: SparkSession, tmp_path: Path) -> None:
    run(WriteFiles("flights", str(tmp_path / "out" / "out")), spark)
    run(ReadFiles(str(tmp_path / "out" / "out"), "source"), spark)

    run(WriteFiles("source", str(tmp_path / "out" / "out2"), mode="overwrite"), spark)
    run(WriteFiles("source", str(tmp_path / "out2"), mode="overwrite"), spark)
    run(WriteFiles("source", str(tmp_path / "out" / "out" / "out"), mode="overwrite"), spark)

    assert ids(spark, "source") == [1, 2, 3]


def test_a_table_is_written_and_read_in_parts(spark: SparkSession) -> None:
    run(WriteTable("flights", "flights_table", mode="overwrite", format="parquet", partition_by=["carrier"]), spark)
    run(WriteTable("flights", "flights_table", mode="append", partition_by=["carrier"]), spark)
    run(ReadTable("flights_table", "part", columns=["id"], where="carrier = 'UA'"), spark)

    assert spark.table("part").columns == ["id"]
    assert ids(spark, "part") == [3, 3]
    spark.sql("DROP TABLE flights_table")


def test_what_a_dead_attempt_left_is_explained(spark: SparkSession, tmp_path: Path) -> None:
    run(WriteFiles("flights", str(tmp_path / "out")), spark)
    left = Path(str(spark.conf.get("spark.sql.warehouse.dir")).removeprefix("file:")) / "half_written"
    left.mkdir(parents=True)
    (left / "part-0").touch()

    with pytest.raises(TargetExistsError, match="or set mode = overwrite"):
        run(WriteFiles("flights", str(tmp_path / "out")), spark)
    with pytest.raises(TargetExistsError, match=r"as files at its location: Spark.s catalog is in memory") as caught:
        run(WriteTable("flights", "half_written", mode="overwrite"), spark)
    assert not caught.value.retry_helps


def test_too_few_and_too_many_rows_fail_with_the_count(spark: SparkSession) -> None:
    with pytest.raises(CheckFailedError, match="view 'flights' has 3 rows; expected at least 1,000"):
        run(CheckRowCount("flights", min=1000), spark)
    with pytest.raises(CheckFailedError, match="view 'flights' has 3 rows; expected at most 2"):
        run(CheckRowCount("flights", max=2), spark)


def test_nulls_fail_with_their_number_for_each_column(spark: SparkSession) -> None:
    run(SqlToView("SELECT nullif(id, 1) AS id, carrier, nullif(dest, 'SFO') AS dest FROM flights", "holes"), spark)

    message = r"view 'holes' has 1 row with null in 'id', 2 rows with null in 'dest' \(of 3\)"
    with pytest.raises(CheckFailedError, match=message):
        run(CheckNotNull("holes", ["id", "carrier", "dest"]), spark)


def test_a_check_that_passes_prints_its_numbers(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for component in (CheckRowCount("flights"), CheckNotNull("flights", ["id", "carrier"])):
        component.attach(ComponentContext.standalone(str(tmp_path)))
        run(component, spark)

    assert capsys.readouterr().out.splitlines() == [
        "    view 'flights' has 3 rows",
        "    no null in 'id', 'carrier' of view 'flights' (3 rows)",
    ]


def test_a_missing_view_is_reported_with_the_existing_ones(spark: SparkSession, tmp_path: Path) -> None:
    for component in (CheckRowCount("flihgts"), WriteFiles("flihgts", str(tmp_path / "out"))):
        with pytest.raises(UnknownViewError, match=r"view 'flihgts' does not exist; known views: .*flights"):
            run(component, spark)


def wrote(component: Component, spark: SparkSession) -> dict[str, object]:
    component.attach(ComponentContext.standalone("work"))
    component.run(spark)
    return dict(component.context.results.written)


def test_the_writers_report_what_they_wrote(spark: SparkSession, tmp_path: Path) -> None:
    path = str(tmp_path / "a b" / "out")
    facts = {"format": "parquet", "mode": "overwrite"}
    expected = f"file://{tmp_path}/a%20b/out"
    assert wrote(WriteFiles("flights", path, mode="overwrite"), spark) == {expected: facts}
    assert wrote(WriteFiles("flights", f"file:{path}", mode="overwrite"), spark) == {expected: facts}
    assert wrote(WriteFiles("flights", path, mode="overwrite", asset="s3a://lake/out"), spark) == {
        "s3://lake/out": facts
    }
    assert wrote(WriteFiles("flights", path, mode="overwrite", asset=""), spark) == {}
    assert wrote(WriteFiles("flights", path, mode="ignore"), spark) == {}, "Spark does not tell whether it wrote"


def test_the_writer_of_tables_names_catalog_and_schema(spark: SparkSession) -> None:
    expected = {"x-spark-table://spark_catalog/default/said": {"mode": "overwrite"}}
    try:
        for name in ("said", "default.said", "`default`.`said`", "spark_catalog.default.said"):
            assert wrote(WriteTable("flights", name, mode="overwrite"), spark) == expected, name
        asset = WriteTable("flights", "said", mode="append", asset="s3://lake/said")
        assert wrote(asset, spark) == {"s3://lake/said": {"mode": "append"}}
    finally:
        spark.sql("DROP TABLE IF EXISTS said")


def test_an_asset_that_cannot_be_named_is_refused_before_anything_runs() -> None:
    with pytest.raises(ValueError, match="'lake/out' is not a URI"):
        WriteFiles("flights", "/out", asset="lake/out")
    with pytest.raises(ValueError, match="reserves the scheme"):
        WriteTable("flights", "said", asset="airflow://said")
