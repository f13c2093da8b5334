"""What the task logs about a driver elsewhere: the driver's own lines, each once."""

from __future__ import annotations

from dataclasses import replace

from airflow_spark_pipeline.checkpoint.state import (
    CheckpointState,
    CheckpointStatus,
    ComponentAction,
    ComponentCheckpoint,
)
from airflow_spark_pipeline.launch.progress import Progress
from tests.fakes import make_state

DONE_BEFORE = ComponentCheckpoint(
    0,
    "Extract",
    "m.C",
    ComponentAction.SKIPPED,
    "done in attempt 1",
    attempt=1,
    duration_seconds=9.0,
    retries=({"startedAt": "earlier", "durationSeconds": 1.0, "error": "OSError: no", "delaySeconds": 1.0},),
)
PENDING = ComponentCheckpoint(1, "Clean", "m.C")
RETRY = {"startedAt": "12:00", "durationSeconds": 75.0, "error": "TimeoutError: no answer", "delaySeconds": 5.0}


def _state(*components: ComponentCheckpoint) -> CheckpointState:
    return replace(
        make_state(),
        status=CheckpointStatus.RUNNING,
        attempt=2,
        attempt_id="2-a",
        components=components,
        total_components=len(components),
    )


def test_each_event_is_logged_once_as_it_happens() -> None:
    progress = Progress("2-a")
    assert progress.lines(_state(DONE_BEFORE, PENDING)) == [
        "The driver of attempt 2 is running",
        "[1/2] Extract skipped (done in attempt 1)",
    ]
    tried = replace(PENDING, retries=(RETRY,))
    assert progress.lines(_state(DONE_BEFORE, tried)) == [
        "[2/2] Clean failed after 1 min 15 s: TimeoutError: no answer; next try in 5.0 s"
    ]
    assert progress.lines(_state(DONE_BEFORE, tried)) == []
    done = replace(tried, action=ComponentAction.RAN, attempt=2, duration_seconds=2.0, outputs={"clean": {}})
    assert progress.lines(_state(DONE_BEFORE, done)) == ["[2/2] Clean done in 2.0 s (try 2); saved clean"]


def test_every_failed_component_is_reported_and_no_failure_of_an_earlier_attempt() -> None:
    failed = replace(PENDING, action=ComponentAction.FAILED, reason="OSError: disk full", duration_seconds=3.0)
    state = _state(
        replace(failed, index=0, attempt=2),
        replace(failed, name="Load", attempt=2),
        replace(failed, index=2, name="Report", attempt=1),
    )
    assert Progress("2-a").lines(state)[1:] == [
        "[1/3] Clean failed after 3.0 s: OSError: disk full",
        "[2/3] Load failed after 3.0 s: OSError: disk full",
    ]


def test_a_component_whose_dependency_failed_is_reported_once() -> None:
    progress, reason = Progress("2-a"), "depends on Extract, which failed"
    state = _state(DONE_BEFORE, replace(PENDING, action=ComponentAction.UPSTREAM_FAILED, reason=reason))
    assert progress.lines(state)[-1] == f"[2/2] Clean not run ({reason})"
    assert progress.lines(state) == []


def test_the_commits_of_another_attempt_are_not_logged() -> None:
    assert Progress("3-b").lines(_state(DONE_BEFORE)) == []
