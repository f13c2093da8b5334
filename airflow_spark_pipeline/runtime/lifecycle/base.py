"""What may be called around a pipeline and its components, and what it is told.

A hook subclasses :class:`PipelineHooks` and overrides what it needs. It promises nothing to anybody unless it is a
*gate*: what a gate raises before something, or after a component, stops that from being recorded as done; what any
other hook raises is printed and changes nothing.

When each is called, in an attempt that goes well: ``before_pipeline`` (and ``on_resume``, if it takes progress over),
then for each component that runs ``before_component`` and ``after_component``, then ``after_pipeline``. Gates are
called for ``after_component`` and ``after_pipeline`` *before* the commit, for each try of a component; all others after
it, so that they report only what is recorded. ``on_retry`` comes before the pause, ``on_component_failure`` after the
failure is recorded, ``on_superseded`` when another attempt has taken over; what a gate raises there is only printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_spark_pipeline.checkpoint.state import Failure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class RunInfo:
    """Which attempt this is.

    :param run_id: of this attempt
    :param attempt: 1, 2, … within the unit of work
    :param resumed_from: id of the run whose progress was taken over, ``None`` for a run from the start
    :param unit: namespace, dagId, runId, taskId, mapIndex and, in a loop, iteration of the unit of work; under Airflow
        the task instance
    """

    run_id: str
    pipeline_name: str
    attempt: int
    total_components: int
    resumed_from: str | None = None
    unit: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineEvent:
    """Something about the whole attempt.

    :param config: the description, secrets masked
    :param status: at the end ``completed``, ``failed`` or ``superseded``
    :param failure: why it failed, secrets masked
    :param seconds: since ``before_pipeline``, at the end
    :param seconds_saved: of work that this attempt did not repeat
    :param ran: names of the components that this attempt ran to their end
    :param skipped: names of those that were done before
    :param disabled: names of those that the description leaves out
    """

    run: RunInfo
    config: Mapping[str, Any] = field(default_factory=dict)
    status: str = "running"
    failure: Failure | None = None
    seconds: float | None = None
    seconds_saved: float = 0.0
    ran: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentEvent:
    """Something about one component.

    :param name: ``instance-name``
    :param type: ``instance-type``
    :param index: its place, counted from 0
    :param config: ``instance-config``, secrets masked
    :param retry: which try inside this attempt, 0 for the first
    :param replayed: it was done before and only defines its views again
    :param seconds: that the try took, where it has ended
    :param delay_seconds: until the next try, for ``on_retry``
    :param failure: why the try failed, secrets masked
    :param exception: the same as it was raised; its text may hold secrets
    :param spark: the session
    """

    run: RunInfo
    name: str
    type: str
    index: int
    config: Mapping[str, Any] = field(default_factory=dict)
    retry: int = 0
    replayed: bool = False
    seconds: float | None = None
    delay_seconds: float | None = None
    failure: Failure | None = None
    exception: BaseException | None = field(default=None, repr=False)
    spark: SparkSession | None = field(default=None, repr=False)


class PipelineHooks:
    """Override what you need; each method does nothing here.

    Named in a description, a subclass is a dataclass whose fields are filled from its ``instance-config``.
    """

    #: Whether what this hook raises stops the run. ``gate`` in the description wins over it.
    gate: ClassVar[bool] = False

    def before_pipeline(self, event: PipelineEvent) -> None:
        """The attempt is recorded as running; no component has started."""

    def after_pipeline(self, event: PipelineEvent) -> None:
        """The attempt has ended, completed or failed; for a gate: it is about to be recorded as completed."""

    def before_component(self, event: ComponentEvent) -> None:
        """The component is about to start."""

    def after_component(self, event: ComponentEvent) -> None:
        """The component is recorded as done; for a gate: it is about to be."""

    def on_component_failure(self, event: ComponentEvent) -> None:
        """The component is recorded as failed, all its tries are used up."""

    def on_retry(self, event: ComponentEvent) -> None:
        """The component failed and is tried again in ``delay_seconds``."""

    def on_resume(self, event: PipelineEvent) -> None:
        """The attempt takes progress over from ``event.run.resumed_from``."""

    def on_superseded(self, event: PipelineEvent) -> None:
        """Another attempt has taken over, or this one could not show that it is alive: it stops."""

    @staticmethod
    def compose(*hooks: PipelineHooks) -> PipelineHooks:
        """Return one hook that calls all of these, in order; each stays the gate or reporter that it is."""
        return ComposedHooks(tuple(part for hook in hooks for part in flatten(hook)))


@dataclass(frozen=True)
class ComposedHooks(PipelineHooks):
    """Several hooks as one; whoever calls hooks takes it apart first, see :func:`flatten`."""

    hooks: tuple[PipelineHooks, ...]


def flatten(hook: PipelineHooks | None) -> tuple[PipelineHooks, ...]:
    """Return the hooks behind one that may be composed."""
    if hook is None:
        return ()
    return hook.hooks if isinstance(hook, ComposedHooks) else (hook,)
