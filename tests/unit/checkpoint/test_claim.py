from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_spark_pipeline.checkpoint.claim import ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.claimant import Caller, to_record
from airflow_spark_pipeline.checkpoint.key import UnitKey
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from tests.fakes import make_state

FIRST = Caller(max_tries=2, retries=2, try_number=1, identity="run-1")
RETRY = Caller(max_tries=2, retries=2, try_number=2, identity="run-1")
CLEARED = Caller(max_tries=3, retries=2, try_number=2, identity="run-1")  # Airflow: try number + retries

UNFINISHED = [CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING, CheckpointStatus.FAILED]


def test_if_nothing_is_recorded_a_run_starts() -> None:
    assert decide_claim(None, FIRST).kind is ClaimKind.START


@pytest.mark.parametrize("status", UNFINISHED)
@pytest.mark.parametrize("caller", [RETRY, CLEARED], ids=["retry", "clear"])
def test_an_unfinished_run_is_resumed_by_a_retry_and_by_a_clear(status: CheckpointStatus, caller: Caller) -> None:
    decision = decide_claim(make_state(status=status, caller=to_record(FIRST, None)), caller)
    assert (decision.kind, decision.epoch) == (ClaimKind.RESUME, 0)


def test_an_unreported_success_is_reported_and_does_not_run_twice() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None))
    assert decide_claim(state, RETRY).kind is ClaimKind.REPORT


def test_a_success_that_was_cleared_runs_from_the_start_in_a_new_epoch() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None), epoch=4)
    decision = decide_claim(state, CLEARED)
    assert (decision.kind, decision.epoch) == (ClaimKind.START, 5)


def test_a_clear_is_recognised_even_if_lowered_retries_leave_max_tries_unchanged() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None))
    lowered = Caller(max_tries=2, retries=1, try_number=2, identity="run-1")
    assert decide_claim(state, lowered).kind is ClaimKind.START


# What Airflow tells of one task instance over time. The id tells which try was created when: 1 is the first. Kept: the
# store's identity of the DAG run is the same as before; lost: a clear emptied the store; none: there is no store.
#
# Columns: max_tries, retries, try number, id; what became of the identity.
FAILED_THEN = {
    "retry": ((2, 2, 2, 2, "kept"), ClaimKind.RESUME),
    "retry, retries raised since": ((2, 5, 2, 2, "kept"), ClaimKind.RESUME),
    "retry, retries lowered since": ((2, 0, 2, 2, "kept"), ClaimKind.RESUME),
    "retry without a store": ((2, 2, 2, 2, "none"), ClaimKind.RESUME),
    "retry after tries that died before their claim": ((2, 2, 3, 3, "kept"), ClaimKind.RESUME),
    "retry by a scheduler whose clock is late": ((2, 2, 2, 0, "kept"), ClaimKind.RESUME),
    "clear, state kept": ((3, 2, 2, 2, "kept"), ClaimKind.RESUME),
    "clear, state discarded": ((3, 2, 2, 2, "lost"), ClaimKind.RESUME),
    "clear, state discarded, retries raised before it": ((6, 5, 2, 2, "lost"), ClaimKind.RESUME),
    "clear, state discarded, retries lowered before it": ((2, 1, 2, 2, "lost"), ClaimKind.RESUME),
    "clear, state discarded, retries set to none before it": ((1, 0, 2, 2, "lost"), ClaimKind.RESUME),
    "clear, state discarded, retries edited after it": ((3, 1, 2, 2, "lost"), ClaimKind.RESUME),
    "clear without a store": ((3, 2, 2, 2, "none"), ClaimKind.RESUME),
    "two clears, state discarded": ((4, 2, 3, 3, "lost"), ClaimKind.RESUME),
    "clear, then a retry": ((3, 2, 3, 3, "lost"), ClaimKind.RESUME),
    "clear of the DAG run, which keeps the state": ((3, 2, 2, 2, "kept"), ClaimKind.RESUME),
    "the same try again, after a deferral": ((2, 2, 1, 1, "kept"), ClaimKind.RESUME),
    "created again": ((2, 2, 1, 9, "lost"), ClaimKind.START),
    "created again, store not emptied": ((2, 2, 1, 9, "kept"), ClaimKind.START),
    "created again without a store": ((2, 2, 1, 9, "none"), ClaimKind.START),
    "created again with other retries": ((5, 5, 1, 9, "lost"), ClaimKind.START),
    "created again, first try died before its claim": ((2, 2, 2, 9, "lost"), ClaimKind.START),
    "created again, other retries, first try died before its claim": ((5, 5, 2, 9, "lost"), ClaimKind.START),
    "left over from a DAG run that was deleted": ((2, 2, 1, 0, "lost"), ClaimKind.STOP),
}
SUCCEEDED_THEN = {
    "retry of a success that Airflow never heard of": ((2, 2, 2, 2, "kept"), ClaimKind.REPORT),
    "that retry without a store": ((2, 2, 2, 2, "none"), ClaimKind.REPORT),
    "that retry, retries raised since": ((2, 5, 2, 2, "kept"), ClaimKind.REPORT),
    "that retry, retries lowered by two since": ((2, 0, 2, 2, "kept"), ClaimKind.REPORT),
    "the same try again, after a deferral": ((2, 2, 1, 1, "kept"), ClaimKind.REPORT),
    "clear, state kept": ((3, 2, 2, 2, "kept"), ClaimKind.START),
    "clear, state discarded": ((3, 2, 2, 2, "lost"), ClaimKind.START),
    "clear without a store": ((3, 2, 2, 2, "none"), ClaimKind.START),
    "clear, retries lowered so that max_tries is the same": ((2, 1, 2, 2, "lost"), ClaimKind.START),
    "clear, then a retry before any claim": ((3, 2, 3, 3, "kept"), ClaimKind.START),
    "created again": ((2, 2, 1, 9, "lost"), ClaimKind.START),
    "created again, first try died before its claim": ((2, 2, 2, 9, "lost"), ClaimKind.START),
}
STORY = [
    *(
        pytest.param(status, *row, id=f"{status.value}: {name}")
        for status in UNFINISHED
        for name, row in FAILED_THEN.items()
    ),
    *(pytest.param(CheckpointStatus.COMPLETED, *row, id=f"completed: {name}") for name, row in SUCCEEDED_THEN.items()),
]


