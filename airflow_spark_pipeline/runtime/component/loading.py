"""Load the components of a description: import each class and create it from its config.

Guarantees: all problems of all components are in one error, before any component runs; whatever a user's module or
constructor raises (``sys.exit()`` included) becomes a problem of the description, except a keyboard interrupt, which is
passed on. A component that is not enabled is not loaded. Not guaranteed: isolation. Importing a user's module runs its
top-level code in this process. Hooks are loaded the same way, see
:mod:`airflow_spark_pipeline.runtime.lifecycle.loading`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import zipimport
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_spark_pipeline.binding.bind import bind
from airflow_spark_pipeline.binding.suggestions import did_you_mean, suggest
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.runtime.component.base import Component
from airflow_spark_pipeline.user_errors.summary import blame

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from pyspark.sql import SparkSession

    from airflow_spark_pipeline.pipeline.spec import ComponentSpec

C = TypeVar("C")

_SHOWN_CLASSES = 6


class UnloadableError(Exception):
    """One line for the user about an ``instance-type``; a retry does not help."""

    def __init__(self, message: str, missing_module: str | None = None) -> None:
        super().__init__(message)
        self.missing_module = missing_module


def load_components(specs: Sequence[ComponentSpec], made_up: Container[str] = ()) -> list[Component]:
    """Return one configured component per spec, in their order.

    :param made_up: paths of configs that hold made-up values: only their types are checked
    :raises PipelineDefinitionError: lists all problems, each with the path of the ``instance-type`` or of the key in
        ``instance-config``
    """
    _look_for_new_files()
    components: list[Component] = []
    problems: list[Problem] = []
    for spec in specs:
        if not spec.enabled:
            components.append(_LeftOut())
            continue
        try:
            cls = checked(find_class(spec.instance_type), spec.instance_type, Component, "component")  # type: ignore[type-abstract]  # its subclasses are meant
            construct = spec.path not in made_up
            components.append(bind(cls, spec.instance_config, f"{spec.path}.instance-config", construct=construct))
        except UnloadableError as error:
            place = f"{spec.path}.instance-type"
            problems.append(Problem(str(error), place, missing_module=error.missing_module))
        except PipelineDefinitionError as error:
            problems.extend(error.problems)
    if problems:
        raise PipelineDefinitionError(problems)
    return components


def _look_for_new_files() -> None:
    """Let imports find files that were shipped after this process started.

    This package's archive does not change. ``invalidate_caches`` would read the list of its files again, once for each
    package in it: nearly a tenth of a second.
    """
    archive = getattr(getattr(sys.modules[__name__.partition(".")[0]], "__loader__", None), "archive", None)
    own = {
        path: finder
        for path, finder in list(sys.path_importer_cache.items())
        if isinstance(finder, zipimport.zipimporter) and finder.archive == archive
    }
    for path in own:
        sys.path_importer_cache.pop(path, None)
    importlib.invalidate_caches()
    sys.path_importer_cache.update(own)


class _LeftOut(Component):
    """Placeholder for a component that is not enabled; it is never run."""

    def run(self, spark: SparkSession) -> None:
        """Refuse."""
        raise RuntimeError("a component that is not enabled was run")


def find_class(instance_type: str) -> Any:
    """Return the object of a dotted name, importing the modules it needs.

    :raises UnloadableError: the object cannot be imported
    """
    parts = instance_type.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):  # noqa: PLR2004
        raise UnloadableError(f"{instance_type!r} is not a class name; write package.module.Class")
    name, found = parts[0], _import(parts[0])
    if found is None:
        raise UnloadableError(_missing(name), name)
    rest = parts[1:]
    while len(rest) > 1 and (module := _import(f"{name}.{rest[0]}", found)) is not None:
        name, found, rest = f"{name}.{rest[0]}", module, rest[1:]
    return _attribute(found, name, rest)


def _import(name: str, parent: ModuleType | None = None) -> ModuleType | None:
    """Return the module, or ``None`` if there is no such module; a module that exists and fails raises."""
    if (loaded := sys.modules.get(name)) is not None:
        return loaded
    if parent is not None and not hasattr(parent, "__path__"):
        return None
    try:
        if importlib.util.find_spec(name) is None:
            return None
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # includes sys.exit() at a module's top level
        message = f"{name!r} cannot be imported: {blame(error, name)}"
        if isinstance(error, ModuleNotFoundError) and error.name:
            message += f"; ship {error.name!r} with py_files, or install it in the driver"
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        raise UnloadableError(message, missing) from None


def _missing(name: str, parent: ModuleType | None = None) -> str:
    message = f"the driver has no module {name!r}; ship it with py_files, or install it in the driver"
    siblings = [module.name for module in pkgutil.iter_modules(parent.__path__)] if parent is not None else []
    guess = suggest(name.rpartition(".")[2], siblings)
    return message + (f"; did you mean {parent.__name__}.{guess}?" if parent is not None and guess else "")


def _attribute(found: ModuleType, module: str, names: list[str]) -> Any:
    holder: Any = found
    where = module
    for name in names:
        try:
            holder = getattr(holder, name)
        except AttributeError:
            if holder is found and hasattr(found, "__path__"):
                if len(names) > 1:
                    raise UnloadableError(_missing(f"{module}.{name}", found), f"{module}.{name}") from None
                if _import(f"{module}.{name}", found) is not None:
                    raise UnloadableError(f"{module}.{name} is a module; name a class in it") from None
            raise UnloadableError(f"{where!r} has no class {name!r}{_alternatives(holder, name)}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may look its names up on demand
            raise UnloadableError(f"{where}.{name} cannot be loaded: {blame(error, module)}") from None
        where = f"{where}.{name}"
    return holder


def _alternatives(holder: Any, name: str) -> str:
    classes = [key for key, value in vars(holder).items() if inspect.isclass(value) and value is not Component]
    if guess := did_you_mean(name, [*classes, *getattr(holder, "__all__", ())]):
        return guess
    usable = [key for key in classes if issubclass(getattr(holder, key), Component)]
    return f"; its components: {', '.join(usable)}" if 0 < len(usable) <= _SHOWN_CLASSES else ""


def checked(found: Any, instance_type: str, kind: type[C], noun: str) -> type[C]:
    """Return a class that can be instantiated and is of the right kind.

    :raises UnloadableError: the object is not such a class
    """
    if isinstance(found, ModuleType):
        raise UnloadableError(f"{instance_type} is a module; name a class in it")
    if not inspect.isclass(found):
        raise UnloadableError(f"{instance_type} is not a class (it is of type {type(found).__name__})")
    if not issubclass(found, kind):
        raise UnloadableError(f"{instance_type} is not a {noun}; derive it from airflow_spark_pipeline.{kind.__name__}")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise UnloadableError(f"{instance_type} is abstract; it does not define {lacking}")
    return found
