"""A run that a component finished early: what is left out because of it. Pure.

A component says ``self.context.finish("no new data")``, and its record holds the reason. All components after it in the
description that are not done are then left out, in this attempt and in every later one. So if the driver dies right
after the record, the next attempt leaves out the same components. Components before it are not affected.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning.step import Step, StepAction


@dataclass(frozen=True, slots=True)
class EarlyEnd:
    """An early end of a run.

    :param component: name of the component that finished the run
    :param index: its position in the pipeline, counted from 0
    :param reason: what it said
    """

    component: str
    index: int
    reason: str

    @property
    def text(self) -> str:
        """The early end in one line: ``a finished the run early: no new data``."""
        return f"{self.component} finished the run early: {self.reason}"

    def applied_to(self, steps: Sequence[Step]) -> list[Step]:
        """Return what happens with all steps of an attempt; without one that runs, no views are needed."""
        found = [self.applied(step) for step in steps]
        last = max((step.index for step in found if step.action is StepAction.RUN), default=-1)
        return [
            replace(step, action=StepAction.SKIP) if step.action is StepAction.REPLAY and step.index > last else step
            for step in found
        ]

    def applied(self, step: Step) -> Step:
        """Return what happens with a step: after the component, nothing runs any more."""
        if step.index <= self.index:
            return step
        if step.action is StepAction.RUN:
            return replace(step, action=StepAction.OMIT, reason=self.text)
        # Nothing needs its views any more.
        return replace(step, action=StepAction.SKIP) if step.action is StepAction.REPLAY else step


def early_end(state: CheckpointState) -> EarlyEnd | None:
    """Return the early end that is recorded; the first one, if several components finished the run."""
    done = set(state.completed_components)
    found = (c for c in state.components if c.finished is not None and c.name in done)
    return next((EarlyEnd(c.name, c.index, str(c.finished)) for c in found), None)


def still_ended(
    spec: PipelineSpec, recorded: CheckpointState, done: Collection[str], forced: Collection[str]
) -> EarlyEnd | None:
    """Return the early end that still holds for a new attempt.

    It does not hold if its component runs again, which then decides anew, or if the user asks by name for a component
    after it. Example: a finished the run early, and ``start_from = c`` runs c.

    :param done: names of the components that stay done
    :param forced: names of the components that the user asks for with this attempt
    """
    end = early_end(
        replace(recorded, completed_components=tuple(c for c in recorded.completed_components if c in done))
    )
    if end is None or any(component.instance_name in forced for component in spec.components[end.index + 1 :]):
        return None
    return end
