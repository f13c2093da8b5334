from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction, Failure
from airflow_spark_pipeline.exceptions import ResumeRefusedError
from airflow_spark_pipeline.pipeline.fingerprint import fingerprint
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import StepAction, make_plan
from tests.fakes import RUN_ID, make_state


def _spec(names: str = "abc", **configs: Any) -> PipelineSpec:
    components = tuple(
        ComponentSpec("m.C", name, configs.get(name, {"n": 1}), f"pipeline.pipeline-components[{index}]")
        for index, name in enumerate(names)
    )
    return PipelineSpec("Test", components, SparkSpec(None, None, {}), CheckpointSpec(), True, "test.conf")


def _recorded(spec: PipelineSpec, done: str, **changes: Any) -> CheckpointState:
    names = "".join(c.instance_name for c in spec.components)
    state = make_state(names, done=done, **changes)
    records = tuple(
        replace(record, fingerprint=fingerprint(component, "salt"))
        for record, component in zip(state.components, spec.components, strict=True)
    )
    return replace(state, components=records)


def _runs(spec: PipelineSpec, recorded: CheckpointState | None) -> str:
    return "".join(step.name for step in make_plan(spec, recorded).to_run)


def test_with_nothing_recorded_everything_runs() -> None:
    plan = make_plan(_spec(), None)
    assert [step.action for step in plan.steps] == [StepAction.RUN] * 3
    assert plan.resumed_from is None
    assert plan.describe() == "runs a, b, c"


@pytest.mark.parametrize("done", ["".join(s) for r in range(4) for s in itertools.combinations("abc", r)])
def test_exactly_the_unrecorded_components_run_even_between_recorded_ones(done: str) -> None:
    """Completed is a set: with fail-fast = false a failed component in the middle runs again, and only that one."""
    spec = _spec()
    assert _runs(spec, _recorded(spec, done)) == "".join(name for name in "abc" if name not in done)


def test_the_plan_gives_each_reason_in_one_line() -> None:
    spec = _spec()
    state = _recorded(spec, "a", status=CheckpointStatus.FAILED, failure=Failure("b", 1, "OutageError", "down"))
    b = state.component("b")
    assert b is not None
    state = state.with_component(replace(b, action=ComponentAction.FAILED, attempt=1))
    assert make_plan(spec, state).describe() == (
        f"resumes {RUN_ID}: skips a (done in attempt 1); runs b (failed in attempt 1: OutageError), c"
    )


def test_only_the_component_in_which_the_driver_died_is_reported_as_running_then() -> None:
    spec = _spec()
    reasons = [step.reason for step in make_plan(spec, _recorded(spec, "a")).to_run]
    assert reasons == ["attempt 1 died before it was done", "not done yet"]


class TestChangesOfTheDescription:
    def test_an_edit_of_a_completed_component_is_refused_with_the_path_of_the_field(self) -> None:
        state = _recorded(_spec(a={"n": 1, "path": "x"}), "ab")
        with pytest.raises(ResumeRefusedError, match=r"a is recorded as done") as error:
            make_plan(_spec(a={"n": 1, "path": "y"}), state)
        assert error.value.differences == ("pipeline.pipeline-components[0].instance-config.path",)
        assert "auto_resume=False" in str(error.value)

    @pytest.mark.parametrize("changed", ["b", "c"])
    def test_an_edit_at_or_after_the_failure_point_is_fine(self, changed: str) -> None:
        assert _runs(_spec("abc", **{changed: {"n": 2}}), _recorded(_spec(), "a")) == "bc"

    def test_another_type_of_a_completed_component_is_refused(self) -> None:
        spec = _spec()
        other = replace(spec.components[0], instance_type="m.Other")
        with pytest.raises(ResumeRefusedError, match=r"pipeline-components\[0\].instance-type"):
            make_plan(replace(spec, components=(other, *spec.components[1:])), _recorded(spec, "a"))

    def test_a_rotated_secret_does_not_count_as_a_change(self) -> None:
        state = _recorded(_spec(a={"password": "old"}), "a")
        assert _runs(_spec(a={"password": "new"}), state) == "bc"

    @pytest.mark.parametrize("names", ["ab", "abcd", "abdc", "abd"])
    def test_components_may_be_added_and_removed_after_the_last_completed_one(self, names: str) -> None:
        state = _recorded(_spec("abc"), "ab")
        assert _runs(_spec(names), state) == names[2:]

    @pytest.mark.parametrize("names", ["xabc", "axbc", "ba", "bac", "b", "acb"])
    def test_nothing_may_be_added_removed_or_moved_before_a_completed_one(self, names: str) -> None:
        """Another list of the same length must not be resumed either: contents count, not numbers."""
        with pytest.raises(ResumeRefusedError, match="names and order must stay"):
            make_plan(_spec(names), _recorded(_spec("abc"), "ab"))

    def test_an_unfinished_component_before_a_completed_one_may_be_edited_but_not_removed(self) -> None:
        state = _recorded(_spec("abc"), "ac")
        assert _runs(_spec("abc", b={"n": 9}), state) == "b"
        with pytest.raises(ResumeRefusedError):
            make_plan(_spec("ac"), state)


