"""The code of the components as this worker would ship it, so that a plan can name changes before a driver runs.

Guarantees: the driver will find the same. Only modules that the driver gets from here are compared: ``py_files`` and
``PYTHONPATH``. If these are not exactly the recorded files (a module is at a URL, or only on the cluster), no change is
reported: the driver compares anyway. Reads files, imports nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import SparkPipelineError
from airflow_spark_pipeline.launch.py_files import import_path, resolve_py_files
from airflow_spark_pipeline.pipeline.code_digests import CodeFiles, user_roots
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Code


def code_here(
    spec: PipelineSpec,
    recorded: CheckpointState,
    py_files: str | Sequence[str] | None,
    dag_dir: Path,
    directory: Path,
    environment: Mapping[str, str],
) -> dict[str, Code]:
    """Return the code of the components whose files are all on this worker, by component name.

    :param py_files: ``py_files`` of the operator; relative paths start in the directory of the DAG file
    :param directory: gets links to single files
    :param environment: environment variables of the driver
    """
    if not recorded.fingerprint_salt or not any(component.code for component in recorded.components):
        return {}
    try:
        shipped = import_path(resolve_py_files(py_files, dag_dir), directory)
    except SparkPipelineError:  # reported when the job is submitted
        return {}
    inherited = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    files = CodeFiles(user_roots([*shipped, *inherited]))
    found: dict[str, Code] = {}
    for component in spec.components:
        old = recorded.component(component.instance_name)
        if old is not None and old.code:
            now = files.digests(component.instance_type, recorded.fingerprint_salt)
            if now.keys() == old.code.keys():
                found[component.instance_name] = Code(now)
    return found
