"""Joins values that are written one after another: texts, lists, or objects."""

from __future__ import annotations

from airflow_spark_pipeline.pipeline.hocon.nodes import Array, Entry, Node, Object, merge
from airflow_spark_pipeline.pipeline.hocon.scalars import Place, Word

_NOWHERE = Place(None, 0)
#: No real description has so large a value; a few lines that double each other would.
_LONGEST_TEXT, _LONGEST_LIST = 50_000_000, 1_000_000


def join_two(left: Node, right: Node) -> Node | None:
    """Return both as one value, ``None`` if they are of different kinds."""
    # ${base} { b = 2 }: the keys of both; if both have a key, the later value wins.
    if isinstance(left, Object) and isinstance(right, Object):
        return merge(Entry(right, _NOWHERE), Entry(left, _NOWHERE)).value
    # ${list} [3]: the items of both, in this order.
    if isinstance(left, Array) and isinstance(right, Array):
        return Array([*left.items, *right.items])
    # ${root}/raw: text, even if both are numbers (${a}${b} of 1 and 2 is the text 12).
    if isinstance(left, Word) and isinstance(right, Word):
        return Word("text", left.text + right.text)
    # ${list} ${more}: the space between two substitutions counts only between texts.
    return left if isinstance(right, Word) and right.kind == "space" else None


def is_too_large(node: Node) -> bool:
    """Return whether a value of this size is certainly a mistake."""
    if isinstance(node, Word):
        return len(node.text) > _LONGEST_TEXT
    return isinstance(node, Array) and len(node.items) > _LONGEST_LIST


def kind(node: Node) -> str:
    """Return the kind of a value, for a message."""
    return "an object" if isinstance(node, Object) else "a list" if isinstance(node, Array) else "text"
