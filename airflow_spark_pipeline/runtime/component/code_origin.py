"""Whose code is it: the user's own, or that of Python, Spark and the packages that are installed?

The user's own is what is in the packages that the description names, wherever they are installed, and every file that
is neither Python's, nor Spark's, nor this package's, nor below ``site-packages``.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterable
from functools import cache

_OURS = "airflow_spark_pipeline"
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}", f"{os.sep}_vendor{os.sep}")
_SPARKS = (f"{os.sep}pyspark{os.sep}", f"{os.sep}py4j{os.sep}", "pyspark.zip", "py4j-")
_OWN_FILES = f"{os.sep}{_OURS}{os.sep}"


class Origin:
    """Tells the user's code from that of others.

    :param classes: dotted names of the classes that the description names
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        self._packages = {name.partition(".")[0] for name in classes} - {_OURS}

    def is_users(self, module: str | None, file: str) -> bool:
        """Whether a place in code is the user's.

        :param module: its name, or that of its logger; ``None`` where it is not known
        :param file: the file that it is in
        """
        package = (module or "").partition(".")[0]
        return package in self._packages or (package != _OURS and _is_users_file(file))


@cache
def _is_users_file(file: str) -> bool:
    if file.startswith("<"):  # compiled from a text, by dataclasses and the like
        return False
    known = (*_INSTALLED, *_SPARKS, _OWN_FILES)
    return not any(part in file for part in known) and not file.startswith(_standard_library())


@cache
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = {paths[name] for name in ("stdlib", "platstdlib")}
    names |= {os.path.realpath(name) for name in names}
    return tuple(f"{name}{os.sep}" for name in names)
