"""Spark settings that a field or an argument replaces: as settings they would have no effect, or the wrong one.

Each is refused, and the message names the field or the argument. The operator always passes a master, a name and Python
files to spark-submit as options, and an option wins over a setting: the setting would be ignored without an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """What to use instead of a setting: a field of the file, and an argument of the operator."""

    in_file: str
    in_operator: str


_CONNECT = _Elsewhere(
    "has no effect as a setting; set the Spark Connect server with `connect-string` in the block `spark`",
    "has no effect as a setting; set the Spark Connect server with a spark_connect connection "
    "(conn_id), or with `connect-string` in the block `spark` of the file",
)
_ELSEWHERE = {
    "spark.master": _Elsewhere(
        "has no effect as a setting; write it as `master` in the block `spark`",
        "has no effect as a setting; set the master in the Spark connection (conn_id), or with "
        "`master` in the block `spark` of the file",
    ),
    "spark.app.name": _Elsewhere(
        "has no effect as a setting; write it as `app-name` in the block `spark`",
        "has no effect as a setting; use the argument name",
    ),
    "spark.remote": _CONNECT,
    "spark.api.mode": _CONNECT,
    "spark.submit.deployMode": _Elsewhere(
        (
            "has no effect as a setting of the file; set it with the operator's argument deploy_mode, or "
            "in the Spark connection"
        ),
        "is not tracked as a setting; use the argument deploy_mode, or set it in the Spark connection",
    ),
    "spark.submit.pyFiles": _Elsewhere(
        "has no effect as a setting; pass modules with the operator's argument py_files, or with --py-files",
        "has no effect as a setting; use the argument py_files",
    ),
}


def said_elsewhere(name: str) -> str | None:
    """Return why a setting of ``spark.config`` is refused, and what to use instead; ``None`` if it is allowed."""
    found = _ELSEWHERE.get(name)
    return None if found is None else f"`{name}` {found.in_file}"


def refuse_settings(conf: Iterable[str]) -> None:
    """Refuse names in the operator's ``conf``.

    :raises PipelineDefinitionError: some have a field or an argument; the error names all of them
    """
    problems = [
        Problem(f"{name} {_ELSEWHERE[name].in_operator}", "the operator's conf") for name in conf if name in _ELSEWHERE
    ]
    if problems:
        raise PipelineDefinitionError(problems)
