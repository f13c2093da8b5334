"""What saving and restoring frames costs, against Spark's own Parquet with nothing of ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from airflow_spark_pipeline.runtime.component.saved_outputs import restore, save
from benchmarks.harness import Row, interleaved, timed

_ROWS = 10_000_000
_ROUNDS = 10
_SMALL = 8  # outputs of one component


def rows() -> Iterator[Row]:
    """Measure ten million rows of four columns, and several small frames."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.range(_ROWS).selectExpr("id", "id % 1000 AS k", "id * 0.5 AS x", "cast(id AS string) AS s")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        names = iter(range(1_000))

        def ours() -> float:
            return timed(lambda: save({"v": frame}, f"{directory}/{next(names)}", spark))

        def plain() -> float:
            return timed(lambda: frame.write.parquet(f"{directory}/{next(names)}"))

        measured, base = interleaved(ours, plain, _ROUNDS)
        yield Row(f"saving {_ROWS:,} rows", "Spark's own Parquet", measured, base, aim=1.1)
        outputs, _ = save({"v": frame}, f"{directory}/kept", spark)
        path = outputs["v"]["path"]

        def restored() -> float:
            return timed(lambda: restore(outputs, spark, directory)["v"].selectExpr("sum(x)").collect())

        measured, base = interleaved(
            restored, lambda: timed(lambda: spark.read.parquet(path).selectExpr("sum(x)").collect()), _ROUNDS
        )
        yield Row(f"restoring and summing {_ROWS:,} rows", "Spark's own Parquet", measured, base, aim=1.1)
        small = {f"v{number}": spark.range(100).selectExpr("id", f"id * {number} AS x") for number in range(_SMALL)}

        def together() -> float:
            return timed(lambda: save(small, f"{directory}/{next(names)}", spark))

        def one_by_one() -> float:
            place = f"{directory}/{next(names)}"

            def write() -> None:
                for view, frame in small.items():
                    frame.write.parquet(f"{place}/{view}")

            return timed(write)

        measured, base = interleaved(together, one_by_one, _ROUNDS)
        yield Row(
            f"saving {_SMALL} outputs of 100 rows", "Spark's own Parquet, one after the other", measured, base, aim=1.1
        )
    spark.stop()
