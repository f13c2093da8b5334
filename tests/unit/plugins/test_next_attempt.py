"""What the page says about the next attempt."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec
from airflow_spark_pipeline.plugins.page.next_attempt import next_attempt, read_config
from airflow_spark_pipeline.secrets import mask
from tests.fakes import make_state


def _spec(url: str = "jdbc://etl:hunter2@db", **checkpoint: Any) -> PipelineSpec:
    components = tuple(
        ComponentSpec(
            instance_type="m.C",
            instance_name=name,
            instance_config={"url": url, "password": "x"},
            path=f"pipeline.pipeline-components[{index}]",
        )
        for index, name in enumerate("abc")
    )
    return PipelineSpec("Test", components, checkpoint=CheckpointSpec(**checkpoint))


def _recorded(spec: PipelineSpec) -> CheckpointState:
    state = make_state(done="a", status=CheckpointStatus.FAILED)
    prints = [fingerprint(component, state.fingerprint_salt) for component in spec.components]
    pairs = zip(state.components, prints, strict=True)
    return replace(state, components=tuple(replace(c, fingerprint=each) for c, each in pairs))


def _rendered(spec: PipelineSpec) -> dict[str, Any]:
    config, _ = read_config(json.dumps(mask(spec.to_dict())))
    assert config is not None
    return config


def _actions(state: CheckpointState, config: dict[str, Any] | None) -> list[str]:
    found = next_attempt(state, config)
    assert found is not None
    return [step.action for step in found.steps]


def test_what_is_masked_in_the_rendered_description_is_not_taken_for_a_change() -> None:
    spec = _spec()
    found = next_attempt(_recorded(spec), _rendered(spec))
    assert found is not None
    assert found.refusal is None
    assert [step.action for step in found.steps] == ["skip", "run", "run"]


def test_an_edit_of_what_is_done_is_named_with_its_path() -> None:
    found = next_attempt(_recorded(_spec("file:/a")), _rendered(_spec("file:/b")))
    assert found is not None
    assert found.differences == ["pipeline.pipeline-components[0].instance-config.url"]
    assert "Cannot resume" in (found.refusal or "")


def test_a_file_that_turns_resuming_off_runs_everything() -> None:
    spec = _spec(auto_resume=False, given=frozenset({"auto_resume"}))
    assert _actions(_recorded(spec), _rendered(spec)) == ["run", "run", "run"]


def test_the_operators_default_is_not_taken_for_the_files_word() -> None:
    spec = _spec()
    assert not spec.checkpoint.auto_resume
    assert _actions(_recorded(spec), _rendered(spec)) == ["skip", "run", "run"]


def test_a_description_that_airflow_cut_short_leaves_the_record() -> None:
    config, note = read_config('Truncated. {"pipeline": {"pipe')
    assert config is None
    assert "max_templated_field_length" in (note or "")
    found = next_attempt(_recorded(_spec()), config)
    assert found is not None
    assert found.basis == "record"


def test_nothing_is_foreseen_of_what_has_ended() -> None:
    assert next_attempt(make_state(status=CheckpointStatus.COMPLETED), None) is None