class TestWhatAChangeMeans:
    EDITED = _spec(b={"n": 2})

    @staticmethod
    def _with(spec: PipelineSpec, **checkpoint: str) -> PipelineSpec:
        return replace(spec, checkpoint=CheckpointSpec().with_overrides(**checkpoint))

    def test_rerun_from_change_keeps_what_was_done_before_the_change(self) -> None:
        plan = make_plan(self._with(self.EDITED, on_change="rerun-from-change"), _recorded(_spec(), "abc"))
        assert [step.name for step in plan.to_run] == ["b", "c"]
        assert plan.to_run[0].reason == (
            "b is recorded as done, and differs now at pipeline.pipeline-components[1].instance-config.n, "
            "and on-change is rerun-from-change"
        )
        assert plan.resumed_from is not None

    def test_rerun_from_change_takes_a_removed_component_for_a_change_from_there_on(self) -> None:
        spec = self._with(_spec("ac"), on_change="rerun-from-change")
        assert _runs(spec, _recorded(_spec("abc"), "abc")) == "c"

    def test_restart_starts_over_and_says_why(self) -> None:
        plan = make_plan(self._with(self.EDITED, on_change="restart"), _recorded(_spec(), "ab"))
        assert [step.name for step in plan.to_run] == ["a", "b", "c"]
        assert plan.resumed_from is None
        assert "on-change is restart" in str(plan.restart)

    def test_restart_and_rerun_do_nothing_if_no_completed_component_was_changed(self) -> None:
        for on_change in ("restart", "rerun-from-change"):
            plan = make_plan(self._with(self.EDITED, on_change=on_change), _recorded(_spec(), "a"))
            assert [step.name for step in plan.to_run] == ["b", "c"]
            assert plan.restart is None

    @pytest.mark.parametrize("names", ["ab", "abcd", "abx"])
    def test_strict_refuses_any_other_list_of_components(self, names: str) -> None:
        with pytest.raises(ResumeRefusedError, match="config-match = strict"):
            make_plan(self._with(_spec(names), config_match="strict"), _recorded(_spec("abc"), "a"))

    def test_strict_refuses_an_edit_of_what_is_not_done_yet(self) -> None:
        strict = self._with(_spec(c={"n": 2}), config_match="strict")
        with pytest.raises(ResumeRefusedError, match=r"c must be unchanged .*pipeline-components\[2\]"):
            make_plan(strict, _recorded(_spec(), "a"))

    def test_strict_resumes_what_is_as_it_was(self) -> None:
        assert _runs(self._with(_spec(), config_match="strict"), _recorded(_spec(), "a")) == "bc"


