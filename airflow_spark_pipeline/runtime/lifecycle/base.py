"""The base class of hooks, and the events that are passed to them.

A hook subclasses :class:`PipelineHooks` and overrides the methods it needs. Only a *gate* can stop a run: an exception
that a gate raises before something, or after a component, keeps that from being recorded as done. An exception of any
other hook is printed and changes nothing.

Order of the calls in a successful attempt: ``before_pipeline`` (and ``on_resume``, if the attempt takes over progress),
then ``before_component`` and ``after_component`` for each component that runs, then ``after_pipeline``. Gates are
called for ``after_component`` and ``after_pipeline`` *before* the commit, for each try of a component; all others after
it, so that they report only what is recorded. ``on_retry`` comes before the pause, ``on_component_failure`` after the
failure is recorded, ``on_superseded`` when another attempt has taken over; there the exception of a gate is only
printed.
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
    """Identifies the attempt.

    :param run_id: run id of this attempt
    :param attempt: number of the attempt at the unit of work, counted from 1
    :param resumed_from: id of the run whose progress was taken over; ``None`` if the run starts from the beginning
    :param unit: namespace, dagId, runId, taskId, mapIndex and, in a loop, iteration of the unit of work; under Airflow
        the unit is the task instance
    """

    run_id: str
    pipeline_name: str
    attempt: int
    total_components: int
    resumed_from: str | None = None
    unit: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PipelineEvent:
    """An event of the whole attempt.

    :param config: description of the pipeline, secrets masked
    :param status: ``completed``, ``failed`` or ``superseded``; only at the end of the attempt
    :param failure: why the attempt failed, secrets masked
    :param seconds: seconds since ``before_pipeline``; only at the end of the attempt
    :param seconds_saved: seconds of work that this attempt did not repeat
    :param ran: names of the components that this attempt completed
    :param skipped: names of the components that were completed before
    :param disabled: names of the components that the description disables
    :param failed: names of the components that failed; in a completed run, these are optional
    :param finished_early: which component finished the run early, and why; ``None`` if none did
    :param not_run: names of the components that were not run, because one that they depend on failed
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
    failed: tuple[str, ...] = ()
    not_run: tuple[str, ...] = ()
    finished_early: str | None = None


@dataclass(frozen=True)
class ComponentEvent:
    """An event of one component.

    :param name: ``instance-name`` of the component
    :param type: ``instance-type`` of the component
    :param index: position of the component in the pipeline, counted from 0
    :param config: ``instance-config`` of the component, secrets masked
    :param retry: number of the try inside this attempt, 0 for the first
    :param parts: how many parts the component has (``total``), and how many earlier attempts (``skipped``) and this one
        (``run``) did; empty if it has none
    :param optional: whether the run can complete although this component fails
    :param replayed: whether the component was done before and only defines its views again
    :param seconds: duration of the try, if it has ended
    :param delay_seconds: seconds until the next try, for ``on_retry``
    :param failure: why the try failed, secrets masked
    :param exception: exception that the try raised; its text may hold secrets
    :param spark: the Spark session
    """

    run: RunInfo
    name: str
    type: str
    index: int
    config: Mapping[str, Any] = field(default_factory=dict)
    retry: int = 0
    replayed: bool = False
    optional: bool = False
    parts: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    delay_seconds: float | None = None
    failure: Failure | None = None
    exception: BaseException | None = field(default=None, repr=False)
    spark: SparkSession | None = field(default=None, repr=False)


class PipelineHooks:
    """Base class of hooks: override the methods you need; here each does nothing.

    Named in a description, a subclass is a dataclass whose fields are filled from its ``instance-config``.
    """

    #: Whether an exception of this hook stops the run. ``gate`` in the description takes precedence.
    gate: ClassVar[bool] = False

    def before_pipeline(self, event: PipelineEvent) -> None:
        """Called when the attempt is recorded as running, before any component starts."""

    def after_pipeline(self, event: PipelineEvent) -> None:
        """Called when the attempt has completed or failed; a gate is called before it is recorded as completed."""

    def before_component(self, event: ComponentEvent) -> None:
        """Called before the component starts."""

    def after_component(self, event: ComponentEvent) -> None:
        """Called after the component is recorded as done; a gate is called before."""

    def on_component_failure(self, event: ComponentEvent) -> None:
        """Called after the component is recorded as failed, when no try is left."""

    def on_retry(self, event: ComponentEvent) -> None:
        """Called when the component failed and is tried again in ``delay_seconds``."""

    def on_resume(self, event: PipelineEvent) -> None:
        """Called when the attempt takes over the progress of ``event.run.resumed_from``."""

    def on_superseded(self, event: PipelineEvent) -> None:
        """Called when the attempt stops: another has taken over, or this one could not renew its lease."""

    @staticmethod
    def compose(*hooks: PipelineHooks) -> PipelineHooks:
        """Return one hook that calls all of these in order; a gate among them remains a gate."""
        return ComposedHooks(tuple(part for hook in hooks for part in flatten(hook)))


@dataclass(frozen=True)
class ComposedHooks(PipelineHooks):
    """Several hooks as one; callers split it with :func:`flatten` first."""

    hooks: tuple[PipelineHooks, ...]


def flatten(hook: PipelineHooks | None) -> tuple[PipelineHooks, ...]:
    """Return the hooks that a composed hook holds, or the hook itself."""
    if hook is None:
        return ()
    return hook.hooks if isinstance(hook, ComposedHooks) else (hook,)
