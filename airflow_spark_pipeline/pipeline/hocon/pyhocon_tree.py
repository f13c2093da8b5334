"""The only module that uses pyhocon: it parses a rewritten text and turns the result into nodes.

pyhocon finds the structure: objects, lists, and which parts are joined to one value. Each key of the text is unique, so
pyhocon merges nothing and resolves nothing: it does neither by the specification (for example, it loses a substitution
that other keys are merged with).

Names that pyhocon does not document are used only here; a test compares them with the installed version.
"""

from __future__ import annotations

import warnings
from typing import Any, cast

from airflow_spark_pipeline.pipeline.hocon.nodes import Array, Concatenation, Entry, Node, Object, merge
from airflow_spark_pipeline.pipeline.hocon.placeholders import Key, Table
from airflow_spark_pipeline.pipeline.hocon.scalars import Place


def parse(text: str, table: Table) -> Object:
    """Return the keys of a rewritten text, merged, with their substitutions.

    :param table: what the numbers in the text stand for
    """
    if not text:
        return Object()
    from pyhocon import ConfigFactory

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pyparsing renames its functions now and then
        return _Builder(table).object(ConfigFactory.parse_string(text, resolve=False))


class _Builder:
    def __init__(self, table: Table) -> None:
        from pyhocon.config_tree import ConfigSubstitution, ConfigValues

        self._table = table
        self._joined, self._substitution = ConfigValues, ConfigSubstitution

    def object(self, tree: dict[str, Any]) -> Object:
        entries: dict[str, Entry] = {}
        for name, value in dict.items(tree):  # pyhocon's own `items` splits each key at its dots once more
            key = cast("Key", self._table[int(name.removeprefix("k"))])
            node = self._node(value)
            if key.appended is not None:
                node = Concatenation([key.appended, Array([Entry(node, key.place)])], appends=True)
            for part, entry in _members(key, node):
                entries[part] = merge(entry, entries.get(part))
        return Object(entries)

    def _node(self, value: Any) -> Node:
        if isinstance(value, self._joined):
            parts = [self._node(token) for token in value.tokens]
            return parts[0] if len(parts) == 1 else Concatenation(parts)
        if isinstance(value, self._substitution):
            return cast("Node", self._table[int(value.variable)])
        return self.object(value) if isinstance(value, dict) else self._array(value)

    def _array(self, items: list[Any]) -> Array:
        """Return a list. It starts with the number of its items' places; pyhocon turns two joined lists into one."""
        entries: list[Entry] = []
        places: list[Place] = []
        for item in items:
            node: Node | list[Place] = self._node(item)
            if isinstance(node, list):
                places = [*node]
            else:
                entries.append(Entry(node, places.pop(0)))
        return Array(entries)


def _members(key: Key, node: Node) -> list[tuple[str, Entry]]:
    """Return what a key adds to its object: for ``a.b = 1`` the key ``a``, for an include all keys of the file."""
    if not key.path:
        return [*cast("Object", node).entries.items()]
    entry = Entry(node, key.place)
    for part in reversed(key.path[1:]):
        entry = Entry(Object({part: entry}), key.place)
    return [(key.path[0], entry)]
