"""What the next attempt would do, as far as it can be told without reading the user's file. Pure.

The description is known as the task last read it, from Airflow's rendered fields: the file may have been edited since,
and then the attempt itself decides. Where Airflow does not have it whole, the record alone is the basis.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.fingerprint import differences, fingerprint
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.planning import Code, Plan, changed_code, make_plan
from airflow_spark_pipeline.plugins.page.models import NextAttempt, PlannedStep
from airflow_spark_pipeline.secrets import MASK, mask

_ENDED = (CheckpointStatus.COMPLETED, CheckpointStatus.DISCARDED)
_OTHER = "#" * len(MASK)


def read_config(rendered: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """Return the description that Airflow rendered last, and why there is none."""
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
    """Return the description for people: without what only this package's own code asks for."""
    if config is None or not isinstance(config.get("pipeline"), dict):
        return config
    pipeline = dict(config["pipeline"])
    if isinstance(pipeline.get("checkpoint"), dict):
        pipeline["checkpoint"] = {name: value for name, value in pipeline["checkpoint"].items() if name != "given"}
    return {**config, "pipeline": pipeline}


def next_attempt(state: CheckpointState, config: dict[str, Any] | None) -> NextAttempt | None:
    """Return what a resume would do, ``None`` where there is nothing to resume.

    :param config: the description as the task last read it
    """
    if state.status in _ENDED:
        return None
    spec = _spec(config)
    if spec is None:
        return NextAttempt(steps=_from_record(state), basis="record")
    if "auto_resume" in spec.checkpoint.given and not spec.checkpoint.auto_resume:
        steps = [PlannedStep(name=c.instance_name, action="run", reason="auto-resume is off") for c in spec.components]
        return NextAttempt(steps=steps, basis="description")
    try:
        return NextAttempt(steps=_steps(make_plan(spec, state)), basis="description")
    except ResumeRefusedError as error:
        certain = sorted(set(error.differences) - _masked(spec, state))
        if not certain:
            return NextAttempt(steps=_from_record(state), basis="record")
        return NextAttempt(steps=_from_record(state), basis="description", refusal=str(error), differences=certain)


def _spec(config: dict[str, Any] | None) -> PipelineSpec | None:
    try:
        return None if config is None else PipelineSpec.from_dict(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # another version of this package rendered it


def _steps(plan: Plan) -> list[PlannedStep]:
    return [PlannedStep(name=step.name, action=step.action.value, reason=step.reason) for step in plan.steps]


def _from_record(state: CheckpointState) -> list[PlannedStep]:
    done = set(state.completed_components)
    return [
        PlannedStep(
            name=c.name,
            action="skip" if c.name in done else "run",
            reason=f"done in attempt {c.attempt}{changed_code(c, Code())[1]}" if c.name in done else "not done yet",
        )
        for c in state.components
    ]


def _masked(spec: PipelineSpec, state: CheckpointState) -> set[str]:
    """Return the paths whose values are masked in what Airflow keeps: whether they differ cannot be told."""
    found: set[str] = set()
    for component in spec.components:
        other = json.loads(json.dumps(component.instance_config).replace(MASK, _OTHER))
        here = fingerprint(component, state.fingerprint_salt or "-")
        there = fingerprint(replace(component, instance_config=other), state.fingerprint_salt or "-")
        found |= {f"{component.path}.{path}" for path in differences(here, there)}
    return found
