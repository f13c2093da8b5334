"""Exceptions of every kind are recorded, retried, and passed to the hooks."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.decoding import decode
from airflow_spark_pipeline.checkpoint.encoding import encode, to_json
from airflow_spark_pipeline.checkpoint.state import Failure
from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineHooks
from airflow_spark_pipeline.user_errors import text as errors
from airflow_spark_pipeline.user_errors.text import MESSAGE_LENGTH, TRACEBACK_LENGTH, shorten, showable, text_of
from tests.sparkless import FakeSpark
from tests.steps import describe, names, read
from tests.unreportable_errors import ODD

ONE_RETRY = "retry-policy { max-retries = 1, initial-delay-ms = 1, max-delay-ms = 2 }"


class Watching(PipelineHooks):
    """Keeps what it is told of failures."""

    def __init__(self) -> None:
        self.retried: list[Failure | None] = []
        self.failed: list[Failure | None] = []

    def on_retry(self, event: ComponentEvent) -> None:
        self.retried.append(event.failure)

    def on_component_failure(self, event: ComponentEvent) -> None:
        self.failed.append(event.failure)


def odd(case: str, fails: int = 9) -> str:
    return (
        '{ instance-type = "tests.unreportable_errors.Odd", instance-name = odd\n'
        f'instance-config {{ ledger = ${{LEDGER}}, case = "{case}", fails = {fails} }} }}'
    )


@pytest.mark.parametrize("case", ODD)
def test_any_exception_can_be_recorded_retried_and_reported(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    _, kind, message = ODD[case]
    runner, hooks = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints"), Watching()  # type: ignore[arg-type]

    with pytest.raises(ComponentFailedError) as failed:
        runner.run_with_checkpointing(describe(odd(case), "never", more=ONE_RETRY), hooks)

    (state,) = runner.list_resumable("Steps")
    assert state.failure is not None
    assert (state.failure.component, state.failure.error_type) == ("odd", kind)
    assert message in state.failure.message
    assert "raise error" in (state.failure.traceback or "")
    assert len(state.failure.message) < MESSAGE_LENGTH + 100
    assert len(state.failure.traceback or "") < TRACEBACK_LENGTH + 100
    assert [failure and failure.error_type for failure in hooks.retried + hooks.failed] == [kind, kind]
    assert [entry["name"] for entry in read(tmp_path / "ledger")] == ["odd", "odd"]
    assert kind in str(failed.value)
    (capsys.readouterr().out + str(failed.value) + json.dumps(to_json(state), ensure_ascii=False)).encode()


def test_a_component_that_raises_an_unusual_exception_once_is_done_after_its_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    report = runner.run_with_checkpointing(describe(odd("str() exits", fails=1), "after:Step:", more=ONE_RETRY))
    assert report.ran == ["odd", "after"]
    assert names(tmp_path / "ledger") == "oddoddafter"


def test_an_error_whose_text_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class HangingError(Exception):
        def __str__(self) -> str:
            release.wait()
            return "too late"

    monkeypatch.setattr(errors, "_SECONDS", 0.05)
    try:
        raise HangingError
    except HangingError as error:
        text = text_of(error)
    finally:
        release.set()
    assert text.line == "HangingError: (no message: asking for it took longer than 0.05 s)"
    assert "raise HangingError" in text.traceback


class Raising(PipelineHooks):
    """A hook that raises one of them."""

    def __init__(self, case: str, *, gate: bool) -> None:
        self.case = case
        self.gate = gate  # type: ignore[misc]

    def after_component(self, event: ComponentEvent) -> None:
        error = ODD[self.case][0]()
        raise error


@pytest.mark.parametrize("case", [case for case in ODD if case not in ("no text", "a hundred megabytes")])
def test_an_unusual_exception_in_a_gate_fails_its_component_and_in_a_reporter_nothing(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    _, kind, message = ODD[case]
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]

    assert runner.run_with_checkpointing(describe("a"), Raising(case, gate=False)).ran == ["a"]
    assert f"failed in after_component, which does not affect the run: {kind}: " in capsys.readouterr().out

    with pytest.raises(ComponentFailedError):
        runner.run_with_checkpointing(describe("a"), Raising(case, gate=True))
    (state,) = runner.list_resumable("Steps")
    assert state.failure is not None
    assert (state.failure.component, state.failure.error_type) == ("a", "GateFailedError")
    assert message in state.failure.message


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain é 😀 \x1b[31m\t", "plain é 😀 \x1b[31m\t"),
        ("\udcff\udc80", "\\xff\\x80"),
        ("\ud800\udfff", "\\ud800\\udfff"),
        ("\0", "\\x00"),
    ],
)
def test_only_what_cannot_be_stored_is_escaped(raw: str, shown: str) -> None:
    assert showable(raw) == shown


def test_a_long_text_is_cut_in_the_middle_and_states_how_much() -> None:
    assert shorten("a" * 100, 100) == "a" * 100
    assert shorten("a" * 75 + "-" * 1_000 + "b" * 25, 100) == f"{'a' * 75}\n... 1,000 characters cut ...\n{'b' * 25}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('raise ValueError("caf\\udce9")', "ValueError: caf\\\\xe9"),
        ("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", "E: .no message: .* SystemExit"),
        ('raise ValueError("x" * 1000000)', "characters cut"),
    ],
)
def test_a_module_that_raises_an_unusual_exception_is_a_problem_of_the_description(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_module.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PipelineDefinitionError) as refused:
        PipelineRunner(FakeSpark()).run(  # type: ignore[arg-type]
            'pipeline { pipeline-name = x, pipeline-components = [{ instance-type = "odd_module.Step" }] }'
        )
    assert re.search(message, str(refused.value))
    assert len(str(refused.value)) < MESSAGE_LENGTH + 1_000


def test_a_commit_can_hold_any_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    runner = PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]
    with pytest.raises(ComponentFailedError):
        runner.run_with_checkpointing(describe("a:Step:fails = 1"))
    (state,) = runner.list_resumable("Steps")
    assert state.failure is not None
    odd = replace(state, failure=replace(state.failure, message="caf\udce9 \ud83d \0"))
    assert decode(encode(odd, 2), "here") == odd