@pytest.mark.parametrize("by_guest", [False, True], ids=["own", "guest"])
@pytest.mark.parametrize(("status", "told", "expected"), STORY)
def test_what_a_try_does_depends_on_airflows_data(
    status: CheckpointStatus, told: tuple[int, int, int, int, str], expected: ClaimKind, by_guest: bool
) -> None:
    max_tries, retries, number, created, identity = told
    guest = UnitKey("default", "other", "run", "task") if by_guest else None
    before = Caller(2, 2, 1, None if identity == "none" else "run-1", _id(1), clear_forgets=True, guest=guest)
    now = {"kept": "run-1", "lost": "run-2", "none": None}[identity]
    caller = Caller(max_tries, retries, number, now, _id(created), clear_forgets=True, guest=guest)
    state = make_state(status=status, caller=to_record(before, None))
    assert decide_claim(state, caller).kind is expected


def _id(created: int) -> str:
    return f"01a2b3c4-d5e6-7000-8000-{created:012x}"


@pytest.mark.parametrize("status", [*UNFINISHED, CheckpointStatus.COMPLETED])
def test_if_clears_keep_the_identity_another_identity_means_another_dag_run(
    status: CheckpointStatus,
) -> None:
    state = make_state(status=status, caller=to_record(FIRST, None))
    cleared_before_its_first_claim = Caller(3, 2, 2, "run-2", _id(9))
    assert decide_claim(state, cleared_before_its_first_claim).kind is ClaimKind.START


@pytest.mark.parametrize("caller", [Caller(3, 2, 2, "run-2", _id(2), clear_forgets=True), RETRY])
def test_a_record_without_an_id_is_understood(caller: Caller) -> None:
    """Earlier versions of this package recorded none."""
    record = to_record(replace(FIRST, task_instance_id=None), None)
    assert decide_claim(make_state(caller=record), caller).kind is ClaimKind.RESUME


@pytest.mark.parametrize("status", [*UNFINISHED, CheckpointStatus.COMPLETED])
def test_a_dag_run_that_was_deleted_and_created_again_starts_fresh(status: CheckpointStatus) -> None:
    state = make_state(status=status, caller=to_record(RETRY, None))
    again = Caller(max_tries=2, retries=2, try_number=1, identity="run-2")
    assert decide_claim(state, again).kind is ClaimKind.START


def test_an_older_try_stops_where_a_newer_one_has_claimed() -> None:
    state = make_state(caller=to_record(RETRY, None))
    decision = decide_claim(state, FIRST)
    assert decision.kind is ClaimKind.STOP
    assert "try 2" in decision.reason


def test_discarded_progress_is_not_carried_over() -> None:
    state = make_state(status=CheckpointStatus.DISCARDED, caller=to_record(FIRST, None), epoch=1)
    assert decide_claim(state, RETRY).epoch == 2


@pytest.mark.parametrize("status", UNFINISHED)
def test_without_auto_resume_every_try_starts_over_in_a_new_epoch(status: CheckpointStatus) -> None:
    decision = decide_claim(make_state(status=status, caller=to_record(FIRST, None)), RETRY, start_over=True)
    assert (decision.kind, decision.epoch) == (ClaimKind.START, 1)


def test_an_unreported_success_is_reported_even_without_auto_resume() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None))
    assert decide_claim(state, RETRY, start_over=True).kind is ClaimKind.REPORT


def test_outside_airflow_what_is_unfinished_is_resumed_and_what_is_complete_is_reported() -> None:
    assert decide_claim(make_state(), None).kind is ClaimKind.RESUME
    assert decide_claim(make_state(status=CheckpointStatus.COMPLETED), None).kind is ClaimKind.REPORT


def test_an_identity_that_is_not_known_does_not_count_as_another_one() -> None:
    state = make_state(caller=to_record(replace(FIRST, identity=None), None))
    assert decide_claim(state, RETRY).kind is ClaimKind.RESUME
