from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import SelectionError
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import Plan, Selection, StepAction, make_plan
from tests.fakes import make_state

NAMES = "abcd"


def _spec(value: int = 1, depends: str = "") -> PipelineSpec:
    components = tuple(
        ComponentSpec("m.C", name, {"n": value}, f"pipeline.pipeline-components[{index}]")
        for index, name in enumerate(NAMES)
    )
    if depends:
        components = (*components[:-1], replace(components[-1], depends_on=tuple(depends)))
    return PipelineSpec("Test", components, SparkSpec(None, None, {}), CheckpointSpec(), True, "test.conf")


def _recorded(done: str, selection: Selection = Selection()) -> CheckpointState:  # noqa: B008  # frozen
    state = make_state(NAMES, done=done)
    records = tuple(
        replace(record, fingerprint=fingerprint(component, "salt"))
        for record, component in zip(state.components, _spec().components, strict=True)
    )
    return replace(state, components=records, selection=selection.to_dict())


def _actions(plan: Plan) -> str:
    letters = {StepAction.RUN: "R", StepAction.SKIP: "s", StepAction.REPLAY: "p", StepAction.OMIT: "-"}
    return "".join(letters[step.action] for step in plan.steps)


@pytest.mark.parametrize(
    ("selection", "done", "actions"),
    [
        (Selection(start_from="c"), "", "--RR"),
        (Selection(start_from="c"), "a", "s-RR"),
        (Selection(start_from="b"), "abc", "sRRR"),
        (Selection(start_from="a"), "abc", "RRRR"),
        (Selection(only=("b",)), "", "-R--"),
        (Selection(only=("b", "d")), "ab", "sR-R"),
        (Selection(force=("a",)), "abc", "RssR"),
        (Selection(force=("d",)), "", "RRRR"),
        (Selection(start_from="c", force=("a",)), "ab", "RsRR"),
        (Selection(only=("d",), force=("a",)), "a", "R--R"),
        (Selection(stop_after="b"), "", "RR--"),
        (Selection(stop_after="b"), "a", "sR--"),
        (Selection(stop_after="d"), "ab", "ssRR"),
        (Selection(stop_after="a"), "abd", "ss-s"),
        (Selection(start_from="b", stop_after="c"), "", "-RR-"),
        (Selection(start_from="b", stop_after="b"), "abc", "sRs-"),
        (Selection(stop_after="a", force=("d",)), "", "R--R"),
    ],
)
def test_a_selection_decides_what_runs_is_skipped_and_is_left_out(
    selection: Selection, done: str, actions: str
) -> None:
    recorded = _recorded(done) if done else None
    assert _actions(make_plan(_spec(), recorded, selection=selection)) == actions


def test_a_component_that_is_left_out_is_not_done() -> None:
    plan = make_plan(_spec(), None, selection=Selection(start_from="c"))
    assert [step.name for step in plan.done] == []
    assert plan.describe() == "runs c, d; leaves out a, b (start_from is c)"


def test_a_retry_continues_the_selection_and_forces_nothing_twice() -> None:
    selection = Selection(force=("a",))
    assert _actions(make_plan(_spec(), _recorded("ab", selection), selection=selection)) == "ssRR"


def test_a_retry_with_another_selection_applies_it_afresh() -> None:
    before = Selection(force=("a",))
    assert _actions(make_plan(_spec(), _recorded("ab", before), selection=Selection(force=("b",)))) == "sRRR"


def test_a_retry_without_the_selection_runs_what_it_had_left_out() -> None:
    before = Selection(start_from="c")
    assert _actions(make_plan(_spec(), _recorded("c", before), selection=Selection())) == "RRsR"


def test_a_driver_continues_with_the_recorded_selection() -> None:
    before = Selection(start_from="c")
    assert _actions(make_plan(_spec(), _recorded("c", before))) == "--sR"


def test_dependents_of_a_forced_component_run_again() -> None:
    plan = make_plan(_spec(depends="a"), _recorded("abcd"), selection=Selection(force=("a",)))
    assert _actions(plan) == "RssR"
    assert plan.steps[3].reason == "depends on a, which runs again"


def test_an_edit_to_a_component_that_is_forced_anyway_is_no_reason_to_refuse() -> None:
    selection = Selection(start_from="a")
    assert _actions(make_plan(_spec(value=2), _recorded("ab"), selection=selection)) == "RRRR"


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(start_from="x"), "start_from names 'x', which does not exist"),
        (Selection(only=("a", "aa")), "only names 'aa', which does not exist (did you mean 'a'?)"),
        (Selection(force=("z",)), "The components of 'Test' are: a, b, c, d."),
        (Selection(start_from="a", only=("b",)), "start_from and only exclude each other"),
        (Selection(stop_after="a", only=("b",)), "stop_after and only exclude each other"),
        (Selection(stop_after="y"), "stop_after names 'y', which does not exist"),
        (Selection(start_from="c", stop_after="b"), "which comes before it: nothing is left to run"),
    ],
)
def test_a_selection_that_does_not_fit_is_an_error_that_names_it(selection: Selection, words: str) -> None:
    with pytest.raises(SelectionError) as raised:
        make_plan(_spec(), None, selection=selection)
    assert words in str(raised.value)


def test_a_selection_survives_json() -> None:
    selection = Selection("b", ("a",), ("c", "d"))
    assert Selection.from_dict(selection.to_dict()) == selection
    stopped = Selection("b", stop_after="c")
    assert Selection.from_dict(stopped.to_dict()) == stopped
    assert Selection.from_dict(None) == Selection()
    assert Selection().to_dict() is None


def test_a_component_that_ran_without_a_dependency_that_is_left_out_stays_done() -> None:
    selection = Selection(start_from="b")
    plan = make_plan(_spec(depends="a"), _recorded("bcd"[:1] + "d", selection), selection=selection)
    assert _actions(plan) == "-sRs"
    assert _actions(make_plan(_spec(depends="a"), _recorded("bd", selection), selection=Selection())) == "RsRR"
