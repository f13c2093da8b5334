"""A staged job as a platform's operator gets it."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_spark_pipeline.operators.job import StagedJob


def staged_job(
    location: str,
    *,
    command: str = "run-staged",
    more_arguments: tuple[str, ...] = (),
    more_py_files: tuple[str, ...] = (),
    more_settings: Mapping[str, str] | None = None,
) -> StagedJob:
    """A job whose files are below ``location``/_staged."""
    return StagedJob(
        f"{location}/_staged/code/1/spark-pipeline.py",
        (command, f"{location}/_staged/requests/u/1-0.json", *more_arguments),
        (f"{location}/_staged/code/2/runtime.zip", *more_py_files),
        {"spark.sql.shuffle.partitions": "7", **(more_settings or {})},
        "Daily ETL",
        "1-0123456789ab",
    )
