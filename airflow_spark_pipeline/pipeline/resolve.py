"""Merge keys and resolve substitutions: from a syntax tree to dicts, lists and `Word`.

It promises the rules of the HOCON specification: a later value wins, objects merge, ``${a}`` sees the final value of
``a`` wherever that is written, a value that refers to its own key sees what the key held before, an undefined
``${?a}`` leaves everything as it was, the environment comes last, and an included file is searched before the whole.
A circle is a problem, never a hang. It does not interpret scalars; ``schema`` knows what type each should have.

This is not left to pyhocon 0.3.63: it never returns from ``b = {}``, ``d.x = { x = ${?b} }``, ``d = ${?b}``, drops
empty texts from lists, turns ``5m`` into a duration and ``007`` into 7, and keeps the quotes of quoted keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.pipeline.nodes import (
    Address,
    ListNode,
    Member,
    ObjectNode,
    Path,
    Report,
    Scalar,
    Substitution,
    Value,
)
from airflow_spark_pipeline.pipeline.spec import join_path


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar of the resolved description.

    :param kind: ``text``, ``number``, ``boolean``, ``null``, ``ambiguous`` (``007``, ``True``), or ``broken`` for a
        value that a problem was noted for
    :param text: what was written
    """

    kind: str
    text: str


BROKEN = Word("broken", "")
_MOST_REPEATS = 3


@dataclass(slots=True)
class _Object:
    """An object whose values are not looked at yet: for each key, all that was assigned to it, in order."""

    children: dict[str, list[Value]] = field(default_factory=dict)

    def add(self, path: Path, value: Value) -> None:
        if len(path) > 1:  # a.b = 1 is a { b = 1 }
            value = Value([ObjectNode([Member(path[1:], value, value.place)])], value.place)
        self.children.setdefault(path[0], []).append(value)

    def merge(self, other: _Object) -> None:
        for key, values in other.children.items():
            self.children.setdefault(key, []).extend(values)


# What a value evaluates to; None is "undefined", which is not null.
_Result = Any


class _EndlessError(Exception):
    """A value contains itself."""


def resolve(members: list[Member], report: Report) -> dict[str, Any] | None:
    """Return the description as dicts, lists and `Word`, or ``None`` where a value contains itself.

    :param members: of the root object
    :param report: takes what cannot be resolved
    """
    resolver = _Resolver(members, report)
    try:
        tree: dict[str, Any] = resolver.finish(resolver.root, ())
    except _EndlessError:
        return None
    return tree


