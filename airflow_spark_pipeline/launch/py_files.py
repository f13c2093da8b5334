"""The user's own modules on their way to the driver."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.launch.archives import directory_archive

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
        several, separated by commas, unless a file has that name. Relative ones are looked up beside the DAG file.
    :raises PipelineDefinitionError: one does not exist, or is nothing that Python can import; all are named
    """
    names = list(py_files or [])
    if isinstance(py_files, str):
        is_one = "," in py_files and not is_url(py_files) and (dag_dir / py_files).exists()
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
        if path.is_dir():
            resolved.append(str(directory_archive(path)))
        elif not path.exists():
            problems.append(Problem("there is no such file or directory", path="py_files", file=str(path)))
        elif path.suffix not in _SUFFIXES:
            problems.append(Problem("is not a .py, .zip or .egg file, or a directory", path="py_files", file=str(path)))
        else:
            resolved.append(str(path))
    if problems:
        raise PipelineDefinitionError(problems)
    return resolved


def without_commas(modules: Sequence[str], directory: Path) -> list[str]:
    """Return modules as spark-submit can be given them: it takes a comma for the end of a path.

    :param modules: as :func:`resolve_py_files` gives them
    :param directory: gets a copy of each file with a comma in its path
    :raises PipelineDefinitionError: a URL has a comma, or the directory
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
