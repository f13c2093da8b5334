from __future__ import annotations

from dataclasses import replace

from airflow_spark_pipeline.checkpoint.claim import decide_claim
from airflow_spark_pipeline.checkpoint.claimant import Caller, Claimant
from airflow_spark_pipeline.checkpoint.key import UnitKey, parse_run_id, unit_path
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, ComponentAction
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.planning import claim_state, make_plan

KEY = UnitKey("default", "dag", "run", "task")
CALLER = Caller(2, 2, 1, "id", "0190")
SPEC = PipelineSpec(
    "Test",
    tuple(ComponentSpec("m.C", name, {"n": 1}, f"pipeline.pipeline-components[{i}]") for i, name in enumerate("abc")),
    SparkSpec(None, None, {}),
    CheckpointSpec(),
    True,
    None,
)


def _claim(latest: Commit | None, *, start_over: bool = False) -> CheckpointState:
    decision = decide_claim(None if latest is None else latest.state, CALLER, start_over=start_over)
    carried = latest.state if latest is not None and not start_over else None
    return claim_state(SPEC, make_plan(SPEC, carried), decision, latest, key=KEY, caller=CALLER)


def _after(state: CheckpointState, done: str) -> Commit:
    for name in done:
        record = state.component(name)
        assert record is not None
        state = state.with_component(replace(record, action=ComponentAction.RAN, attempt=1, duration_seconds=1.5))
    return Commit(7, replace(state, completed_components=tuple(done), status=CheckpointStatus.FAILED))


def test_a_first_claim_lists_every_component_as_pending_with_its_fingerprint() -> None:
    state = _claim(None)
    assert (state.status, state.attempt, state.epoch) == (CheckpointStatus.SUBMITTED, 1, 0)
    assert [(c.name, c.action) for c in state.components] == [(n, ComponentAction.PENDING) for n in "abc"]
    assert all(c.fingerprint for c in state.components)
    assert state.caller == Claimant(2, 2, 1, "id", "0190")


def test_a_resumed_claim_keeps_completed_components_and_the_attempts_that_ran_them() -> None:
    first = _claim(None)
    state = _claim(_after(first, "ab"))
    a = state.component("a")
    assert a is not None
    assert (a.action, a.attempt, a.duration_seconds, a.reason) == (ComponentAction.SKIPPED, 1, 1.5, "done in attempt 1")
    assert state.completed_components == ("a", "b")
    assert (state.attempt, state.resumed_from) == (2, first.run_id)
    assert [s.attempt for s in state.attempts] == [1, 2]


def test_a_third_claim_keeps_the_progress_of_the_first_although_the_second_did_nothing() -> None:
    """Progress survives any number of failures."""
    second = replace(_claim(_after(_claim(None), "ab")), status=CheckpointStatus.FAILED)
    third = _claim(Commit(9, second))
    assert third.completed_components == ("a", "b")
    record = third.component("a")
    assert record is not None
    assert record.attempt == 1
    assert third.attempt == 3


def test_starting_over_carries_nothing_and_has_a_new_salt_and_a_new_epoch() -> None:
    first = _claim(None)
    state = _claim(_after(first, "ab"), start_over=True)
    assert state.completed_components == ()
    assert (state.attempt, state.epoch, state.resumed_from) == (1, 1, None)
    assert state.fingerprint_salt != first.fingerprint_salt
    assert len(state.attempts) == 1


def test_the_run_id_leads_to_the_units_directory_and_the_claims_number() -> None:
    state = _claim(_after(_claim(None), "a"))
    assert parse_run_id(state.run_id) == (unit_path("Test", KEY), 8)


def test_summaries_of_attempts_are_bounded() -> None:
    """A task that is retried for ever must not grow its commits for ever."""
    latest = _after(_claim(None), "a")
    for _ in range(60):
        latest = Commit(latest.number + 1, replace(_claim(latest), status=CheckpointStatus.FAILED))
    assert len(latest.state.attempts) == 50
    assert latest.state.attempts[-1].attempt == 61
