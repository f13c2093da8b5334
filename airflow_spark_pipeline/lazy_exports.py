"""Names that a package exports and imports only when they are used, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    The package imports the same names under ``TYPE_CHECKING``, as ``import Name as Name``: type checkers then know what
    is exported, and report a name that is not.

    :param package: name of the package
    :param modules: for each exported name its module, relative to the package
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return list(modules), get, lambda: sorted(modules)
