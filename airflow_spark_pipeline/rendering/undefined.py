"""Undefined names of a template: all are collected, with their lines, and reported together.

{{ params.day }} {{ ds | upper }}    two names without a value, reported in one error
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from jinja2 import Undefined


@dataclass(frozen=True, slots=True)
class MissingName:
    """A name without a value.

    :param path: path of the name as in the template: ``ds``, ``params.day``
    :param line: line of the template, 0 if it is not known
    :param hint: Jinja's message, if the problem is not a missing name
    """

    path: str
    line: int
    hint: str = ""


@dataclass
class MissingNames:
    """The undefined names of one template.

    :param paths: whole path of each name in the template, by line and last name
    :param found: undefined names that were used, without repetitions
    :param seen: all undefined names; some may have a default
    """

    paths: dict[tuple[int, str], str] = field(default_factory=dict)
    found: dict[MissingName, None] = field(default_factory=dict)
    seen: list[MissingName] = field(default_factory=list)

    def full(self, name: str, line: int) -> str:
        """Return the whole path of a name on a line."""
        return self.paths.get((line, name), name)


def line_of_template() -> int:
    """Return the line of the template that is being rendered, or 0."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # what logging does to name a line
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return int(template.get_corresponding_lineno(frame.f_lineno))
        frame = frame.f_back
    return 0


def missing_class(names: MissingNames) -> type[Undefined]:
    """Return the class that Jinja uses for a name without a value."""
    return type("Missing", (_Missing,), {"_names": names})


class _Missing(Undefined):
    """Records its use, renders as its own name, and has every attribute."""

    _names: MissingNames

    def __init__(self, hint: str | None = None, obj: Any = None, name: Any = None, exc: Any = None) -> None:
        super().__init__(hint, obj, None if name is None else str(name))
        line = line_of_template()
        path = "" if name is None else self._names.full(str(name), line)
        self._missing = MissingName(path, line, hint or "")
        self._names.seen.append(self._missing)

    def _note(self) -> None:
        self._names.found.setdefault(self._missing)

    def _below(self, name: str) -> _Missing:
        if (self._missing.line, name) not in self._names.paths:  # requested by a filter, such as `ds`
            self._note()
            return self
        below = type(self)(name=name)
        below._missing = MissingName(f"{self._missing.path}.{name}", self._missing.line)  # noqa: SLF001  # its own kind
        return below

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._below(name)

    def __getitem__(self, key: Any) -> Any:
        return self._below(str(key))

    def __str__(self) -> str:
        self._note()
        return self._missing.path

    def __iter__(self) -> Iterator[Any]:
        self._note()
        return iter(())

    def __len__(self) -> int:
        self._note()
        return 0

    def __bool__(self) -> bool:
        self._note()
        return False

    def __hash__(self) -> int:
        return hash(self._missing)

    def __eq__(self, other: object) -> bool:
        self._note()
        return self is other

    def __ne__(self, other: object) -> bool:
        self._note()
        return self is not other

    def _itself(self, *_: Any, **__: Any) -> Any:
        self._note()
        return self

    def _false(self, *_: Any) -> Any:
        self._note()
        return False

    __call__ = _itself
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _itself
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __pos__ = __neg__ = _itself
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = _false
