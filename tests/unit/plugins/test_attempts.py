"""What the page shows of attempts, and of tries that recorded nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.claimant import Claimant
from airflow_spark_pipeline.checkpoint.key import unit_path
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, ComponentAction, Failure
from airflow_spark_pipeline.plugins.page.attempts import attempts, with_tries
from airflow_spark_pipeline.plugins.page.failures import more_failures
from airflow_spark_pipeline.plugins.page.filters import Filters, Item, matches
from airflow_spark_pipeline.plugins.page.metadata_db import TaskFacts, TaskKey
from airflow_spark_pipeline.plugins.page.models import Attempt, Run
from airflow_spark_pipeline.plugins.page.run_models import components, make_row, task_keys
from airflow_spark_pipeline.plugins.page.tries import Kept, Try, TryFailure
from tests.fakes import make_state

if TYPE_CHECKING:
    from airflow_spark_pipeline.plugins.page.location_cache import LocationCache

REFUSED = TryFailure("ResumeRefusedError", "Cannot resume it: a was changed.\nSee the log.")
MISSING = TryFailure("DescriptionError", "no etl.conf")


def _at(minute: int) -> str:
    return f"2026-01-01T00:{minute:02}:00.000+00:00"


def _attempt(status: str = "failed", number: int | None = 1, **changes: object) -> Attempt:
    values = {
        "attempt": 1,
        "id": "p~u~0",
        "started_at": _at(1),
        "ended_at": _at(3),
        "status": status,
        "task_state": None,
        "error": None,
        "spark_application_id": None,
        "try_number": number,
        "bars": [],
    }
    return Attempt.model_validate({**values, **changes})


def _state(tried: int = 1) -> CheckpointState:
    return make_state(
        done="a", status=CheckpointStatus.FAILED, caller=Claimant(max_tries=2, retries=2, try_number=tried)
    )


def _row(state: CheckpointState, facts: TaskFacts, kept: dict[int, TryFailure]) -> Run:
    path = unit_path(state.pipeline_name, state.key)
    owner, guest = task_keys(state)
    known: dict[TaskKey, TaskFacts] = {guest: facts, owner: facts}
    return make_row(RunEntry(path, Commit(3, state), number=3), "/data", known, Kept(failures=kept))


@pytest.mark.parametrize(
    ("failure", "status"), [(REFUSED, "refused"), (MISSING, "not_recorded"), (None, "not_recorded")]
)
def test_a_try_that_recorded_nothing_is_shown_with_its_reason(failure: TryFailure | None, status: str) -> None:
    tries = [Try(1, "failed", _at(0), _at(3)), Try(2, "failed", _at(5), _at(6))]
    failures = {} if failure is None else {2: failure}
    first, second = with_tries([_attempt()], tries, failures, active=False)
    assert (first.attempt, first.task_state) == (1, "failed")
    assert (second.attempt, second.status, second.try_number) == (None, status, 2)
    assert second.error == (None if failure is None else failure.message)
    assert (second.started_at, second.ended_at) == (_at(5), _at(6))


def test_a_waiting_try_is_shown_and_one_that_never_started_is_not() -> None:
    tries = [Try(1, "failed", _at(0), _at(3)), Try(2, "removed", None, None), Try(3, "queued", None, None)]
    assert [each.try_number for each in with_tries([_attempt()], tries, {}, active=True)] == [1, 3]
    assert [each.try_number for each in with_tries([_attempt()], tries, {}, active=False)] == [1]


def test_attempts_that_were_cleaned_up_are_filled_in_from_airflow_by_their_time() -> None:
    """After a success the log may keep the newest attempt's commits only; Airflow still has the first try's log."""
    old = _attempt("unknown", None, ended_at=None)
    tries = [Try(1, "failed", _at(0), _at(4)), Try(2, "success", _at(10), _at(20))]
    new = _attempt("completed", 2, attempt=2, started_at=_at(11), ended_at=_at(19))
    first, second = with_tries([old, new], tries, {}, active=False)
    assert (first.status, first.try_number, first.ended_at) == ("failed", 1, _at(4))
    assert (second.status, second.try_number) == ("completed", 2)


def test_interrupted_work_is_drawn_with_its_known_length() -> None:
    bar = {
        "index": 1,
        "name": "b",
        "action": "interrupted",
        "started_at": _at(2),
        "duration_seconds": None,
        "parts": None,
    }
    (found,) = with_tries([_attempt("dead", bars=[bar])], [Try(1, "failed", _at(0), _at(5))], {}, active=False)
    assert (found.bars[0].duration_seconds, found.ended_at) == (180.0, _at(5))


@pytest.mark.parametrize(
    ("facts", "kept", "expected"),
    [
        (TaskFacts(True, "failed", try_number=2), {2: REFUSED}, (2, True, "Cannot resume it: a was changed.")),
        (
            TaskFacts(True, "failed", try_number=3),
            {3: MISSING},
            (3, False, "DescriptionError: no etl.conf"),
        ),
        (TaskFacts(True, "failed", try_number=2), {}, (2, False, None)),
        (TaskFacts(True, "failed", try_number=1), {1: MISSING}, None),  # its reason is in the log
        (TaskFacts(True, "running", try_number=2), {}, None),
    ],
)
def test_a_row_shows_the_newest_try(
    facts: TaskFacts, kept: dict[int, TryFailure], expected: tuple[int, bool, str | None] | None
) -> None:
    found = _row(_state(), facts, kept).newest_try
    assert (None if found is None else (found.try_number, found.refused, found.error)) == expected


@pytest.mark.parametrize(
    ("state", "run_state", "pending", "shown"),
    [
        (None, "queued", True, "no_status"),  # just cleared
        (None, "failed", False, "no_status"),
        ("queued", "running", True, "queued"),
        ("deferred", "running", True, "deferred"),
        ("failed", "running", False, "failed"),
        ("success", "success", False, "success"),
    ],
)
def test_from_the_moment_of_a_clear_a_task_is_pending(
    state: str | None, run_state: str, pending: bool, shown: str
) -> None:
    facts = TaskFacts(True, state, may_edit=True, run_state=run_state, try_number=1)
    row = _row(_state(), facts, {})
    assert (row.task_state, row.task_pending) == (shown, pending)
    assert (row.resume_blocked is not None) is pending


def test_running_and_interrupted_components_have_their_attempt_and_start() -> None:
    state = make_state(done="a", status=CheckpointStatus.RUNNING, attempt=2, updated_at=_at(9))
    for standing in (Standing.RUNNING, Standing.DEAD):
        _, second, third = components(state, standing)
        assert (second.attempt, second.started_at) == (2, _at(9))
        assert (third.attempt, third.reason) == (None, None)


def test_each_failure_of_an_attempt_is_shown() -> None:
    state = _state()
    records = [
        replace(
            c,
            reason=f"ValueError: no {c.name}",
            action=ComponentAction.FAILED,
            attempt=1,
            failure_traceback=f"Traceback of {c.name}",
        )
        for c in state.components[1:]
    ]
    state = replace(state, components=(state.components[0], *records))
    assert [(each.component, each.error_type, each.message, each.traceback) for each in more_failures(state)] == [
        ("b", "ValueError", "no b", "Traceback of b"),
        ("c", "ValueError", "no c", "Traceback of c"),
    ]


def _failed(first: str | None, *others: str) -> CheckpointState:
    """A state in which these components failed, the first one first; none of them if it is ``None``."""
    state = make_state("abcde", status=CheckpointStatus.FAILED)
    found = {name: f"ValueError: no {name}" for name in (first, *others) if name is not None}
    records = tuple(
        replace(c, action=ComponentAction.FAILED, reason=found[c.name]) if c.name in found else c
        for c in state.components
    )
    return replace(state, components=records, failure=Failure(first, None, "OSError", "disk full\nby 3 bytes"))


@pytest.mark.parametrize(
    ("state", "names", "error"),
    [
        (_failed("b"), ["b"], "OSError: disk full"),
        (_failed("b", "d"), ["b", "d"], "b: OSError: disk full; d: ValueError: no d"),
        (_failed("d", "a", "b"), ["d", "a", "b"], "d: OSError: disk full; a: ValueError: no a; b: ValueError: no b"),
        (_failed(None), [], "OSError: disk full"),  # before any component
        (_failed(None, "c", "d"), ["c", "d"], "OSError: disk full"),  # of none of them
    ],
)
def test_a_row_names_all_components_that_failed_the_first_one_first(
    state: CheckpointState, names: list[str], error: str
) -> None:
    row = make_row(RunEntry("unit", Commit(3, state), number=3), "here", defaultdict(TaskFacts))
    assert (row.failed_components, row.error) == (names, error)
    assert row.failed_component == (state.failure.component if state.failure else None)


@pytest.mark.parametrize("text", ["b", "d", "DISK FULL", "no d"])
def test_a_search_finds_a_run_by_each_component_that_failed_and_by_its_error(text: str) -> None:
    entry = RunEntry("unit", Commit(3, _failed("b", "d")), number=3)
    item = Item(cast("LocationCache", None), entry, Standing.FAILED, TaskKey("flow", "r1", "etl", -1))
    assert matches(item, Filters(text=text))
    assert not matches(item, Filters(text="no e"))


def test_a_component_that_is_not_run_names_the_one_that_failed() -> None:
    state = make_state(done="a", status=CheckpointStatus.FAILED)
    reason = "depends on b, which failed"
    last = replace(state.components[2], action=ComponentAction.UPSTREAM_FAILED, reason=reason)
    found = components(replace(state, components=(*state.components[:2], last)), Standing.FAILED)[2]
    assert (found.name, found.state.value, found.reason) == ("c", "upstream_failed", reason)


_EDITED = "{} is recorded as done, and differs now at instance-config.x, and on-change is rerun-from-change"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("first attempt", None),
        ("not run yet", None),
        ("not done yet", None),
        ("not run in attempt 1: depends on b, which failed", None),
        (None, None),
        ("new in the description", "new in the description"),
        ("failed in attempt 1: OSError", "ran again: failed in attempt 1: OSError"),
        ("attempt 1 died before it was done", "ran again: attempt 1 died before it was done"),
        ("depends on a, which runs again", "ran again: depends on a, which runs again"),
        ("forced", "ran again: forced"),
        (_EDITED.format("b"), f"ran again: {_EDITED.format('b')}"),
        (_EDITED.format("a"), f"ran: {_EDITED.format('a')}"),  # b may have run for the first time
        (_EDITED.format("bb"), f"ran: {_EDITED.format('bb')}"),
    ],
)
def test_the_reason_of_a_completed_component_does_not_say_that_it_did_not_run(
    reason: str | None, shown: str | None
) -> None:
    state = make_state(done="ab", status=CheckpointStatus.FAILED, attempt=2)
    first, second, third = state.components
    ran = replace(second, action=ComponentAction.RAN, reason=reason)
    skipped = replace(first, action=ComponentAction.SKIPPED, reason="done in attempt 1")
    found = components(replace(state, components=(skipped, ran, third)), Standing.FAILED)
    assert [each.reason for each in found] == ["done in attempt 1", shown, None]


def test_an_attempt_that_runs_has_no_end() -> None:
    state = make_state(done="a", status=CheckpointStatus.RUNNING)
    (found,) = attempts(Commit(2, state), Standing.RUNNING, lambda number, run_id: None)
    assert (found.status, found.ended_at) == ("running", None)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, None),
        ({"total": 50, "skipped": 0, "run": 37}, (37, 50)),
        ({"total": 50, "skipped": 30, "run": 7}, (37, 50)),
        ({"total": 50, "skipped": 37, "run": 13}, (50, 50)),
    ],
)
@pytest.mark.parametrize("action", [ComponentAction.FAILED, ComponentAction.RAN])
def test_the_parts_of_a_component_are_counted_in_its_row_and_in_its_bar(
    action: ComponentAction, counts: dict[str, int], expected: tuple[int, int] | None
) -> None:
    state = make_state(done="a", status=CheckpointStatus.FAILED)
    record = replace(state.components[1], action=action, attempt=state.attempt, part_counts=counts)
    state = state.with_component(record)
    row = components(state, Standing.FAILED)[1]
    (attempt,) = attempts(Commit(3, state), Standing.FAILED, lambda *_: None)
    (bar,) = (bar for bar in attempt.bars if bar.name == record.name)
    assert [None if found is None else (found.done, found.total) for found in (row.parts, bar.parts)] == [expected] * 2
