"""Tells the user's code from the code of Python, Spark and installed packages.

A file is the user's if it is in a package that the description names, wherever that is installed, or if it is not part
of Python, Spark or this package, and not below ``site-packages``.
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
    """Tells the user's code from all other code.

    :param classes: dotted names of the classes in the description
    """

    def __init__(self, classes: Iterable[str] = ()) -> None:
        self._packages = {name.partition(".")[0] for name in classes} - {_OURS}

    def is_users(self, module: str | None, file: str) -> bool:
        """Whether a place in code belongs to the user.

        :param module: name of the module or of its logger; ``None`` if it is not known
        :param file: path of the file that holds the code
        """
        package = (module or "").partition(".")[0]
        return package in self._packages or (package != _OURS and _is_users_file(file))


@cache
def _is_users_file(file: str) -> bool:
    if file.startswith("<"):  # compiled from a string, for example by dataclasses
        return False
    known = (*_INSTALLED, *_SPARKS, _OWN_FILES)
    return not any(part in file for part in known) and not file.startswith(_standard_library())


@cache
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    names = {paths[name] for name in ("stdlib", "platstdlib")}
    names |= {os.path.realpath(name) for name in names}
    return tuple(f"{name}{os.sep}" for name in names)
