"""The user's modules: from ``--py-files``, the directory of the pipeline's file, and the current directory.

``--py-files`` accepts the same values as the operator's ``py_files``: a directory with an ``__init__.py`` is importable
by its name; for any other directory, its content is importable. A relative path starts from the current directory. The
search order is ``--py-files``, the directory of the file, the current directory.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.existing_files import may_exist
from airflow_spark_pipeline.runtime.standalone.modules import directory_of, importable

#: What to say of ``~name`` if there is no such user.
NO_SUCH_USER = "starts in the home directory of a user who does not exist here"


@contextlib.contextmanager
def modules_of(file: str | None, py_files: Iterable[str], *, forget: bool = False) -> Iterator[None]:
    """Make the modules of a pipeline's file importable, here and in the Python workers of a local Spark.

    Nothing is zipped, so that an error in a module names the file that the user edits.

    :param file: path of the pipeline's file
    :param py_files: paths from ``--py-files``
    :param forget: whether to unload the modules afterwards, see
        :func:`~airflow_spark_pipeline.runtime.standalone.modules.importable`
    :raises PipelineDefinitionError: a path does not exist, or Python cannot import from it; all such paths are listed
    """
    with tempfile.TemporaryDirectory(prefix="spark-pipeline-") as links:
        places = [_place(path, Path(links, str(index))) for index, path in enumerate(_paths(py_files))]
        with importable(*places, *directory_of(file), Path.cwd(), forget=forget):
            yield


def places_of(file: str | None, py_files: Iterable[str]) -> list[Path]:
    """Return the places that :func:`modules_of` makes importable, each once, in the order of the search.

    :raises PipelineDefinitionError: a path does not exist, or Python cannot import from it
    """
    places = [*_paths(py_files), *map(Path, directory_of(file)), Path.cwd()]
    return list(dict.fromkeys(places))


def archives_of(py_files: Iterable[str]) -> list[str]:
    """Return the same modules as files that can be sent to other machines.

    :raises PipelineDefinitionError: a path does not exist, or Python cannot import from it
    """
    from airflow_spark_pipeline.launch.py_files import resolve_py_files

    return resolve_py_files([str(path) for path in _paths(py_files)], Path.cwd())


def _paths(py_files: Iterable[str]) -> list[Path]:
    # As in spark-submit, one value may contain several paths, separated by commas.
    typed = [part for text in py_files for part in ([text] if may_exist(text) else text.split(","))]
    found, problems = list[Path](), list[Problem]()
    for text in filter(None, map(str.strip, typed)):
        try:
            path = Path(text).expanduser().absolute()
            problem = _problem(text, path)
        except RuntimeError:
            problem = NO_SUCH_USER
        if problem is None:
            found.append(path)
        else:
            problems.append(Problem(problem, "--py-files", text))
    if problems:
        raise PipelineDefinitionError(problems)
    return found


def _problem(text: str, path: Path) -> str | None:
    if "://" in text:
        return "is a URL; download it first, or pass it to spark-submit"
    if not may_exist(path):
        return "there is no such file or directory"
    if not os.access(path, os.R_OK):
        return "this user may not read it"
    if not path.is_dir() and path.suffix not in (".py", ".zip", ".egg", ".whl"):
        return "is not a directory and not a .py, .zip or .egg file"
    return None


def _place(path: Path, links: Path) -> Path:
    """Return the entry for the module path; a module or package is linked, so that its neighbors are not importable."""
    if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists()):
        links.mkdir()
        (links / path.name).symlink_to(path)
        return links
    return path
