"""The data-quality checks on a real Spark, alone and as gates of a component; the runner with a given session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.components import CheckFailedError, CheckRange, CheckSchema, CheckSql, CheckUnique
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.component.base import Component
from tests.steps import component, describe, names

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(autouse=True)
def orders(spark: SparkSession) -> None:
    rows = [(1, "AA", 10.0), (2, "AA", 99.5), (2, "BB", None), (4, None, float("nan"))]
    spark.createDataFrame(rows, "id INT, shop STRING, total DOUBLE").createOrReplaceTempView("orders")


@pytest.mark.parametrize(
    "check",
    [
        CheckUnique("orders", ["id", "shop"]),
        CheckRange("orders", "total", min=10, max=99.5),
        CheckRange("orders", "id", min=1),
        CheckSchema("orders", "total DOUBLE, id INT"),
        CheckSql("SELECT * FROM orders WHERE total < :least", args={"least": 1.5}),
    ],
)
def test_good_data_passes(spark: SparkSession, check: Component) -> None:
    check.run(spark)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (CheckUnique("orders", ["id"]), r"1 key \('id'\) not unique, 1 row too many \(of 4\)"),
        (CheckUnique("orders", ["shop"]), r"1 key \('shop'\)"),
        (
            CheckRange("orders", "total", max=50),
            r"1 row with 'total' outside 50 and below \(found 10 to 99.5\) \(of 4\)",
        ),
        (CheckRange("orders", "total", min=0, allow_null=False), r"2 rows with null or NaN in 'total'"),
        (
            CheckSchema("orders", "id BIGINT, day DATE"),
            r"'id' of type int, not bigint; no column 'day' \(date\); it has id, shop, total$",
        ),
        (CheckSchema("orders", "id INT", allow_more=False), r"further columns: shop, total"),
        (CheckSql("SELECT id FROM orders WHERE total > 50", "too dear", 1), r"too dear: 2 rows, such as {'id': 2}$"),
        (CheckSql("SELECT id FROM orders WHERE total > 50"), r"finds rows that are wrong: 2 rows$"),
    ],
)
def test_bad_data_fails_with_the_numbers(spark: SparkSession, check: Component, said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        check.run(spark)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CheckRange("v", "c"), "give min, max, or both"),
        (lambda: CheckRange("v", "c", 2, 1), "is less than min"),
        (lambda: CheckUnique("v", []), "columns is empty"),
        (lambda: CheckSql(" "), "sql is empty"),
    ],
)
def test_a_check_with_contradictory_arguments_is_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()  # type: ignore[operator]


PIPELINE = """
pipeline {
  pipeline-name = Gated
  pipeline-components = [
    { instance-type = "airflow_spark_pipeline.components.SqlToView", instance-name = Make
      instance-config { sql = "SELECT * FROM VALUES (1), (1) AS t(id)", view = made }
      hooks = [ { instance-type = "airflow_spark_pipeline.components.CheckUnique"
                  instance-config { view = made, columns = [id] } } ] }
  ]
}
"""


def test_a_gate_fails_the_component_before_it_is_recorded_as_done(spark: SparkSession, tmp_path: Path) -> None:
    """With the session of the test, which goes on afterwards."""
    runner = PipelineRunner(spark, location=tmp_path)
    with pytest.raises(ComponentFailedError, match=r"GateFailedError: CheckUnique .*1 key \('id'\)") as failed:
        runner.run_with_checkpointing(PIPELINE)
    (state,) = runner.list_resumable("Gated")
    assert state.completed_components == ()
    assert failed.value.run_id == state.run_id

    mended = PIPELINE.replace("(1), (1)", "(1), (2)")
    assert runner.resume(mended, state.run_id).ran == ["Make"]
    assert spark.range(3).count() == 3


def test_a_timeout_cancels_the_spark_job_and_leaves_the_session_usable(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    pipeline = describe(component("long", "LongJob", "", "timeout = 3 s"), "after", more="fail-fast = false")
    with pytest.raises(ComponentFailedError, match="ComponentTimeoutError: long took longer than its timeout of 3 s"):
        PipelineRunner(spark, location=tmp_path / "checkpoints").run_with_checkpointing(pipeline)
    assert names(tmp_path / "ledger") == "longafter"
    assert spark.range(5).count() == 5  # the only core is free again
