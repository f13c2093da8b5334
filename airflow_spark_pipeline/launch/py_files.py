"""The user's modules: paths to import them here, and to ship them to the driver."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.launch.archives import directory_archive
from airflow_spark_pipeline.pipeline.existing_files import may_exist

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_SUFFIXES = (".py", ".zip", ".egg", ".whl")


def is_url(name: str) -> bool:
    """Whether the module is a URL, which Spark fetches."""
    return _URL.match(name) is not None


def import_path(modules: Sequence[str], directory: Path) -> list[str]:
    """Return the module path that makes modules importable here, as spark-submit does.

    :param modules: paths and URLs that :func:`resolve_py_files` returned
    :param directory: directory to create for links to single files, since Python imports only from directories and
        archives
    """
    path = []
    for module in modules:
        if module.endswith(".py") and not is_url(module):
            directory.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):  # two files of the same name: the first is imported, as in Spark
                (directory / Path(module).name).symlink_to(module)
        elif not is_url(module):
            path.append(module)
    return [str(directory), *path] if directory.exists() else path


def resolve_py_files(py_files: str | Sequence[str] | None, dag_dir: Path) -> list[str]:
    """Return the entries for ``--py-files``: full paths and URLs, directories as zip files.

    :param py_files: paths of ``.py``, ``.zip`` or ``.egg`` files or of directories, or URLs; one string may contain
        several, separated by commas, unless a file has that name. Relative paths start from the directory of the DAG
        file
    :param dag_dir: directory of the DAG file
    :raises PipelineDefinitionError: a path does not exist, or Python cannot import from it; all such paths are listed
    """
    names = list(py_files or [])
    if isinstance(py_files, str):
        is_one = "," in py_files and not is_url(py_files) and may_exist(dag_dir / py_files)
        names = [py_files] if is_one else py_files.split(",")
    resolved: list[str] = []
    problems: list[Problem] = []
    for name in (name.strip() for name in names):
        if not name:
            continue
        if is_url(name):
            resolved.append(name)
            continue
        path = dag_dir / name
        if not may_exist(path):
            problems.append(Problem("there is no such file or directory", path="py_files", file=str(path)))
        elif not os.access(path, os.R_OK):
            problems.append(Problem("this user may not read it", path="py_files", file=str(path)))
        elif path.is_dir():
            resolved.append(str(directory_archive(path)))
        elif path.suffix not in _SUFFIXES:
            problems.append(Problem("is not a .py, .zip or .egg file, or a directory", path="py_files", file=str(path)))
        else:
            resolved.append(str(path))
    if problems:
        raise PipelineDefinitionError(problems)
    return resolved


def without_commas(modules: Sequence[str], directory: Path) -> list[str]:
    """Return modules without commas in their paths, since spark-submit splits at commas.

    :param modules: paths and URLs that :func:`resolve_py_files` returned
    :param directory: directory for a copy of each file with a comma in its path
    :raises PipelineDefinitionError: a URL or the directory contains a comma
    """
    return [
        _copied(module, directory / str(index)) if "," in module else module for index, module in enumerate(modules)
    ]


def _copied(module: str, directory: Path) -> str:
    copy = directory / Path(module).name.replace(",", "_")
    if is_url(module) or "," in str(copy):
        message = "spark-submit treats the comma in this path as its end; rename it"
        raise PipelineDefinitionError([Problem(message, path="py_files", file=module)])
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(module, copy)
    return str(copy)
