"""From a description and what is recorded to what the next attempt does with each component.

Promises: pure (nothing is read, nothing is written); every recorded component is skipped, every other one runs, or the
plan is refused with the path of what differs. Completed is a set: where ``fail-fast = false`` left a hole in the middle,
exactly the hole runs. Does not promise that the views of a skipped component exist in the new Spark session.

A description may change after the last completed component: edits, additions and removals there are what a fix looks
like. At or before it nothing may be added, removed or moved, and no completed component may be edited: its result came
from something else.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NoReturn

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec

_WAY_OUT = "Undo the change, or start over with auto_resume=False."


class StepAction(enum.Enum):
    """What is done with a component."""

    RUN = "run"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Step:
    """What the attempt does with one component, and why."""

    index: int
    name: str
    action: StepAction
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an attempt does.

    :param resumed_from: run id whose progress is taken over, ``None`` for a run from the start
    """

    steps: tuple[Step, ...]
    resumed_from: str | None = None

    @property
    def to_run(self) -> tuple[Step, ...]:
        """The steps that run, in order."""
        return tuple(step for step in self.steps if step.action is StepAction.RUN)

    @property
    def to_skip(self) -> tuple[Step, ...]:
        """The steps that are skipped, in order."""
        return tuple(step for step in self.steps if step.action is StepAction.SKIP)

    def describe(self) -> str:
        """Return the plan in one line, for a log."""
        runs = [step.name for step in self.to_run]
        if self.resumed_from is None:
            return f"runs {_listed(runs)}"
        if self.to_run:
            runs[0] += f" ({self.to_run[0].reason})"
        skips = [f"{step.name} ({step.reason})" for step in self.to_skip]
        return f"resumes {self.resumed_from}: skips {_listed(skips)}; runs {_listed(runs)}"


def make_plan(spec: PipelineSpec, recorded: CheckpointState | None) -> Plan:
    """Decide what runs.

    :param spec: the description as it is now
    :param recorded: the state whose progress is taken over, ``None`` to start from nothing
    :raises ResumeRefusedError: a component that is done, or the order before one, was changed
    """
    if recorded is None:
        steps = (Step(i, c.instance_name, StepAction.RUN, "first attempt") for i, c in enumerate(spec.components))
        return Plan(tuple(steps))
    _refuse_changes(spec, recorded)
    done = set(recorded.completed_components)
    planned: list[Step] = []
    interrupted = recorded.status is CheckpointStatus.RUNNING
    for index, component in enumerate(spec.components):
        name = component.instance_name
        if name in done:
            record = recorded.component(name)
            attempt = record.attempt if record is not None else None
            planned.append(Step(index, name, StepAction.SKIP, f"done in attempt {attempt}"))
            continue
        planned.append(Step(index, name, StepAction.RUN, _why_run(recorded, name, interrupted=interrupted)))
        interrupted = False
    return Plan(tuple(planned), recorded.run_id)


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _why_run(recorded: CheckpointState, name: str, *, interrupted: bool) -> str:
    record = recorded.component(name)
    if record is None:
        return "new in the description"
    if record.action is ComponentAction.FAILED:
        failure = recorded.failure
        error = f": {failure.error_type}" if failure is not None and failure.component == name else ""
        return f"failed in attempt {record.attempt}{error}"
    if interrupted:
        return f"attempt {recorded.attempt} died before it was done"
    return record.reason or "not done yet"


def _refuse_changes(spec: PipelineSpec, recorded: CheckpointState) -> None:
    done = set(recorded.completed_components)
    for old in sorted(recorded.components, key=lambda c: c.index):
        if old.index > recorded.last_checkpointed_index:
            return
        if old.index >= len(spec.components) or spec.components[old.index].instance_name != old.name:
            _refuse_order(spec, old.index, old.name)
        if old.name not in done:
            continue
        component = spec.components[old.index]
        changed = differences(old.fingerprint, fingerprint(component, recorded.fingerprint_salt))
        if changed:
            paths = [f"{component.path}.{path}" for path in changed]
            raise ResumeRefusedError(
                f"Cannot resume {recorded.run_id}: {old.name} is recorded as done, and differs now at "
                f"{', '.join(paths)}. {_WAY_OUT}",
                differences=paths,
            )


def _refuse_order(spec: PipelineSpec, index: int, old_name: str) -> NoReturn:
    path = f"pipeline.pipeline-components[{index}]"
    now = spec.components[index].instance_name if index < len(spec.components) else "nothing"
    raise ResumeRefusedError(
        f"Cannot resume: {path} was {old_name} and is {now} now, before a component that is recorded as done. {_WAY_OUT}",
        differences=[path],
    )
