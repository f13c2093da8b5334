from __future__ import annotations

import pytest

from airflow_spark_pipeline.checkpoint.caller import Caller, to_record
from airflow_spark_pipeline.checkpoint.claim import ClaimKind, decide_claim
from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from tests.fakes import make_state

FIRST = Caller(max_tries=2, retries=2, try_number=1, identity="run-1")
RETRY = Caller(max_tries=2, retries=2, try_number=2, identity="run-1")
CLEARED = Caller(max_tries=3, retries=2, try_number=2, identity="run-1")  # Airflow: try number + retries

UNFINISHED = [CheckpointStatus.SUBMITTED, CheckpointStatus.RUNNING, CheckpointStatus.FAILED]


def test_where_nothing_is_recorded_a_run_starts() -> None:
    assert decide_claim(None, FIRST).kind is ClaimKind.START


@pytest.mark.parametrize("status", UNFINISHED)
@pytest.mark.parametrize("caller", [RETRY, CLEARED], ids=["retry", "clear"])
def test_what_is_unfinished_is_resumed_by_a_retry_and_by_a_clear(status: CheckpointStatus, caller: Caller) -> None:
    decision = decide_claim(make_state(status=status, caller=to_record(FIRST, None)), caller)
    assert (decision.kind, decision.epoch) == (ClaimKind.RESUME, 0)


def test_a_success_that_airflow_never_heard_of_is_reported_and_not_run_twice() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None))
    assert decide_claim(state, RETRY).kind is ClaimKind.REPORT


def test_a_success_that_was_cleared_runs_from_the_start_in_a_new_epoch() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None), epoch=4)
    decision = decide_claim(state, CLEARED)
    assert (decision.kind, decision.epoch) == (ClaimKind.START, 5)


def test_a_clear_is_seen_even_where_retries_were_lowered_so_that_max_tries_is_the_same() -> None:
    state = make_state(status=CheckpointStatus.COMPLETED, caller=to_record(FIRST, None))
    lowered = Caller(max_tries=2, retries=1, try_number=2, identity="run-1")
    assert decide_claim(state, lowered).kind is ClaimKind.START


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
    state = make_state(caller={**(to_record(FIRST, None) or {}), "identity": None})
    assert decide_claim(state, RETRY).kind is ClaimKind.RESUME