class TestDependencies:
    @staticmethod
    def _spec(**depends_on: tuple[str, ...]) -> PipelineSpec:
        spec = _spec("abcd")
        components = tuple(
            replace(component, depends_on=depends_on.get(component.instance_name, ())) for component in spec.components
        )
        return replace(spec, components=components)

    def test_dependents_of_a_component_that_runs_again_run_again_and_the_rest_does_not(self) -> None:
        spec = self._spec(c=("a",), d=("b",))
        plan = make_plan(spec, _recorded(spec, "acd"))
        assert [(step.name, step.reason) for step in plan.to_run][1:] == [("d", "depends on b, which runs again")]

    def test_dependencies_reach_through_several_components(self) -> None:
        spec = self._spec(b=("a",), d=("b",))
        assert _runs(spec, _recorded(spec, "bcd")) == "abd"


class TestReplay:
    def test_a_component_that_only_defines_views_is_replayed_where_something_after_it_runs(self) -> None:
        plan = make_plan(_spec(), _recorded(_spec(), "ab"), replays=["a"])
        assert [step.action for step in plan.steps] == [StepAction.REPLAY, StepAction.SKIP, StepAction.RUN]

    def test_nothing_is_replayed_if_nothing_after_it_runs(self) -> None:
        plan = make_plan(_spec(), _recorded(_spec(), "abc"), replays=["a", "b", "c"])
        assert {step.action for step in plan.steps} == {StepAction.SKIP}

    def test_the_file_wins_over_the_class(self) -> None:
        spec = _spec()
        said = replace(spec.components[0], replay_on_resume=False)
        spec = replace(spec, components=(said, *spec.components[1:]), replay_on_resume=True)
        plan = make_plan(spec, _recorded(spec, "ab"), replays=["a"])
        assert [step.action for step in plan.steps] == [StepAction.SKIP, StepAction.REPLAY, StepAction.RUN]


def test_a_component_whose_saved_output_is_gone_runs_again_and_says_so() -> None:
    plan = make_plan(_spec(), _recorded(_spec(), "ab"), lost={"a": "the saved output of view 'v' is gone"})
    assert [(step.name, step.reason) for step in plan.to_run] == [
        ("a", "the saved output of view 'v' is gone"),
        ("c", "attempt 1 died before it was done"),
    ]


def _disable(spec: PipelineSpec, *names: str) -> PipelineSpec:
    components = tuple(replace(c, enabled=c.instance_name not in names) for c in spec.components)
    return replace(spec, components=components)


def test_a_component_that_is_disabled_neither_runs_nor_counts_as_done() -> None:
    plan = make_plan(_disable(_spec(), "b"), None)
    assert [step.action for step in plan.steps] == [StepAction.RUN, StepAction.DISABLE, StepAction.RUN]
    assert not plan.done
    assert plan.describe() == "runs a, c; leaves out b (enabled = false)"


def test_a_failed_component_may_be_disabled_to_continue() -> None:
    spec = _spec()
    plan = make_plan(_disable(spec, "b"), _recorded(spec, "a"))
    assert [step.action for step in plan.steps] == [StepAction.SKIP, StepAction.DISABLE, StepAction.RUN]


def test_disabling_a_component_that_is_done_is_refused_with_the_path() -> None:
    spec = _spec()
    with pytest.raises(ResumeRefusedError, match=r"pipeline\.pipeline-components\[0\]\.enabled") as refused:
        make_plan(_disable(spec, "a"), _recorded(spec, "ab"))
    assert refused.value.differences == ("pipeline.pipeline-components[0].enabled",)


def test_enabling_a_component_that_later_ones_were_completed_without_is_refused() -> None:
    spec = _spec()
    state = _recorded(_disable(spec, "a"), "b")
    a = state.component("a")
    assert a is not None
    state = state.with_component(replace(a, action=ComponentAction.DISABLED))
    with pytest.raises(
        ResumeRefusedError, match="a was disabled when later components completed, and is enabled now: "
    ):
        make_plan(spec, state)
    again = replace(spec, checkpoint=CheckpointSpec(on_change="rerun-from-change"))
    assert _runs(again, state) == "abc"
    assert _runs(_disable(spec, "a"), state) == "c"
