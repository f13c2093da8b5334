"""Find the views that a resumed run would be missing, as far as that can be known before any work starts.

The views of a completed component do not exist in the Spark session of the next attempt, unless they are saved or the
component is replayed. Known are the views that the built-in components read and make, those that a user's component
declares (``reads_views``, ``makes_views``), and those that an earlier attempt recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, Problem
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import KnownViews, Plan, conflicts
from airflow_spark_pipeline.runtime.component.base import Component


def saves(spec: PipelineSpec, component: ComponentSpec) -> bool:
    """Whether the DataFrames that a component returns are saved."""
    return bool(component.save_outputs if component.save_outputs is not None else spec.save_outputs)


def replays(spec: PipelineSpec, component: ComponentSpec, instance: Component) -> bool:
    """Whether a component is run again on resume: set in the file, otherwise by its class."""
    for said in (component.replay_on_resume, spec.replay_on_resume):
        if said is not None:
            return said
    return instance.replay_on_resume


def known_views(instances: Sequence[Component]) -> list[KnownViews]:
    """Return the views that each component is known to read and to make."""
    return [KnownViews.of(instance.reads_views(), instance.makes_views()) for instance in instances]


def refuse_views_that_a_resume_would_miss(
    spec: PipelineSpec, instances: Sequence[Component], recorded: CheckpointState | None
) -> None:
    """Raise if the pipeline could not be resumed, because a later component would miss a view.

    :param recorded: the state that an earlier attempt recorded, with the views that its components made
    :raises PipelineDefinitionError: names the view, the component that makes it and the one that reads it
    """
    if not spec.checkpoint.auto_resume:
        return
    problems = [
        Problem(
            f"{consumer.instance_name} reads the view {view!r} of {producer.instance_name}, which a "
            "resumed run would not have: set save-outputs = true or, if it only defines views, "
            f"replay-on-resume = true on {producer.path}",
            path=consumer.path,
            file=spec.source,
        )
        for producer, view in _lost_on_resume(spec, instances, recorded)
        for consumer in _readers(spec, instances, producer, view)
    ]
    if problems:
        raise PipelineDefinitionError(problems)


def refuse_views_of_overlapping_components(spec: PipelineSpec, instances: Sequence[Component]) -> None:
    """Raise if components that may run at the same time make the same view, or one reads what the other replaces.

    :raises PipelineDefinitionError: names the view and both components
    """
    if problems := conflicts(spec, known_views(instances)):
        raise PipelineDefinitionError(problems)


def refuse_views_left_out(spec: PipelineSpec, instances: Sequence[Component], plan: Plan) -> None:
    """Raise if a component is to run without the component that makes a view it reads.

    :raises PipelineDefinitionError: names the view, the component that makes it and the one that reads it
    """
    runs = {step.name for step in plan.to_run}
    omitted = [spec.components[step.index] for step in plan.omitted]
    problems = [
        Problem(
            f"{consumer.instance_name} reads the view {view!r} of {producer.instance_name}, which is left out and was "
            f"never run; run {producer.instance_name} as well",
            path=consumer.path,
            file=spec.source,
        )
        for producer in omitted
        for view in sorted(instances[spec.components.index(producer)].makes_views())
        for consumer in _readers(spec, instances, producer, view)
        if consumer.instance_name in runs
    ]
    if problems:
        raise PipelineDefinitionError(problems)


def _lost_on_resume(
    spec: PipelineSpec, instances: Sequence[Component], recorded: CheckpointState | None
) -> Iterator[tuple[ComponentSpec, str]]:
    for component, instance in zip(spec.components, instances, strict=True):
        if saves(spec, component) or replays(spec, component, instance):
            continue
        record = None if recorded is None else recorded.component(component.instance_name)
        for view in sorted({*instance.makes_views(), *(() if record is None else record.views)}):
            yield component, view


def _readers(
    spec: PipelineSpec, instances: Sequence[Component], producer: ComponentSpec, view: str
) -> Iterator[ComponentSpec]:
    """Yield the components after the producer that read the view, up to the next one that makes it again."""
    after = spec.components.index(producer) + 1
    for component, instance in zip(spec.components[after:], instances[after:], strict=True):
        if view.lower() in map(str.lower, instance.reads_views()):  # Spark's names of views have no case
            yield component
        if view.lower() in map(str.lower, instance.makes_views()):
            return