class _Resolver:
    def __init__(self, members: list[Member], report: Report) -> None:
        self.root = self._object(members)
        self._report = report
        self._address: Address = ()
        self._reported: set[int] = set()
        self._looked_back: set[int] = set()  # values that refer to what their own key held before
        self._active: list[Value] = []  # being evaluated: a reference back to one of them sees what was before it
        self._open: list[Value] = []  # being finished, from the root down to here

    def finish(self, result: _Result, address: Address) -> Any:
        """Evaluate everything inside ``result``."""
        if isinstance(result, list):
            return [self.finish(item, (*address, index)) for index, item in enumerate(result)]
        if not isinstance(result, _Object):
            return result
        tree = {}
        for key, values in result.children.items():
            here = (*address, key)
            if self._endless(values):
                # Going on would only repeat it, and where such values branch, the repeats multiply.
                self._report("the value contains itself", values[-1].place, here)
                raise _EndlessError
            self._address = here
            inner = self._last(values)
            if inner is not None:
                self._open += values
                tree[key] = self.finish(inner, here)
                del self._open[-len(values) :]
        return tree

    def _endless(self, values: list[Value]) -> bool:
        # Only a substitution can lead back to itself. Objects laid over each other may well meet the same one twice
        # on the way down and still end; nothing that ends was seen to meet one more often.
        references = [value for value in values if any(isinstance(part, Substitution) for part in value.parts)]
        return any(sum(value is other for other in self._open) > _MOST_REPEATS for value in references)

    @staticmethod
    def _object(members: list[Member]) -> _Object:
        node = _Object()
        for member in members:
            node.add(member.path, member.value)
        return node

    def _last(self, values: list[Value]) -> _Result:
        """Return what counts of all that was assigned to a key: the last value, or the objects at the end, merged."""
        layers: list[_Object] = []
        for index in reversed(range(len(values))):
            value = values[index]
            result = self._append(value, values[:index]) if value.appends else self._evaluate(value)
            if isinstance(result, _Object):
                layers.append(result)
                if id(value) in self._looked_back:
                    break  # it has all earlier layers in it; taking them twice doubles the work with each such value
            elif result is not None:
                if not layers:
                    return result
                break
        return self._join_objects(layers[::-1]) if layers else None

    def _append(self, value: Value, before: list[Value]) -> _Result:
        held, item = self._last(before), self._evaluate(value)
        if held is BROKEN or item is BROKEN:
            return BROKEN
        if held is not None and not isinstance(held, list):
            self._once(value, "`+=` can only add to a list, and the key holds something else before it")
            return BROKEN
        return [*(held or ()), *(() if item is None else (item,))]

    @staticmethod
    def _join_objects(objects: list[_Object]) -> _Object:
        if len(objects) == 1:
            return objects[0]
        merged = _Object()
        for node in objects:
            merged.merge(node)
        return merged

    @contextmanager
    def _evaluating(self, value: Value) -> Iterator[None]:
        self._active.append(value)
        try:
            yield
        finally:
            self._active.pop()

    def _evaluate(self, value: Value) -> _Result:
        if value.broken:
            return BROKEN
        with self._evaluating(value):
            pairs = [(part, self._part(part)) for part in value.parts]
        results = [result for _, result in pairs if result is not None]
        if len(results) <= 1:
            # Text around an undefined substitution stays text: it was never a number.
            return results[0] if results else None
        if any(result is BROKEN for result in results):
            return BROKEN
        if all(isinstance(result, _Object) for result in results):
            return self._join_objects(results)
        if all(isinstance(result, list) for result in results):
            return [item for result in results for item in result]
        if all(isinstance(result, Word) for result in results):
            return Word("text", "".join(self._text(part, result) for part, result in pairs))
        self._once(value, "text, a list and an object cannot be joined in one value")
        return BROKEN

    @staticmethod
    def _text(part: object, result: _Result) -> str:
        space = part.space_after if isinstance(part, Substitution) else ""
        return (result.text if result is not None else "") + space

    def _part(self, part: Scalar | Substitution | ObjectNode | ListNode) -> _Result:
        if isinstance(part, Scalar):
            return Word(part.kind, part.text)
        if isinstance(part, ObjectNode):
            return self._object(part.members)
        if isinstance(part, ListNode):
            items = (self._evaluate(item) for item in part.items)
            return [item for item in items if item is not None]
        return self._substitute(part)

    def _substitute(self, part: Substitution) -> _Result:
        found = self._find(part.scope + part.path)
        if found is None and part.scope:
            found = self._find(part.path)
        if found is None and (text := os.environ.get(".".join(part.path))) is not None:
            found = Word("text", text)
        if found is None and not part.optional:
            name = f"`${{{join_path(part.path)}}}`"
            message = f"{name} is defined neither in the description nor in the environment, or refers to itself"
            self._once(part, message)
            return BROKEN
        return found

    def _find(self, path: Path) -> _Result:
        node: _Result = self.root
        for depth, key in enumerate(path, 1):
            if not isinstance(node, _Object):
                return None
            values = node.children.get(key, [])
            for index, value in enumerate(values):
                if any(value is other for other in self._active):
                    values = values[:index]
                    if depth == len(path):
                        self._looked_back.add(id(value))
                    break
            node = self._last(values)
        return node

    def _once(self, node: Value | Substitution, message: str) -> None:
        # A value is evaluated again for each reference to it.
        if id(node) not in self._reported:
            self._reported.add(id(node))
            self._report(message, node.place, self._address)
