"""How EMR gets a job: options of ``spark-submit``, and URLs with a scheme that EMR supports."""

from __future__ import annotations

import shlex
from typing import Any

from airflow_spark_pipeline.operators.job import StagedJob


def s3_url(url: str) -> str:
    """Return the URL with a scheme that EMR supports, for example ``s3://`` for ``s3a://``."""
    scheme, separator, rest = url.partition("://")
    return f"s3://{rest}" if separator and scheme in ("s3a", "s3n") else url


def submit_options(job: StagedJob) -> list[str]:
    """Return the options of ``spark-submit`` that name the modules and the settings of a job."""
    options = ["--py-files", ",".join(map(s3_url, job.py_files))]
    for name, value in job.spark_config.items():
        options += ["--conf", f"{name}={value}"]
    return options


def job_driver(job: StagedJob, more_options: str | None) -> dict[str, Any]:
    """Return a job as EMR Serverless and EMR on EKS expect it.

    :param more_options: the user's options of ``spark-submit``
    """
    return {
        "entryPoint": s3_url(job.main),
        "entryPointArguments": list(job.arguments),
        "sparkSubmitParameters": " ".join(filter(None, [shlex.join(submit_options(job)), more_options])),
    }
