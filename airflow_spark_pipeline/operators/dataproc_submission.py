"""The Python part of a Dataproc job, added to what the user described."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.operators.job import StagedJob
from airflow_spark_pipeline.task.argument_types import kind_of


def refuse_misfit(name: str, value: Any) -> None:
    """Refuse an argument with which a template or an XCom does not describe the job.

    :param value: a mapping, or an object of Google's client
    :raises PipelineDefinitionError: it is something else, such as ``None``
    """
    if not isinstance(value, Mapping) and not hasattr(type(value), "to_dict"):
        wrong = f"the argument {name} is {kind_of(value)}; it must be a mapping that describes the {name}"
        raise PipelineDefinitionError([Problem(wrong)])


def as_dict(described: Any) -> dict[str, Any]:
    """Return what the user described as a mapping, or as an object of Google's client."""
    return dict(described) if isinstance(described, Mapping) else type(described).to_dict(described)


def pyspark_part(job: StagedJob, described: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the main file, arguments and modules of a job, in front of the user's modules.

    :param described: by the user, such as ``jar_file_uris``
    """
    described = described or {}
    return {
        **described,
        "main_python_file_uri": job.main,
        "python_file_uris": [*job.py_files, *(described.get("python_file_uris") or ())],
        "args": list(job.arguments),
    }


def job_name(job: StagedJob, *, length: int) -> str:
    """Return an id that Dataproc allows, and that is the same in each call for a job.

    >>> job_name(StagedJob("m.py", (), (), {}, "Daily ETL", "1-0123456789ab"), length=63)
    'daily-etl-1-0123456789ab'

    :param length: how many characters Dataproc allows
    """
    readable = re.sub(r"[^a-z0-9]+", "-", job.name.lower()).strip("-")
    readable = readable if readable[:1].isalpha() else f"spark-{readable}".rstrip("-")
    return f"{readable[: length - len(job.token) - 1].rstrip('-')}-{job.token}"
