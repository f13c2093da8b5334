"""The module path for a description's modules outside Airflow.

Guarantees: inside the block the directories are on the module path of this process, and of the Python workers that a
local Spark starts; afterwards ``sys.path`` and ``PYTHONPATH`` are restored.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType


@contextlib.contextmanager
def importable(*places: str | os.PathLike[str], forget: bool = False) -> Iterator[None]:
    """Make the modules in these places importable, the first place first.

    :param places: directories or archives
    :param forget: whether to unload the modules of these places afterwards, so that other places can have modules of
        the same names
    """
    added = [os.fspath(place) for place in places]
    path, variable, loaded = list(sys.path), os.environ.get("PYTHONPATH"), set(sys.modules)
    sys.path[:0] = added
    os.environ["PYTHONPATH"] = os.pathsep.join([*added, *([variable] if variable else [])])
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        if variable is None:
            os.environ.pop("PYTHONPATH", None)  # a component may have removed it
        else:
            os.environ["PYTHONPATH"] = variable
        if forget:
            _forget(set(sys.modules) - loaded, added)


def directory_of(file: str | None) -> list[str]:
    """Return the directory of a description's file, to look for modules in; empty for a text or a URL."""
    if not file or "://" in file:
        return []
    directory = Path(file).absolute().parent
    return [str(directory)] if os.path.isdir(directory) else []


def _forget(names: Iterable[str], places: Iterable[str]) -> None:
    roots = {os.path.realpath(place) for place in places}
    tops = {name for name in names if "." not in name and _root(sys.modules.get(name)) in roots}
    for name in names:
        if name.partition(".")[0] in tops:
            sys.modules.pop(name, None)


def _root(module: ModuleType | None) -> str | None:
    """Return the entry of the module path that a top-level module came from."""
    search = list(getattr(module, "__path__", None) or [])
    file = search[0] if search else getattr(module, "__file__", None)
    return None if file is None else os.path.realpath(os.path.dirname(file))
