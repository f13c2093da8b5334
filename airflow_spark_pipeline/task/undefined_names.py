"""Explains why a name in a template has no value under Airflow, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_spark_pipeline.rendering.renderer import nearest_name

# Airflow does not set these in a DAG run without a logical date; some have a substitute.
_IN_PLACE = {
    "ds": "dag_run.run_after | ds",
    "ds_nodash": "dag_run.run_after | ds_nodash",
    "ts": "dag_run.run_after | ts",
    "ts_nodash": "dag_run.run_after | ts_nodash",
    "ts_nodash_with_tz": "dag_run.run_after | ts_nodash_with_tz",
    "logical_date": "dag_run.run_after",
    "execution_date": "dag_run.run_after",
    "data_interval_start": "dag_run.run_after",
    "data_interval_end": "dag_run.run_after",
    "prev_data_interval_start_success": "dag_run.run_after",
    "prev_data_interval_end_success": "dag_run.run_after",
}
_AT_MOST = 12  # names that are shown if none is similar


def say_why_undefined(path: str, names: Mapping[str, Any]) -> str:
    """Return the message that a name has no value, and why."""
    why = why_undefined(path, names)
    return f"Jinja: {path!r} is undefined{': ' if why else ''}{why}"


def why_undefined(path: str, names: Mapping[str, Any]) -> str:
    """Return the likely cause, and what to do.

    :param path: ``ds``, or ``params.day``
    :param names: names in the context of the task
    """
    first, *below = path.split(".")
    has_run = names.get("dag_run") is not None
    if first in _IN_PLACE and has_run and "logical_date" not in names:
        missing = ", ".join(name for name in _IN_PLACE if not name.startswith(("execution", "prev")))
        return (
            "this DAG run has no logical date (it was triggered without a date, or by an asset), so "
            f"{missing} do not exist; write {{{{ {_IN_PLACE[first]} }}}}"
        )
    near = nearest_name(path, names)
    if near:
        return near
    if below and first == "params":
        known = ", ".join(map(str, [*names.get("params", {})][:_AT_MOST])) or "none"
        return f"the DAG has no such param (it has: {known}); add it to the DAG's params"
    return "it is neither a name of Airflow nor one of the DAG's user_defined_macros" if not below else ""
