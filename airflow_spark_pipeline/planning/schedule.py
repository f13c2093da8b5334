"""The schedule: which components may run at the same time, and which of them start now. Pure functions.

Guarantees: with ``parallelism = 1`` the order is that of the description. A component without ``depends-on`` waits for
all before it; one with ``depends-on`` waits for the components named there, and for those that make a view which it is
known to read. In a description nothing waits for a later component (``pipeline/order.py`` puts
them in order), so there are no cycles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from airflow_spark_pipeline.exceptions import Problem
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning.step import Step, StepAction

#: For each component the indexes of those that it waits for; ``None``: all before it.
Waits = Sequence[Collection[int] | None]

_TAKES_A_PLACE = (StepAction.RUN, StepAction.REPLAY)


@dataclass(frozen=True, slots=True)
class KnownViews:
    """The views of a component, as far as they are known before it runs; Spark ignores the case of their names."""

    reads: frozenset[str] = frozenset()
    makes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, reads: Iterable[str], makes: Iterable[str]) -> KnownViews:
        """Return the views of a component."""
        return cls(frozenset(map(str.lower, reads)), frozenset(map(str.lower, makes)))


def waits_for(spec: PipelineSpec, views: Sequence[KnownViews]) -> Waits:
    """Return what each component waits for.

    :param views: of each component, in order
    """
    if spec.parallelism == 1:
        return [None] * len(spec.components)
    position = {component.instance_name: index for index, component in enumerate(spec.components)}
    makers: dict[str, set[int]] = {}
    waits: list[Collection[int] | None] = []
    for index, (component, known) in enumerate(zip(spec.components, views, strict=True)):
        if component.depends_on is None:
            waits.append(None)
        else:
            named = {position[name] for name in component.depends_on}
            waits.append(frozenset(named.union(*(makers.get(view, ()) for view in known.reads))))
        for view in known.makes:
            makers.setdefault(view, set()).add(index)
    return waits


def startable(
    waiting: Sequence[Step], inside: Collection[int], ended: Collection[int], waits: Waits, parallelism: int
) -> list[Step]:
    """Return the steps that start now, in the order of the file.

    Example: of a, b (``depends-on = []``) and c, with ``parallelism = 2``, first a and b start, and then c.

    :param waiting: the steps that have not started, in order
    :param inside: indexes of the components that are running
    :param ended: indexes of the components that have ended, in whatever way
    """
    if not waiting:
        return []
    lowest = min(waiting[0].index, *inside) if inside else waiting[0].index
    free, found = parallelism - len(inside), list[Step]()
    for step in waiting:
        if free <= 0:
            break
        needs = waits[step.index]
        if step.index <= lowest if needs is None else all(index in ended for index in needs):
            found.append(step)
            free -= step.action in _TAKES_A_PLACE
    return found


def waves(steps: Sequence[Step], waits: Waits) -> list[list[Step]]:
    """Return the steps that run, in groups: a group starts when the groups before it have ended.

    The driver does not wait for a whole group, only for what a component depends on.
    """
    levels: list[int] = []
    for step in steps:
        needs = waits[step.index]
        before = levels if needs is None else [levels[index] for index in needs]
        levels.append(max(before, default=0) + (step.action in _TAKES_A_PLACE))
    runs = [step for step in steps if step.action in _TAKES_A_PLACE]
    return [[step for step in runs if levels[step.index] == level] for level in sorted({levels[s.index] for s in runs})]


def conflicts(spec: PipelineSpec, views: Sequence[KnownViews]) -> list[Problem]:
    """Return what is wrong with views if components run at the same time.

    A view that two components make, or that one makes while another still reads the older one, would have the rows of
    whoever was faster.
    """
    if spec.parallelism == 1:
        return []
    pairs = list(_overlapping(spec, waits_for(spec, views)))
    return [
        _conflict(spec, spec.components[later], message)
        for first, later in pairs
        for message in _messages(spec.components[first], views[first], views[later])
    ]


def _messages(first: ComponentSpec, before: KnownViews, after: KnownViews) -> Iterator[str]:
    name = first.instance_name
    for view in sorted(before.makes & after.makes):
        yield f"makes the view {view!r}, as {name} does, and both may run at the same time"
    for view in sorted((before.reads & after.makes) - before.makes):
        yield f"makes the view {view!r}, which {name} reads, and both may run at the same time"


def _conflict(spec: PipelineSpec, later: ComponentSpec, message: str) -> Problem:
    way = "name the earlier one in depends-on, or give the view another name"
    return Problem(f"{later.instance_name} {message}: {way}", path=later.path, file=spec.source)


def _overlapping(spec: PipelineSpec, waits: Waits) -> Iterator[tuple[int, int]]:
    """Yield the pairs of enabled components that may run at the same time."""
    behind: list[int] = []  # for each component, the set of all that have ended when it starts, as bits
    for index, needs in enumerate(waits):
        bits = (1 << index) - 1 if needs is None else 0
        for other in needs or ():
            bits |= 1 << other | behind[other]
        behind.append(bits)
    enabled = [index for index, component in enumerate(spec.components) if component.enabled]
    for later in enabled:
        for first in enabled:
            if first >= later:
                break
            if not behind[later] >> first & 1:
                yield first, later
