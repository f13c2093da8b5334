"""What the next attempt would do, as far as this is known without reading the user's file. Pure.

The basis is the description that the task last read, from Airflow's rendered fields. If the file was edited since, the
attempt itself decides. If Airflow does not have the whole description, only the record is used.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.state import ENDED_STATUSES, CheckpointState
from airflow_spark_pipeline.exceptions import ResumeRefusedError, SelectionError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import NUMBERS, CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import Code, Plan, Selection, changed_code, make_plan
from airflow_spark_pipeline.plugins.page.models import NextAttempt, PlannedStep, Selected
from airflow_spark_pipeline.secrets import MASK, mask

_OTHER = "#" * len(MASK)


def read_config(rendered: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """Return the description that Airflow rendered last, or why there is none."""
    if rendered is None:
        return None, "No try of this task has read its description yet, or Airflow has removed what it kept of it."
    try:
        config = json.loads(rendered)
    except ValueError:
        return None, (
            "Airflow has cut the description short: [core] max_templated_field_length says how much it keeps."
        )
    if not isinstance(config, dict) or "pipeline" not in config:
        return None, "The description could not be read when the task last started; its log says why."
    return mask(config), None


def shown_config(config: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the description for display, without the fields that are only for this package."""
    if config is None or not isinstance(config.get("pipeline"), dict):
        return config
    pipeline = dict(config["pipeline"])
    if isinstance(pipeline.get("checkpoint"), dict):
        pipeline["checkpoint"] = {name: value for name, value in pipeline["checkpoint"].items() if name != "given"}
    return {**{name: value for name, value in config.items() if name != NUMBERS}, "pipeline": pipeline}


def selected(state: CheckpointState, waiting: Selection | None) -> Selected:
    """Return the selection that a resume proposes.

    :param waiting: the user's choice for the next try; ``None`` to use the recorded selection
    """
    chosen = Selection.from_dict(state.selection) if waiting is None else waiting
    return Selected(
        start_from=chosen.start_from, stop_after=chosen.stop_after, only=list(chosen.only), force=list(chosen.force)
    )


def proposed(state: CheckpointState, config: dict[str, Any] | None, waiting: Selection | None) -> NextAttempt | None:
    """Return what the proposed resume would do, or a refusal if the selection does not fit the components."""
    try:
        return next_attempt(state, config, waiting)
    except SelectionError as error:
        return NextAttempt(steps=_from_record(state, Selection()), basis="description", refusal=str(error))


def next_attempt(
    state: CheckpointState, config: dict[str, Any] | None, selection: Selection | None = None
) -> NextAttempt | None:
    """Return what a resume would do, or ``None`` if there is nothing to resume.

    :param config: the description that the task last read
    :param selection: the user's selection; ``None`` for the recorded one
    :raises SelectionError: the selection does not fit the components
    """
    if state.status in ENDED_STATUSES:
        return None
    spec = _spec(config)
    if spec is None or _names_are_masked(spec):
        return NextAttempt(steps=_from_record(state, selection), basis="record")
    if "auto_resume" in spec.checkpoint.given and not spec.checkpoint.auto_resume:
        steps = [PlannedStep(name=c.instance_name, action="run", reason="auto-resume is off") for c in spec.components]
        return NextAttempt(steps=steps, basis="description")
    try:
        return NextAttempt(steps=_steps(make_plan(spec, state, selection=selection)), basis="description")
    except ResumeRefusedError as error:
        certain = sorted(set(error.differences) - _masked(spec, state))
        steps = _from_record(state, selection)
        if not certain:
            return NextAttempt(steps=steps, basis="record")
        return NextAttempt(steps=steps, basis="description", refusal=str(error), differences=certain)


def _spec(config: dict[str, Any] | None) -> PipelineSpec | None:
    try:
        return None if config is None else PipelineSpec.from_dict(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # another version of this package rendered it


def _names_are_masked(spec: PipelineSpec) -> bool:
    """Whether Airflow has taken a part of a name for a secret: ``airflow``, if that is the password of a connection."""
    names = ((c.instance_name, c.instance_type, *(c.depends_on or ())) for c in spec.components)
    return any(MASK in name for each in names for name in each)


def _steps(plan: Plan) -> list[PlannedStep]:
    return [PlannedStep(name=step.name, action=step.action.value, reason=step.reason) for step in plan.steps]


def _from_record(state: CheckpointState, selection: Selection | None) -> list[PlannedStep]:
    """Return the steps if the description is unknown, and with it dependencies and edits."""
    asked = Selection.from_dict(state.selection) if selection is None else selection
    names = _names_alone(state)
    asked.check(names)
    forced = {} if asked.to_dict() == state.selection else asked.forced(names)
    left_out, done = asked.left_out(names), set(state.completed_components)
    steps = []
    for c in state.components:
        if c.name in forced:
            steps.append(PlannedStep(name=c.name, action="run", reason=forced[c.name]))
        elif c.name in done:
            reason = f"done in attempt {c.attempt}{changed_code(c, Code())[1]}"
            steps.append(PlannedStep(name=c.name, action="skip", reason=reason))
        elif c.name in left_out:
            steps.append(PlannedStep(name=c.name, action="omit", reason=left_out[c.name]))
        else:
            steps.append(PlannedStep(name=c.name, action="run", reason="not done yet"))
    return steps


def _names_alone(state: CheckpointState) -> PipelineSpec:
    components = tuple(ComponentSpec(c.type, c.name, {}, c.name) for c in state.components)
    return PipelineSpec(state.pipeline_name, components, SparkSpec(None, None, {}), CheckpointSpec(), True, "")


def _masked(spec: PipelineSpec, state: CheckpointState) -> set[str]:
    """Return the paths whose values Airflow keeps masked: whether they were edited is not known."""
    found: set[str] = set()
    for component in spec.components:
        other = json.loads(json.dumps(component.instance_config).replace(MASK, _OTHER))
        here = fingerprint(component, state.fingerprint_salt or "-")
        there = fingerprint(replace(component, instance_config=other), state.fingerprint_salt or "-")
        found |= {f"{component.path}.{path}" for path in differences(here, there)}
    return found
