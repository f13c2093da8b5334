"""Parts of a component: each is recorded when it is done, and the next attempt continues with the missing ones."""

from __future__ import annotations

import datetime as dt
import itertools
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.consistency import disagreement
from airflow_spark_pipeline.checkpoint.encoding import to_json
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.exceptions import CheckpointStoreError, SupersededError
from airflow_spark_pipeline.planning import Selection, seconds_saved, summarize
from airflow_spark_pipeline.plugins.page.run_models import resume_saves
from airflow_spark_pipeline.runtime.component import parts as parts_module
from airflow_spark_pipeline.runtime.component.base import ComponentContext
from airflow_spark_pipeline.runtime.component.parts import LONGEST_KEY, part_key
from airflow_spark_pipeline.task.result import result
from tests.asking import InParts, in_parts
from tests.fakes import make_state
from tests.jobs import Job

DAYS = [f"2026-01-0{day}" for day in range(1, 7)]


class PowerCutError(BaseException):
    """The driver dies."""


@pytest.mark.parametrize("each", ["false", "true"])
def test_the_next_attempt_continues_with_the_missing_parts(job: Job, each: str) -> None:
    state = job.fails(in_parts("load", DAYS, fails_at=DAYS[3], at_once="1", each=each))
    record = state.components[0]
    assert record.parts == tuple(DAYS[:3])
    assert record.part_counts == {"total": 6, "skipped": 0, "run": 3}
    report = job.run(in_parts("load", DAYS, fails_at=DAYS[3], at_once="1", each=each))
    assert job.parts == [*DAYS[:4], *DAYS[3:]]
    record = report.state.components[0]
    assert (record.parts, record.part_counts) == ((), {"total": 6, "skipped": 3, "run": 3})
    assert record.part_seconds["skipped"] == state.components[0].part_seconds["run"] > 0


