"""What temporary views cost: a component of many that return one, and a resume past many that are saved."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_spark_pipeline import Component, PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from benchmarks.harness import Row, interleaved, timed

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FEW, _MANY, _SAVED = 40, 400, 100
_ROUNDS = 3


@dataclass
class View(Component):
    """Returns a small view, or fails if the file *fails* is there."""

    view: str
    fails: str = ""

    def run(self, spark: SparkSession) -> Mapping[str, DataFrame]:
        """Return the view."""
        if self.fails and Path(self.fails).exists():
            raise RuntimeError("told to fail")
        return {self.view: spark.range(100).selectExpr("id", "id * 2 AS x")}


def rows() -> Iterator[Row]:
    """Measure components with a view in one session, and a resume in a new one."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:

        def of(count: int) -> float:
            session = spark.newSession()
            return timed(lambda: _run(session, directory, _text(count))) / count

        measured, base = interleaved(lambda: of(_MANY), lambda: of(_FEW), _ROUNDS)
        yield Row(f"one of {_MANY} components that return a view", f"one of {_FEW}", measured, base, aim=1.2)

        fails = Path(directory, "fails")
        text = _text(_SAVED, fails)

        def resumed() -> float:
            fails.touch()
            with contextlib.suppress(ComponentFailedError):
                _run(spark.newSession(), directory, text)
            fails.unlink()
            return timed(lambda: _run(spark.newSession(), directory, text))

        paths = [f"{directory}/plain/{number}" for number in range(_SAVED)]
        for path in paths:
            View("v").run(spark)["v"].write.parquet(path)

        def read() -> float:
            session = spark.newSession()

            def name() -> None:
                for number, path in enumerate(paths):
                    session.read.schema("id BIGINT, x BIGINT").parquet(path).createOrReplaceTempView(f"v{number}")

            return timed(name)

        measured, base = interleaved(resumed, read, _ROUNDS)
        yield Row(
            f"a resume past {_SAVED} saved views", f"a script that reads and names {_SAVED} views", measured, base
        )
    spark.stop()


def _run(spark: SparkSession, directory: str, text: str) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        PipelineRunner(spark, location=f"{directory}/checkpoints").run_with_checkpointing(text, auto_resume=True)


def _text(count: int, fails: Path | None = None) -> str:
    config = [f"view = v{number}" for number in range(count)]
    if fails is not None:
        config.append(f'view = last, fails = "{fails}"')
    components = "\n".join(
        f"{{ instance-type = benchmarks.views.View, instance-name = n{number}, instance-config {{ {each} }} }}"
        for number, each in enumerate(config)
    )
    saves = "false" if fails is None else "true"
    return f"pipeline {{ pipeline-name = Views, save-outputs = {saves}, pipeline-components = [\n{components}\n] }}"
