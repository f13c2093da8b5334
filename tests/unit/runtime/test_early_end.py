"""A component finishes the run early: the rest is left out, in this attempt and in later ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import LoggingHooks, PipelineHooks
from airflow_spark_pipeline.checkpoint.consistency import disagreement
from airflow_spark_pipeline.checkpoint.encoding import to_json
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.launch.progress import Progress
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.planning import Selection, StepAction, make_plan, summarize
from airflow_spark_pipeline.runtime.component.base import ComponentContext
from airflow_spark_pipeline.runtime.lifecycle.base import PipelineEvent
from airflow_spark_pipeline.task.result import result
from tests.asking import Recorded, asks, recorded
from tests.jobs import Job
from tests.steps import describe, names

NO_DATA = '"no new data"'
EARLY = "b finished the run early: no new data"


class PowerCutError(BaseException):
    """The driver dies."""


def actions(state: CheckpointState) -> list[str]:
    return [c.action.value for c in state.components]


PIPELINE = (asks("a"), asks("b", finish=NO_DATA), asks("c"), asks("d", "depends-on = [c]"))


def test_the_run_completes_and_the_rest_is_left_out_with_the_reason(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    ends: list[PipelineEvent] = []

    class Heard(PipelineHooks):
        def after_pipeline(self, event: PipelineEvent) -> None:
            ends.append(event)

    report = job.run(*PIPELINE, hooks=PipelineHooks.compose(Heard(), LoggingHooks.human()))
    state, printed = report.state, capsys.readouterr().out
    assert names(job.ledger) == "ab"
    assert state.status is CheckpointStatus.COMPLETED
    assert actions(state) == ["ran", "ran", "omitted", "omitted"]
    assert [c.reason for c in state.components[2:]] == [EARLY, EARLY]
    assert "finishes the run early: no new data" in printed
    assert f"[3/4] c left out ({EARLY})" in printed
    assert summarize(state).endswith(f"2 of 4 components ran, 0 skipped, 2 left out; {EARLY}")
    assert result(state)["finished_early"] == {"component": "b", "reason": "no new data"}
    assert result(state)["components_left_out"] == ["c", "d"]
    assert [event.finished_early for event in ends] == [EARLY]
    assert report.finished_early is not None
    assert report.finished_early.component == "b"
    assert any("finishes the run early: no new data" in line for line in Progress(state.attempt_id).lines(state))


def test_a_driver_that_dies_right_after_its_commit_has_the_same_result_as_its_retry(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = RunLog.append

    def dies_after(self: RunLog, commit: Any, state: CheckpointState, **how: Any) -> Any:
        appended = append(self, commit, state, **how)
        if "b" in state.completed_components:
            raise PowerCutError
        return appended

    with monkeypatch.context() as patched:
        patched.setattr(RunLog, "append", dies_after)
        with pytest.raises(PowerCutError):
            job.run(*PIPELINE)
    state = job.unfinished()
    assert (state.status, actions(state)[2:]) == (CheckpointStatus.RUNNING, ["omitted", "omitted"])
    report = job.run(*PIPELINE)
    assert names(job.ledger) == "ab"
    assert actions(report.state) == ["skipped", "skipped", "omitted", "omitted"]
    assert [c.reason for c in report.state.components[2:]] == [EARLY, EARLY]
    assert result(report.state)["finished_early"] == {"component": "b", "reason": "no new data"}


def test_finish_does_not_count_if_the_try_fails(job: Job) -> None:
    again = "retry-policy { max-retries = 1, initial-delay-ms = 1 }"
    state = job.fails(asks("a", finish=NO_DATA, fails="9"), asks("b"))
    assert actions(state) == ["failed", "pending"]
    assert state.components[0].finished is None
    report = job.run(asks("a", again, fails="2"), asks("b"))
    assert actions(report.state) == ["ran", "ran"]


def test_an_earlier_component_that_failed_runs_again_and_the_rest_stays_left_out(job: Job) -> None:
    pipeline = (asks("a", fails="1"), *PIPELINE[1:])
    state = job.fails(*pipeline, more="fail-fast = false")
    assert actions(state) == ["failed", "ran", "omitted", "omitted"]
    report = job.run(*pipeline, more="fail-fast = false")
    assert names(job.ledger) == "aba"
    assert actions(report.state) == ["ran", "skipped", "omitted", "omitted"]


def test_the_last_component_may_call_finish(job: Job) -> None:
    report = job.run(asks("a"), asks("b", finish=NO_DATA))
    assert actions(report.state) == ["ran", "ran"]
    assert report.finished_early is not None


def _recorded(job: Job, *components: str) -> CheckpointState:
    """Return the state of a run that b finished early, and whose driver died before the end."""
    report = job.run(*components)
    return replace(report.state, status=CheckpointStatus.RUNNING)


@pytest.mark.parametrize(
    ("selection", "runs"),
    [
        (Selection(), ""),
        (Selection(start_from="c"), "cd"),
        (Selection(only=("d",)), "d"),
        (Selection(force=("c",)), "cd"),
        (Selection(start_from="b"), "bcd"),  # b decides anew
        (Selection(force=("a",)), "a"),
    ],
)
def test_the_users_selection_of_a_later_component_wins(job: Job, selection: Selection, runs: str) -> None:
    state = _recorded(job, *PIPELINE)
    spec = parse_pipeline(describe(*PIPELINE))
    plan = make_plan(spec, state, selection=selection)
    assert "".join(step.name for step in plan.to_run) == runs
    assert (plan.early_end is None) == (selection not in (Selection(), Selection(force=("a",))))


def test_views_before_it_are_not_defined_again_if_nothing_runs(job: Job) -> None:
    pipeline = (asks("a", "replay-on-resume = true"), *PIPELINE[1:])
    plan = make_plan(parse_pipeline(describe(*pipeline)), _recorded(job, *pipeline))
    assert [step.action for step in plan.steps] == [*[StepAction.SKIP] * 2, *[StepAction.OMIT] * 2]


def test_a_replayed_component_does_not_finish_the_run(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = (asks("a", "replay-on-resume = true", finish=NO_DATA, finish_after="1"), asks("b", fails="1"))
    job.fails(*pipeline)
    report = job.run(*pipeline)
    assert actions(report.state) == ["replayed", "ran"]
    assert "finish() is ignored" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reason", "error", "said"),
    [
        ("", ValueError, "the reason is empty"),
        (" \n", ValueError, "the reason is empty"),
        (None, TypeError, "the reason is of type NoneType"),
        ("\ud800", ValueError, "finish: the reason is not valid Unicode"),
    ],
)
def test_finish_without_a_reason_is_refused(reason: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ComponentContext.standalone("/nowhere").finish(reason)


def test_a_long_reason_is_one_shortened_line() -> None:
    context = ComponentContext.standalone("/nowhere")
    context.finish("no\nnew data" + "x" * 1000)
    assert context.results.finished == "no new data" + "x" * 489 + "…"


def test_a_record_with_a_finish_reason_that_is_not_done_is_not_accepted(job: Job) -> None:
    state = job.run(*PIPELINE).state
    raw = {**to_json(state), "number": 9}
    assert disagreement(state, raw) is None
    wrong = state.with_component(replace(state.components[2], finished="no new data"))
    assert disagreement(wrong, raw) == "c finished the run early, and it is not done"


def test_running_components_finish_and_components_that_have_not_started_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(tmp_path, 2)
    monkeypatch.setenv("LEDGER", str(job.ledger))
    recorded.clear()
    report = job.run(
        asks("a", "depends-on = []", finish=NO_DATA, waits_for="b"),
        asks("b", "depends-on = []", waits_until_done="a"),
        asks("c", "depends-on = []"),
        asks("d"),
        hooks=Recorded(),
    )
    assert actions(report.state) == ["ran", "ran", "omitted", "omitted"]
    assert report.finished_early is not None
    assert report.finished_early.component == "a"
