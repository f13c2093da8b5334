"""A new project: a DAG, a pipeline, two components and tests, which run as they are written.

Guarantees: nothing is overwritten. If one of the files exists already, nothing is written at all.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from airflow_spark_pipeline.cli.modules import NO_SUCH_USER
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.existing_files import may_exist

_TEMPLATES = Path(__file__).with_name("new_project")
_SHOWN = 3
#: From the file in this package to the file in the project. Package builders leave out some names with a dot.
FILES = {
    "README.md": "README.md",
    "airflow.env": "airflow.env",
    "dags/airflowignore": "dags/.airflowignore",
    "dags/orders.conf": "dags/orders.conf",
    "dags/orders.py": "dags/orders.py",
    "dags/orders_etl/__init__.py": "dags/orders_etl/__init__.py",
    "dags/orders_etl/extract.py": "dags/orders_etl/extract.py",
    "dags/orders_etl/load.py": "dags/orders_etl/load.py",
    "gitignore": ".gitignore",
    "pyproject.toml": "pyproject.toml",
    "tests/conftest.py": "tests/conftest.py",
    "tests/test_orders.py": "tests/test_orders.py",
}


def write_project(directory: Path) -> list[Path]:
    """Write the project's files. Returns their paths.

    :param directory: directory of the project; it is created if it does not exist
    :raises PipelineDefinitionError: a file exists already, or cannot be written
    """
    try:
        directory = directory.expanduser().absolute()
    except RuntimeError:
        raise _problem(directory, f"{NO_SUCH_USER}; name another directory") from None
    targets = {source: directory / target for source, target in FILES.items()}
    _refuse_existing(directory, list(targets.values()))
    try:
        (directory / "data").mkdir(parents=True, exist_ok=True)
        for source, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(_text(source, directory))
    except OSError as error:
        raise _problem(directory, f"the project cannot be written: {error.filename}: {error.strerror}") from None
    return list(targets.values())


def _refuse_existing(directory: Path, targets: list[Path]) -> None:
    # Such a path would be taken for a description, or for a Jinja expression.
    if any(each in str(directory) for each in "{}\n"):
        raise _problem(directory, "has a brace or a line break in its path; name another directory")
    if may_exist(directory) and not os.path.isdir(directory):
        raise _problem(directory, "is not a directory; name another one")
    within = {parent for each in targets for parent in each.parents if directory in parent.parents}
    blocked = [str(each.relative_to(directory)) for each in sorted(within) if each.exists() and not each.is_dir()]
    if blocked:
        raise _problem(directory, f"{', '.join(blocked)}: not a directory; nothing was written. Name another directory")
    # A dangling link exists, too: writing would create the file that it points to.
    existing = [str(each.relative_to(directory)) for each in targets if each.exists() or each.is_symlink()]
    if existing:
        more = f", … ({len(existing)} in all)" if len(existing) > _SHOWN else ""
        shown = ", ".join(existing[:_SHOWN])
        raise _problem(directory, f"has {shown}{more} already; nothing was written. Name another directory")


def _text(source: str, directory: Path) -> str:
    text = (_TEMPLATES / source).read_text(encoding="utf-8")
    # The quoting of a HOCON text is JSON's.
    return text.replace('"@DATA@"', json.dumps(str(directory / "data"), ensure_ascii=False))


def _problem(directory: Path, message: str) -> PipelineDefinitionError:
    return PipelineDefinitionError([Problem(message, file=str(directory))])
