"""What the page says about the next attempt."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.exceptions import SelectionError
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec
from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.plugins.page.next_attempt import next_attempt, proposed, read_config, selected
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


def test_masked_values_of_the_rendered_description_do_not_count_as_changes() -> None:
    spec = _spec()
    found = next_attempt(_recorded(spec), _rendered(spec))
    assert found is not None
    assert found.refusal is None
    assert [step.action for step in found.steps] == ["skip", "run", "run"]


def test_an_edit_of_a_completed_component_is_named_with_its_path() -> None:
    found = next_attempt(_recorded(_spec("file:/a")), _rendered(_spec("file:/b")))
    assert found is not None
    assert found.differences == ["pipeline.pipeline-components[0].instance-config.url"]
    assert "Cannot resume" in (found.refusal or "")


def test_a_file_that_turns_resuming_off_runs_everything() -> None:
    spec = _spec(auto_resume=False, given=frozenset({"auto_resume"}))
    assert _actions(_recorded(spec), _rendered(spec)) == ["run", "run", "run"]


def test_the_operators_default_does_not_replace_the_files_value() -> None:
    spec = _spec()
    assert not spec.checkpoint.auto_resume
    assert _actions(_recorded(spec), _rendered(spec)) == ["skip", "run", "run"]


def test_if_airflow_truncated_the_description_the_record_is_shown() -> None:
    config, note = read_config('Truncated. {"pipeline": {"pipe')
    assert config is None
    assert "max_templated_field_length" in (note or "")
    found = next_attempt(_recorded(_spec()), config)
    assert found is not None
    assert found.basis == "record"


def test_an_ended_run_has_no_next_attempt() -> None:
    assert next_attempt(make_state(status=CheckpointStatus.COMPLETED), None) is None


@pytest.mark.parametrize("described", [True, False], ids=["description", "record"])
@pytest.mark.parametrize(
    ("selection", "actions"),
    [
        (Selection(), ["skip", "run", "run"]),
        (Selection(start_from="a"), ["run", "run", "run"]),
        (Selection(start_from="c"), ["skip", "omit", "run"]),
        (Selection(stop_after="b"), ["skip", "run", "omit"]),
        (Selection(only=("b",)), ["skip", "run", "omit"]),
        (Selection(force=("a",)), ["run", "run", "run"]),
    ],
)
def test_a_selection_is_planned_with_and_without_the_description(
    selection: Selection, actions: list[str], described: bool
) -> None:
    spec = _spec()
    found = next_attempt(_recorded(spec), _rendered(spec) if described else None, selection)
    assert found is not None
    assert found.basis == ("description" if described else "record")
    assert [step.action for step in found.steps] == actions


@pytest.mark.parametrize("described", [True, False])
def test_a_selection_of_an_unknown_component_is_an_error(described: bool) -> None:
    spec = _spec()
    with pytest.raises(SelectionError, match="only names 'x', which does not exist"):
        next_attempt(_recorded(spec), _rendered(spec) if described else None, Selection(only=("x",)))


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("waiting", [Selection(only=("x",)), None], ids=["chosen", "recorded"])
def test_a_selection_that_no_longer_fits_is_shown_as_a_refusal(described: bool, waiting: Selection | None) -> None:
    spec = _spec()
    state = replace(_recorded(spec), selection=Selection(start_from="x").to_dict())
    found = proposed(state, _rendered(spec) if described else None, waiting)
    assert found is not None
    assert "names 'x', which does not exist" in (found.refusal or "")


def test_a_resume_proposes_the_waiting_choice_instead_of_the_recorded_selection() -> None:
    state = replace(_recorded(_spec()), selection=Selection(start_from="b").to_dict())
    assert selected(state, None).start_from == "b"
    assert selected(state, Selection(only=("c",))).model_dump() == {
        "start_from": None,
        "stop_after": None,
        "only": ["c"],
        "force": [],
    }
    assert selected(state, Selection()).start_from is None
