"""What a clear means: a task that failed resumes, one that succeeded runs from the start, whoever cleared what."""

from __future__ import annotations

import pytest

from tests.acceptance.client import Run

pytestmark = pytest.mark.slow


@pytest.mark.dag_run("tried_once", c={"1": "fail"})
def test_clearing_a_failed_task_resumes_and_clearing_a_succeeded_one_runs_all_again(run: Run) -> None:
    run.wait("failed", tries=1)
    run.clear(only_failed=True)
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 c2 d2"

    run.clear()
    run.wait("failed", tries=3)  # attempt 1 of the new start is told to fail again
    assert run.started() == "a1 b1 c1 c2 d2 a1 b1 c1"


@pytest.mark.dag_run("tried_once", b={"1": "fail"})
def test_clearing_a_failed_dag_run_resumes_and_clearing_a_succeeded_one_runs_all_again(run: Run) -> None:
    run.wait("failed", tries=1)
    run.clear_dag_run()
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 b2 c2 d2"

    run.clear_dag_run()
    run.wait("failed", tries=3)  # attempt 1 of the new start is told to fail again
    assert run.started() == "a1 b1 b2 c2 d2 a1 b1"


@pytest.mark.dag_run("mapped", c={"1": "fail"})
def test_mapped_tasks_resume_each_for_itself(run: Run) -> None:
    """Both are told to fail at their third component; the clear of one leaves the other as it is."""
    run.wait("failed")
    assert sorted(run.started().split()) == ["a1", "a1", "b1", "b1", "c1", "c1"]

    run.clear(map_index=1)
    run.wait("failed")
    assert [run.try_number(map_index) for map_index in (0, 1)] == [1, 2]
    assert sorted(run.ended().split()) == ["a1", "a1", "b1", "b1", "c2", "d2"]

    run.clear(map_index=0)
    run.wait("success")
    assert sorted(run.ended().split()) == ["a1", "a1", "b1", "b1", "c2", "c2", "d2", "d2"]
    assert {run.xcom(map_index)["components_skipped"] == ["a", "b"] for map_index in (0, 1)} == {True}


@pytest.mark.dag_run("recovered", b={"1": "fail"})
def test_a_run_is_resumed_by_its_id_from_another_dag_run(run: Run) -> None:
    """As by hand: the id comes from the conf of the other run's trigger."""
    run.wait("failed", tries=1)
    run_id = run.state_store("spark_pipeline.run_id")
    assert run.state_store("spark_pipeline.position") == "1 of 4 done, failed at [2/4] b"

    recovery = run.again(f"{run.run_id}-recovery", **{**run.conf, "resume_run_id": run_id, "ledger": run.run_id})
    recovery.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"
    assert recovery.xcom()["resumed_from"] == run_id

    # The first task has nothing left to do: its clear reports the success.
    run.clear()
    run.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"
