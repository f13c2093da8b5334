"""The order of components: that of the file, except that a component comes after those that its ``depends-on`` names.

::

    a depends-on = [c]
    b depends-on = []
    c depends-on = []

is read as b, c, a: if several could come next, the first of them in the file does. A component without ``depends-on``
comes after all before it in the file. If a file names only earlier components, the order stays.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from airflow_spark_pipeline.pipeline.spec import ComponentSpec


def ordered(components: Sequence[ComponentSpec]) -> tuple[ComponentSpec, ...]:
    """Return the components in the order in which they run; unchanged if there is a circle of dependencies."""
    position = _positions(components)
    if all(position.get(name, 0) < index for index, each in enumerate(components) for name in each.depends_on or ()):
        return tuple(components)
    missing = [_needs(index, components, position) for index in range(len(components))]
    waiting: dict[int, list[int]] = {}
    for index, needs in enumerate(missing):
        for need in needs:
            waiting.setdefault(need, []).append(index)
    ready, found = [index for index, needs in enumerate(missing) if not needs], list[ComponentSpec]()
    while ready:
        index = heapq.heappop(ready)
        found.append(components[index])
        for other in waiting.get(index, ()):
            missing[other].discard(index)
            if not missing[other]:
                heapq.heappush(ready, other)
    return tuple(found if len(found) == len(components) else components)


def circle(start: str, first: str, components: Sequence[ComponentSpec]) -> list[str] | None:
    """Return the names along the shortest way of dependencies from a component back to it, or ``None``.

    :param start: name of the component
    :param first: a name in its ``depends-on``
    """
    position = _positions(components)
    ways, seen = [[start, first]], set[str]()
    for way in ways:
        last = way[-1]
        if last == start:
            return way
        if last not in seen and last in position:
            seen.add(last)
            needs = sorted(_needs(position[last], components, position))
            ways += [[*way, components[index].instance_name] for index in needs]
    return None


def _positions(components: Sequence[ComponentSpec]) -> Mapping[str, int]:
    return {component.instance_name: index for index, component in enumerate(components)}


def _needs(index: int, components: Sequence[ComponentSpec], position: Mapping[str, int]) -> set[int]:
    """Return the indexes of the components that one comes after."""
    named = components[index].depends_on
    return set(range(index)) if named is None else {position[name] for name in named if name in position}
