"""Write docs/errors.md: every error of the package, with what it means, taken from the docstrings of the classes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import airflow_spark_pipeline
from airflow_spark_pipeline.exceptions import SparkPipelineError

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
_HEAD = """# Errors

Every error of the package: what it means, and whether Airflow's retry can help. If a retry cannot help, the
operator fails the task at once. Each name is a link to what you can do.

This page is written by `python scripts/errors.py` from the docstrings of the classes.

| error | meaning | retry |
|---|---|---|
"""


def errors() -> list[type[SparkPipelineError]]:
    """Return the public errors of the package, by name."""
    for module in pkgutil.walk_packages(airflow_spark_pipeline.__path__, "airflow_spark_pipeline."):
        if ".runtime.launcher" not in module.name and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if not (error.name or "").startswith("airflow.providers"):  # the operator of another platform
                    raise
    return sorted(set(_below(SparkPipelineError)), key=lambda error: error.__name__)


def _below(cls: type[SparkPipelineError]) -> Iterator[type[SparkPipelineError]]:
    for error in cls.__subclasses__():
        # A class that is made when a task fails has the name of an error, and is not the one of its module.
        is_of_its_module = getattr(sys.modules.get(error.__module__), error.__name__, None) is error
        ours = error.__module__.startswith("airflow_spark_pipeline.") and not error.__name__.startswith("_")
        if ours and is_of_its_module:
            yield error
        yield from _below(error)


def row(error: type[SparkPipelineError]) -> str:
    """Return the row of an error."""
    paragraphs = inspect.cleandoc(error.__doc__ or "").split("\n\n")
    text = " ".join(part for part in paragraphs if not part.lstrip().startswith((":", ".. ")))
    # In the table, whether a retry helps has a column.
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([\w]+)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    retry = "can help" if error.retry_helps else "does not help"
    name = error.__name__
    cell = text.replace("|", "\\|")
    return f"| [{name}](troubleshooting.md#{name.lower()}) | {cell} | {retry} |"


def page() -> str:
    """Return the text of the page."""
    return _HEAD + "\n".join(map(row, errors())) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
