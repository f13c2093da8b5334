"""Resolves the substitutions of a description by the HOCON specification.

Guarantees: a substitution has the value that its key has in the whole description, even if the key is defined later or
in another file. A substitution without a value is an error: an undefined name is reported with its line, a circle with
its keys. A key may refer to its earlier value::

    path = /data
    path = ${path}/raw            # /data/raw: while this value is resolved, `path` is the earlier one

Refused, although some order of resolution would give a value: substitutions that refer to each other in a circle, and a
key that adds to a list which only a substitution around it has (``a = ${b}``, ``a.list += 1``): other readers of HOCON
lose that list.

This is one long file on purpose: all rules share the memory of what is being resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from airflow_spark_pipeline.binding.paths import join_path
from airflow_spark_pipeline.pipeline.hocon.concatenation import is_too_large, join_two, kind
from airflow_spark_pipeline.pipeline.hocon.cycles import describe_circle, written
from airflow_spark_pipeline.pipeline.hocon.nodes import (
    PENDING,
    Array,
    Concatenation,
    Entry,
    Node,
    Object,
    Reference,
    Stack,
    hides,
    merge,
    same,
)
from airflow_spark_pipeline.pipeline.hocon.scalars import BROKEN, Path, Place, Word

_NOWHERE = Place(None, 0)


class _CircleError(Exception):
    """A substitution is needed for its own value."""

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        self.reference = reference


@dataclass(frozen=True, slots=True)
class _Known:
    """The value of a resolved node, and the references followed; keeps the node, so that its id stays unique."""

    node: Node
    value: Node | None
    used: dict[Reference, None]


class Resolver:
    """Resolves one description.

    :param root: all keys, merged
    :param environment: variables, for names that no key defines
    :param report: gets a message and the substitution that it is about
    """

    def __init__(self, root: Object, environment: Mapping[str, str], report: Callable[[str, Reference], None]) -> None:
        self._root = root
        self._environment = environment
        self._report = report
        self._visible: dict[int, int] = {}  # by id of a stack: its first value that is visible at this time
        self._active: list[Reference] = []
        self._used: list[Reference] = []  # all references that were followed, in order
        self._known: dict[tuple[int, tuple[tuple[int, int], ...]], _Known] = {}
        self._whole: dict[int, tuple[Stack, Node | None]] = {}  # by id: the value of a stack, all of it visible
        self._reported: set[frozenset[int]] = set()

    def is_unknown(self, reference: Reference) -> bool:
        """Return whether nothing defines the name of a substitution; for substitutions that no value needed."""
        if reference.optional or reference in self._used:
            return False
        report, self._report = self._report, lambda *_: None  # what is not needed is not a problem
        try:
            with self._entered(reference):
                return self._find(reference) is None and self._variable(reference) is None
        except _CircleError:
            return False
        finally:
            self._report = report

    def resolve(self, node: Node) -> Node | None:
        """Return ``node`` without substitutions; ``None`` if it has only undefined optional ones."""
        if isinstance(node, Word):
            return node
        state = (id(node), tuple(sorted(self._visible.items())))
        known = self._known.get(state)
        if known is None:
            first = len(self._used)
            value = self._resolve(node)
            used = dict.fromkeys(self._used[first:])
            self._used[first:] = used  # each once
            self._known[state] = _Known(node, value, used)
            return value
        for reference in self._active:
            if reference in known.used:  # as it would be without a memory: the result must not depend on the order
                raise _CircleError(reference)
        self._used += known.used
        return known.value

    def _resolve(self, node: Object | Array | Reference | Concatenation | Stack) -> Node | None:
        if isinstance(node, Object):
            found = {key: self._entry(entry) for key, entry in node.entries.items()}
            return Object({key: entry for key, entry in found.items() if entry is not None}, node.hides)
        if isinstance(node, Array):
            items = [self._entry(entry) for entry in node.items]
            return Array([entry for entry in items if entry is not None])
        if isinstance(node, Concatenation):
            return self._join(node)
        if isinstance(node, Stack):
            entry = self._merge(node)
            return None if entry is None else entry.value
        return self._follow(node)

    def _entry(self, entry: Entry) -> Entry | None:
        if isinstance(entry.value, Stack):  # its place is that of the value that counts
            return self._merge(entry.value)
        value = self.resolve(entry.value)
        return None if value is None else Entry(value, entry.place, entry.lost)

    def _merge(self, stack: Stack) -> Entry | None:
        merged = self._merged(stack)
        value = None if merged is None else merged.value
        if id(stack) not in self._visible and not same(self._whole.setdefault(id(stack), (stack, value))[1], value):
            # a = 1, a = ${b}, b = 2, b = ${a}: each is what the other held before, and it depends on who is first.
            return Entry(self._ambiguous(stack), stack.values[0].place)
        return merged

    def _ambiguous(self, stack: Stack) -> Node:
        references = [entry.value for entry in stack.values if isinstance(entry.value, Reference)]
        reference = references[0] if references else self._used[-1]
        key = join_path(reference.key)
        message = f"`{key}` and another key refer to each other; write the value of one of them out"
        self._once(message, reference, frozenset({id(stack)}))
        return BROKEN

    def _merged(self, stack: Stack) -> Entry | None:
        # a { x = 1 }, a = ${b}, a { y = 2 }: the values of one key, newest first, each merged over those after it.
        looks_back = id(stack) in self._visible
        if not looks_back:
            # Those that are replaced are resolved as well: a name that is misspelled there is an error. The oldest is
            # first: of a hundred lines `a += 1`, each then needs only the one before it, whose value is known.
            for entry in self._lookbacks(stack, oldest_first=True):
                self.resolve(entry.value)
        merged: Entry | None = None
        for entry in self._lookbacks(stack):
            value = self.resolve(entry.value)
            if value is not None:
                found = Entry(value, entry.place, entry.lost)
                merged = found if merged is None else merge(merged, found)
                if looks_back and hides(merged.value):
                    break
        return merged

    def _lookbacks(self, stack: Stack, *, oldest_first: bool = False) -> Iterator[Entry]:
        """Iterate over the values; while one with substitutions is resolved, only older ones are visible."""
        before = self._visible.get(id(stack))
        first = before or 0
        indices = range(first, len(stack.values))
        for index in reversed(indices) if oldest_first else indices:
            entry = stack.values[index]
            # A reference that is alone below others is a separate value: if it needs itself, that is a circle.
            alone = index == first == len(stack.values) - 1
            if alone or not isinstance(entry.value, PENDING):
                yield entry
                continue
            self._visible[id(stack)] = index + 1
            try:
                yield entry
            finally:
                if before is None:
                    del self._visible[id(stack)]
                else:
                    self._visible[id(stack)] = before

    def _follow(self, reference: Reference) -> Node | None:
        target: Node | None = None
        with self._entered(reference):
            try:
                target = self._find(reference)
                value = self._variable(reference) if target is None else self.resolve(target)
            except _CircleError as circle:
                return self._circle(reference, circle, target)
        return self._undefined(reference) if value is None else value

    @contextmanager
    def _entered(self, reference: Reference) -> Iterator[None]:
        if reference in self._active:
            raise _CircleError(reference)
        self._active.append(reference)
        self._used.append(reference)
        try:
            yield
        finally:
            self._active.pop()

    def _find(self, reference: Reference) -> Node | None:
        """Return the unresolved value that a reference leads to."""
        found, _ = self._dig(self._root, reference.path)
        # In a file that is included below `a`, ${x} is ${a.x}; if there is none, ${x} of the whole description.
        if found is None and reference.prefix:
            found, _ = self._dig(self._root, reference.path[reference.prefix :])
        return None if found is None else found.value

    def _dig(self, node: Node, path: Path) -> tuple[Entry | None, bool]:
        """Return the value at ``path`` in ``node``, and whether it hides older values.

        Only what the path leads through is resolved.
        """
        if not path:
            return Entry(node, _NOWHERE), hides(node)
        # ${a.b} of a { b = 1 }: the key b.
        if isinstance(node, Object):
            entry = node.entries.get(path[0])
            found, hidden = (None, False) if entry is None else self._dig(entry.value, path[1:])
            return found, hidden or node.hides
        # a { x = 1 }, a { b = ${x} }: through all values of a, newest over oldest.
        if isinstance(node, Stack):
            return self._dig_stack(node, path)
        # a = ${b}, ${a.c}: what ${b.c} is; the rest of b is not resolved, so it may refer to a.
        if isinstance(node, Reference):
            return self._dig_reference(node, path)
        # a = ${b} { d = 1 }, ${a.c}: only the whole of the joined value has its keys.
        if isinstance(node, Concatenation):
            value = self.resolve(node)
            return (None, False) if value is None else self._dig(value, path)
        return (Entry(BROKEN, _NOWHERE) if node is BROKEN else None), True

    def _dig_stack(self, stack: Stack, path: Path) -> tuple[Entry | None, bool]:
        merged, hidden = None, False
        for entry in self._lookbacks(stack):
            found, hides_older = self._dig(entry.value, path)
            if merged is not None and found is None and hides_older and not isinstance(entry.value, Object):
                return self._half_replaced(path), True
            if found is not None and not hidden:
                merged = found if merged is None else merge(merged, found)
            hidden = hidden or hides_older
        return merged, hidden

    def _half_replaced(self, path: Path) -> Entry:
        """Report ``a = 1``, ``a { b = ${x}, c = 2 }``, ``${a.c}``, of which the reference implementation loses c."""
        reference = self._active[-1]
        name = join_path(reference.path[: -len(path)])
        message = f"`{written(reference)}` leads into `{name}`, whose first value is text or a list; remove that value"
        self._once(message, reference, frozenset({id(reference)}))
        return Entry(BROKEN, _NOWHERE)

    def _dig_reference(self, reference: Reference, path: Path) -> tuple[Entry | None, bool]:
        target: Node | None = None
        with self._entered(reference):
            try:
                target = self._find(reference)
                if target is not None:
                    return self._dig(target, path)
                value = self._variable(reference)
            except _CircleError as circle:
                value = self._circle(reference, circle, target)
        value = self._undefined(reference) if value is None else value
        return (None, False) if value is None else self._dig(value, path)

    def _variable(self, reference: Reference) -> Node | None:
        # ${HOME}, and ${my.var}, which is the variable "my.var"; below an include, without the path it is included at.
        name = ".".join(reference.path[reference.prefix :])
        return Word("text", self._environment[name]) if name in self._environment else None

    def _undefined(self, reference: Reference) -> Node | None:
        if reference.optional:
            return None  # x = ${?NAME}: the key keeps its earlier value, or does not exist
        name = written(reference)
        message = (
            f"`{name}` is defined neither in the description nor in the environment; if it may be missing, write "
            f"`{name.replace('{', '{?', 1)}`"
        )
        self._once(message, reference, frozenset({id(reference)}))
        return BROKEN

    def _circle(self, reference: Reference, circle: _CircleError, target: Node | None) -> Node | None:
        itself = circle.reference is reference
        layered = isinstance(target, Stack) and self._visible.get(id(target), 0) < len(target.values) - 1
        if itself and reference.optional and not layered and (target or not self._brings(self._root, reference.path)):
            return None  # a = ${?a} [1], and nothing before it
        involved = self._active[self._active.index(circle.reference) :]
        adds = itself and (layered or (target is None and reference.key == reference.path))
        self._once(describe_circle(involved, adds=adds), reference, frozenset(map(id, involved)))
        return BROKEN

    def _brings(self, node: Node, path: Path) -> bool:
        """Return whether a substitution on the way to ``path`` brings a value for it."""
        if isinstance(node, Object):
            return bool(path) and path[0] in node.entries and self._brings(node.entries[path[0]].value, path[1:])
        if isinstance(node, Stack):
            return any(self._brings(entry.value, path) for entry in node.values)
        if isinstance(node, Concatenation):
            return any(self._brings(part, path) for part in node.parts)
        if not isinstance(node, Reference) or not path:
            return False
        return node in self._active or self._dig_reference(node, path)[0] is not None

    def _once(self, message: str, reference: Reference, key: frozenset[int]) -> None:
        if key not in self._reported:
            self._reported.add(key)
            self._report(message, reference)

    def _cannot_join(self, concatenation: Concatenation, left: Node, right: Node, *, too_large: bool) -> None:
        reference = next(part for part in concatenation.parts if isinstance(part, Reference))
        message = f"{kind(left)} and {kind(right)} cannot be joined in one value"
        if too_large:
            message = "the substitutions make this value too large; use fewer of them"
        elif concatenation.appends:
            message = f"`+=` can only add to a list, but the key contains {kind(left)} before it"
        self._once(message, reference, frozenset({id(concatenation)}))

    def _join(self, concatenation: Concatenation) -> Node | None:
        values = [self.resolve(part) for part in concatenation.parts]
        parts = [value for value in values if value is not None]
        if BROKEN in parts:
            return BROKEN
        joined = parts[0] if parts else None
        for part in parts[1:]:
            left, joined = joined, None if joined is None else join_two(joined, part)
            if left is not None and (joined is None or is_too_large(joined)):
                self._cannot_join(concatenation, left, part, too_large=joined is not None)
                return BROKEN
        return Word("text", joined.text) if isinstance(joined, Word) and joined.kind == "space" else joined