@pytest.mark.parametrize("each", ["false", "true"])
def test_the_seconds_that_a_resume_saves_are_those_of_the_parts_that_it_skips(
    job: Job, each: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = itertools.count()  # it is read when a part starts and when it ends: each takes a second
    monkeypatch.setattr(parts_module, "time", types.SimpleNamespace(monotonic=lambda: float(next(clock))))
    failing = in_parts("load", DAYS, leaves_at=DAYS[2], fails_at=DAYS[4], at_once="1", each=each)
    for done in (2.0, 4.0):
        state = job.fails(failing)
        assert sum(state.components[0].part_seconds.values()) == resume_saves(state) == done
    assert seconds_saved(state) == 2.0  # of the second attempt, which failed
    capsys.readouterr()
    report = job.run(failing)
    assert report.state.components[0].part_seconds == {"skipped": 4.0, "run": 2.0}
    assert report.seconds_saved == result(report.state)["seconds_saved"] == 4.0
    assert "4.0 s of work not repeated" in summarize(report.state)
    assert "4.0 s of work not repeated" in capsys.readouterr().out


def test_seconds_saved_includes_skipped_parts() -> None:
    state = make_state("ab", done="a", status=CheckpointStatus.FAILED)
    took = {"skipped": 30.0, "run": 5.0}
    record = replace(state.components[0], action=ComponentAction.SKIPPED, duration_seconds=6.0, part_seconds=took)
    state = state.with_component(record)
    assert seconds_saved(state) == resume_saves(state) == 36.0


@pytest.mark.parametrize("way", ["break", "return", "raise"])
def test_a_part_is_recorded_only_when_the_loop_comes_back_for_the_next_one(job: Job, way: str) -> None:
    failing = in_parts("load", DAYS, leaves_at=DAYS[2], way=way)
    state = job.fails(failing)
    assert state.components[0].parts == tuple(DAYS[:2])
    job.run(failing)
    assert job.parts == [*DAYS[:3], *DAYS[2:]]


def test_a_driver_that_dies_in_a_part_has_recorded_those_before_it(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    append = RunLog.append

    dead = False

    def dies_after(self: RunLog, commit: Any, state: CheckpointState, **how: Any) -> Any:
        nonlocal dead
        if not dead:
            appended = append(self, commit, state, **how)
            dead = len(state.components[0].parts) == 4
        if dead:
            raise PowerCutError
        return appended

    with monkeypatch.context() as patched:
        patched.setattr(RunLog, "append", dies_after)
        with pytest.raises(PowerCutError):
            job.run(in_parts("load", DAYS))
    job.run(in_parts("load", DAYS))
    assert sorted(job.parts) == DAYS


def test_retries_in_the_job_keep_the_parts(job: Job) -> None:
    again = "retry-policy { max-retries = 2, initial-delay-ms = 1 }"
    report = job.run(in_parts("load", DAYS, more=again, fails_at=DAYS[3]))
    assert job.parts == [*DAYS[:4], *DAYS[3:]]
    assert report.state.components[0].part_counts == {"total": 6, "skipped": 0, "run": 6}


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"table": "other"}, "because instance-config.table has changed"),
        ({"days": DAYS[:3]}, "because instance-config.days[3], instance-config.days[4]"),
    ],
)
def test_parts_of_an_edited_component_start_over_and_the_log_says_why(
    job: Job, edit: dict[str, Any], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job.fails(in_parts("load", DAYS, fails_at=DAYS[2], table="orders"))
    given: dict[str, Any] = {"days": DAYS, "table": "orders", **edit}
    report = job.run(in_parts("load", given.pop("days"), fails_at=DAYS[2], **given))
    assert job.parts[:4] == [*DAYS[:3], DAYS[0]]
    assert f"its parts start anew, {why}" in capsys.readouterr().out
    assert report.state.components[0].part_counts["skipped"] == 0


def test_parts_start_over_for_another_version_of_the_class(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job.fails(in_parts("load", DAYS, fails_at=DAYS[2]))
    monkeypatch.setattr(InParts, "version", 2, raising=False)
    job.run(in_parts("load", DAYS, fails_at=DAYS[2]))
    assert job.parts == [*DAYS[:3], *DAYS]
    assert "its parts start anew, because tests.asking.InParts.version has changed" in capsys.readouterr().out


def test_parts_start_over_if_a_dependency_of_the_component_runs_again(job: Job) -> None:
    pipeline = (in_parts("extract", ["x"]), in_parts("load", DAYS, "depends-on = [extract]", fails_at=DAYS[2]))
    job.fails(*pipeline)
    job.run(*pipeline, selection=Selection(force=("extract",)))
    assert job.parts == ["x", *DAYS[:3], "x", *DAYS]


def test_parts_of_a_component_that_is_left_out_once_are_kept(job: Job) -> None:
    pipeline = (
        in_parts("extract", ["x"]),
        in_parts("load", DAYS, fails_at=DAYS[2]),
        in_parts("mail", ["m"], fails_at="m"),
    )
    job.fails(*pipeline)
    state = job.fails(*pipeline, selection=Selection(only=("mail",)))
    assert state.components[1].parts == tuple(DAYS[:2])
    job.run(*pipeline, selection=Selection())
    assert job.parts == ["x", *DAYS[:3], "m", *DAYS[2:], "m"]


def test_a_done_component_that_runs_again_does_all_its_parts(job: Job) -> None:
    pipeline = (in_parts("load", DAYS), in_parts("mail", ["m"], fails_at="m"))
    job.fails(*pipeline)
    job.run(*pipeline, selection=Selection(start_from="load"))
    assert job.parts == [*DAYS, "m", *DAYS, "m"]


def test_a_part_finished_by_a_superseded_driver_is_not_recorded(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def superseded(*_: object, **__: object) -> None:
        raise SupersededError("another attempt has taken over")

    append = RunLog.append

    def refuses(self: RunLog, commit: Any, state: CheckpointState, **how: Any) -> Any:
        if len(state.components[0].parts) == 2:
            superseded()
        return append(self, commit, state, **how)

    monkeypatch.setattr(RunLog, "append", refuses)
    monkeypatch.setattr("airflow_spark_pipeline.runtime.recorder.Recorder.failed", superseded)
    with pytest.raises(SupersededError):
        job.run(in_parts("load", DAYS))
    assert job.parts == DAYS[:2]


@pytest.mark.parametrize("appears", [True, False])
@pytest.mark.parametrize("again", ["", "retry-policy { max-retries = 2, initial-delay-ms = 1 }"])
def test_a_part_that_cannot_be_recorded_ends_the_attempt_without_a_retry(
    job: Job, monkeypatch: pytest.MonkeyPatch, again: str, appears: bool
) -> None:
    """The commit may be there: what is recorded next would meet it, and take it for a successor's."""
    append = RunLog.append

    def fails(self: RunLog, commit: Any, state: CheckpointState, **how: Any) -> Any:
        if len(state.components[0].parts) != 2:
            return append(self, commit, state, **how)
        if appears:
            append(self, commit, state, **how)
        raise CheckpointStoreError("503 Slow Down")

    with monkeypatch.context() as patched:
        patched.setattr(RunLog, "append", fails)
        with pytest.raises(CheckpointStoreError, match="503 Slow Down"):
            job.run(in_parts("load", DAYS, more=again))
    assert job.parts == DAYS[:2]
    job.run(in_parts("load", DAYS, more=again))
    assert job.parts == [*DAYS[:2], *DAYS[2 if appears else 1 :]]


def test_several_at_a_time_finish_what_is_running_after_an_error(tmp_path: Path) -> None:
    done: list[str] = []

    def work(item: str) -> None:
        if item == "b":
            raise ValueError("b is broken")
        done.append(item)

    context = ComponentContext.standalone(str(tmp_path))
    with pytest.raises(ValueError, match="b is broken"):
        context.each_part("abcdefgh", work, parallelism=2)
    assert "a" in done
    assert "h" not in done


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        ("x", "", "x"),
        (5, "", "5"),
        (dt.date(2026, 1, 31), "", "2026-01-31"),
        (Path("/in/a"), "", "/in/a"),
        ("x", "orders", "[orders] x"),
        ("[orders] x", "", "[] [orders] x"),
    ],
)
def test_a_key_is_text_that_is_the_same_in_every_attempt(value: Any, name: str, text: str) -> None:
    assert part_key(value, name) == text


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (object(), TypeError, "pass key="),
        ({"a": 1}, TypeError, "pass key="),
        (None, TypeError, "pass key="),
        ("x" * (LONGEST_KEY + 1), ValueError, "at most 200"),
        ("a\nb", ValueError, "cannot be printed"),
        ("\ud800", ValueError, "cannot be printed"),
    ],
)
def test_an_invalid_part_key_is_refused(value: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        part_key(value)


def test_two_items_with_one_key_and_two_calls_with_one_name_are_refused() -> None:
    context = ComponentContext.standalone("/nowhere")
    with pytest.raises(ValueError, match=r"two items have the key '\[mixed\] 1'"):
        context.parts([1, "1"], name="mixed")
    assert list(context.parts([1, 2], key=lambda item: item * 10)) == [1, 2]
    assert list(context.parts(["a"], name="tables")) == ["a"]
    with pytest.raises(ValueError, match="give each of several calls in a component its own name="):
        context.parts([3])


def test_a_record_of_a_completed_component_with_parts_is_not_accepted(job: Job) -> None:
    state = job.run(in_parts("load", DAYS)).state
    raw = {**to_json(state), "number": 99}
    assert disagreement(state, raw) is None
    wrong = state.with_component(replace(state.components[0], parts=("x",)))
    assert disagreement(wrong, raw) == "load lists parts twice, or although it is done"
