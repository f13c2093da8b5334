"""The components that a pipeline can name: the built-in ones, and the user's own.

The user's modules are searched in the same places as for every other command: ``--py-files``, the directory of the
pipeline's file, and the current directory; packages need an ``__init__.py``. A module is imported only if its source
defines classes and imports ``Component``, itself or through another module that was found, so scripts and DAG files are
never run. Tests are left out.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from airflow_spark_pipeline import components
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.runtime.component.loading import UnloadableError, find_class

_Reader = Callable[[], bytes]

_OURS = "airflow_spark_pipeline"
_ARCHIVES = (".zip", ".egg", ".whl")
_LEFT_OUT = ("conftest", "setup", "tests", "test")


@dataclass
class Found:
    """What a search found.

    :param classes: component classes by their dotted name
    :param problems: one line for each module that cannot be read or imported
    """

    classes: dict[str, type[Component]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Module:
    """What the source of a module says.

    :param classes: names of its classes that have a base class
    :param imports: modules that it imports
    """

    classes: tuple[str, ...]
    imports: frozenset[str]


def built_in() -> Found:
    """Return the built-in components."""
    classes = (getattr(components, name) for name in components.__all__)
    return Found({f"{_OURS}.components.{c.__name__}": c for c in classes if _is_component(c)})


def own(places: Iterable[Path]) -> Found:
    """Return the components in these places; the modules must be importable.

    :param places: directories, modules, packages and archives; of two modules with one name, the first counts
    """
    found, modules = Found(), dict[str, _Module]()
    for place in places:
        try:
            for name, file, read in _sources(place):
                if name not in modules:
                    _read(name, file, read, modules, found)
        except (OSError, zipfile.BadZipFile) as error:
            found.problems.append(f"{place} cannot be searched: {error}")
    for name in sorted(_reaching(modules)):
        for each in modules[name].classes:
            _load(f"{name}.{each}", found)
    return found


def _load(name: str, found: Found) -> None:
    try:
        cls = find_class(name)
    except UnloadableError as error:
        if str(error) not in found.problems:
            found.problems.append(str(error))
        return
    # A class that a module only imports is listed with the module that defines it.
    if _is_component(cls) and cls.__module__ == name.rpartition(".")[0]:
        found.classes[_shortest(name, cls)] = cls


def _shortest(name: str, cls: type) -> str:
    """Return the name to write in a file: of a class that a package exports, the package's."""
    parts = name.split(".")[:-1]
    packages = (".".join(parts[:count]) for count in range(1, len(parts)))
    exporting = (each for each in packages if getattr(sys.modules.get(each), cls.__name__, None) is cls)
    return f"{next(exporting, '.'.join(parts))}.{cls.__name__}"


def _is_component(found: object) -> bool:
    return inspect.isclass(found) and issubclass(found, Component) and not inspect.isabstract(found)


def _read(name: str, file: str, read: _Reader, modules: dict[str, _Module], found: Found) -> None:
    try:
        source = read()
    except OSError as error:
        found.problems.append(f"{file} cannot be read: {error.strerror}")
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        if _OURS.encode() in source:  # otherwise it cannot define a component
            where = f"{file}:{error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else f"{file}: {error}"
            found.problems.append(where)
        return
    classes = tuple(
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.bases and not node.name.startswith("_")
    )
    package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
    modules[name] = _Module(classes, frozenset(_imports(tree, package)))


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the modules that a module imports; of this package, only what can lead to ``Component``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            names = [alias.name for alias in node.names]
            if module.split(".")[0] != _OURS or module.endswith(".components") or {"Component", "*"} & {*names}:
                yield module
                yield from (f"{module}.{each}" for each in names)


def _reaching(modules: dict[str, _Module]) -> set[str]:
    """Return the modules that import this package, themselves or through one another.

    Example: ``base`` imports ``airflow_spark_pipeline``, ``load`` imports ``base``: both can define components.
    """
    reaching = {_OURS}
    while True:
        more = {
            name
            for name, module in modules.items()
            if name not in reaching and any(each in reaching or each.split(".")[0] == _OURS for each in module.imports)
        }
        if not more:
            return reaching - {_OURS}
        reaching |= more


def _sources(place: Path) -> Iterator[tuple[str, str, _Reader]]:
    """Yield the name and file of each module in a place, and what reads its source."""
    if place.is_file() and place.suffix in _ARCHIVES:
        yield from _archived(place)
    elif place.is_file():
        yield place.stem, str(place), place.read_bytes
    elif (place / "__init__.py").exists():
        yield from _packaged(place, place.name)
    else:
        yield from _below(place, "")


def _packaged(package: Path, name: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str, _Reader]]:
    # A link to a directory above would never end.
    if (real := os.path.realpath(package)) not in above:
        file = package / "__init__.py"
        yield name, str(file), file.read_bytes
        yield from _below(package, f"{name}.", (*above, real))


def _below(directory: Path, prefix: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, str, _Reader]]:
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        path = Path(entry.path)
        if not path.stem.isidentifier() or not _is_wanted(path.stem):
            continue
        if path.suffix == ".py" and path.stem != "__init__" and path.is_file():
            yield f"{prefix}{path.stem}", str(path), path.read_bytes
        elif (path / "__init__.py").is_file():
            yield from _packaged(path, f"{prefix}{path.name}", above)


def _archived(place: Path) -> Iterator[tuple[str, str, _Reader]]:
    with zipfile.ZipFile(place) as archive:
        for member in sorted(archive.namelist()):
            parts = member.removesuffix(".py").split("/")
            if member.endswith(".py") and all(part.isidentifier() and _is_wanted(part) for part in parts):
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                yield name, f"{place}/{member}", partial(archive.read, member)


def _is_wanted(name: str) -> bool:
    return name not in _LEFT_OUT and not name.startswith("test_") and not name.endswith("_test")
