"""Clears under a real Airflow: a failed task resumes, a successful one starts over."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from airflow_spark_pipeline.airflow_features import AIRFLOW
from tests.acceptance.client import Run

pytestmark = pytest.mark.slow


@pytest.mark.nightly  # test_failures.py and the clear of a DAG run below show the same, in less time
@pytest.mark.dag_run("tried_once", c={"1": "fail"})
def test_clearing_a_failed_task_resumes_and_clearing_a_succeeded_one_runs_all_again(run: Run) -> None:
    run.wait("failed", tries=1)
    run.clear(only_failed=True)
    run.wait("success", tries=2)
    assert run.started() == "a1 b1 c1 c2 d2"

    run.clear()
    run.wait("failed", tries=3)  # attempt 1 of the new start is told to fail again
    assert run.started() == "a1 b1 c1 c2 d2 a1 b1 c1"


@pytest.mark.skipif(not AIRFLOW.clear_discards_task_state, reason="this Airflow has no such box")
@pytest.mark.dag_run("tried_once", b={"1": "fail", "2": "fail"})
def test_the_box_keep_task_state_makes_no_difference(run: Run) -> None:
    run.wait("failed", tries=1)
    run.clear(only_failed=True, keep_task_state=True)
    run.wait("failed", tries=2)
    run.clear(only_failed=True, keep_task_state=False)
    run.wait("success", tries=3)
    assert run.started() == "a1 b1 b2 b3 c3 d3"

    run.clear(keep_task_state=True)
    run.wait("failed", tries=4)
    assert run.started() == "a1 b1 b2 b3 c3 d3 a1 b1"


@pytest.mark.skipif(not AIRFLOW.has_loops, reason="this Airflow has no loops")
@pytest.mark.dag_run("looped", b1={"1": "fail"})
def test_each_iteration_of_a_loop_resumes_separately(run: Run) -> None:
    """The names of the components tell the iteration: b1 is the second one's, and fails in its first attempt."""
    run.wait("failed")
    assert run.started() == "a01 b01 c01 d01 a11 b11"

    # As the page does it: by the id of the task instance, since the name of the task fits every iteration.
    shown = run.client.page("/task", dag_id=run.dag_id, run_id=run.run_id, task_id=run.task_id)["runs"]
    rows = {row["iteration"]: row for row in shown}
    assert {iteration: row["state"] for iteration, row in rows.items()} == {0: "completed", 1: "failed"}
    assert (rows[1]["resume_blocked"], rows[1]["task_state"], rows[0]["task_state"]) == (None, "failed", "success")
    assert [name in str(rows[1]["config"]) for name in ("'a0'", "'a1'")] == [False, True]
    body = {"dry_run": False, "dag_run_id": run.run_id, "include_downstream": True, "only_failed": False}
    body |= {"task_instance_ids": [rows[1]["clear_instance"]], **rows[1]["clear_to_resume"]}
    run.client.post(f"/dags/{run.dag_id}/clearTaskInstances", body)
    run.wait("success")
    assert run.started() == "a01 b01 c01 d01 a11 b11 b12 c12 d12 a21 b21 c21 d21"


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
def test_mapped_tasks_resume_separately(run: Run) -> None:
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


@pytest.mark.nightly
@pytest.mark.dag_run("recovered", b={"1": "fail"})
def test_a_run_is_resumed_by_its_id_from_another_dag_run(run: Run) -> None:
    """As by hand: the command line tells the id, and the conf of the other run's trigger takes it."""
    run.wait("failed", tries=1)
    command = [sys.executable, "-m", "airflow_spark_pipeline.cli.main", "runs", "--json"]
    answer = subprocess.run(command, env=run.client.deployment.environment, stdout=subprocess.PIPE, check=True).stdout
    (run_id,) = [row["runId"] for row in json.loads(answer) if row["unit"]["runId"] == run.run_id]
    if AIRFLOW.has_task_state_store:
        assert run.state_store("spark_pipeline.run_id") == run_id
        assert run.state_store("spark_pipeline.position") == "1 of 4 done, failed at [2/4] b"

    recovery = run.again(f"{run.run_id}-recovery", **{**run.conf, "resume_run_id": run_id, "ledger": run.run_id})
    recovery.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"
    assert recovery.xcom()["resumed_from"] == run_id

    # The first task has nothing left to do: its clear reports the success.
    run.clear()
    run.wait("success")
    assert run.started() == "a1 b1 b2 c2 d2"


@pytest.mark.nightly  # the unit tests show the same with an Airflow that is made up
@pytest.mark.dag_run("tried_once", pipeline="Taken over", b={"1": "fail"})
def test_a_task_that_took_over_the_pipelines_failed_run_keeps_it_over_a_retry_and_a_clear(run: Run) -> None:
    run.wait("failed", tries=1)
    later = Run(
        run.client,
        "taking_over",
        f"{run.run_id}-later",
        {"pipeline": "Taken over", "ledger": run.run_id, "c": {"2": "fail", "3": "fail"}},
        run.task_id,
    )
    later.trigger()
    later.wait("failed", tries=2)
    assert run.started() == "a1 b1 b2 c2 c3"

    later.clear(only_failed=True)
    later.wait("success", tries=3)
    assert run.started() == "a1 b1 b2 c2 c3 c4 d4"

    later.clear()  # of a success: from the start, in its DAG run's log
    later.wait("success", tries=4)
    assert run.started() == "a1 b1 b2 c2 c3 c4 d4 a1 b1 c1 d1"
