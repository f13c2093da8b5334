"""The user's own modules on their way to the driver."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.hooks.archives import directory_archive

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SUFFIXES = (".py", ".zip", ".egg", ".whl")


def is_url(name: str) -> bool:
    """Whether Spark fetches the module from elsewhere."""
    return _URL.match(name) is not None


def import_path(modules: Sequence[str], directory: Path) -> list[str]:
    """Return what makes modules importable here as spark-submit does it.

    :param modules: as :func:`resolve_py_files` gives them
    :param directory: is made, and gets the single files: Python imports from directories and archives
    """
    path = []
    for module in modules:
        if module.endswith(".py") and not is_url(module):
            directory.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):  # two files of one name: the first is imported, as in Spark
                (directory / Path(module).name).symlink_to(module)
        elif not is_url(module):
            path.append(module)
    return [str(directory), *path] if directory.exists() else path


def resolve_py_files(py_files: str | Sequence[str] | None, dag_dir: Path) -> list[str]:
    """Return what ``--py-files`` takes: full paths and URLs, directories zipped.

    :param py_files: paths of ``.py``, ``.zip`` or ``.egg`` files or of directories, or URLs; one string may hold
        several, separated by commas. Relative ones are looked up beside the DAG file.
    :raises PipelineDefinitionError: one does not exist, or is nothing that Python can import; all are named
    """
    names = py_files.split(",") if isinstance(py_files, str) else list(py_files or [])
    resolved: list[str] = []
    problems: list[Problem] = []
    for name in (name.strip() for name in names):
        if not name:
            continue
        if is_url(name):
            resolved.append(name)
            continue
        path = dag_dir / name
        if path.is_dir():
            resolved.append(str(directory_archive(path)))
        elif not path.exists():
            problems.append(Problem("there is no such file or directory", path="py_files", file=str(path)))
        elif path.suffix not in _SUFFIXES:
            problems.append(Problem("is no .py, .zip or .egg file and no directory", path="py_files", file=str(path)))
        else:
            resolved.append(str(path))
    if problems:
        raise PipelineDefinitionError(problems)
    return resolved
