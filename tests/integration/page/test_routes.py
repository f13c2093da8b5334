from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from airflow_spark_pipeline.checkpoint.stores.base import StoredObject
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from airflow_spark_pipeline.plugins.page import service
from tests.integration.page.conftest import Page, Record

TASK = {"dag_id": "page_a", "run_id": "r1", "task_id": "etl"}


def _discard(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("run_id", "task_id", "map_index", "id", "number")}


# ---- what is shown


def test_a_failed_run_is_listed_with_what_a_user_wants_to_know(page: Page, record: Record) -> None:
    record.run()
    (row,) = page.runs()
    assert [(piece["name"], piece["state"]) for piece in row["pieces"]] == [
        ("a", "done"),
        ("b", "failed"),
        ("c", "pending"),
    ]
    assert (row["dag_id"], row["run_id"], row["task_id"], row["map_index"]) == ("page_a", "r1", "etl", -1)
    assert (row["failed_component"], row["failed_position"], row["saved_seconds"]) == ("b", 2, 60.0)
    assert row["error"] == "ConnectionError: no route to host"
    assert (row["task_state"], row["resume_blocked"], row["discard_blocked"]) == ("failed", None, None)


def test_the_lease_distinguishes_a_running_driver_from_a_dead_one(page: Page, record: Record) -> None:
    record.run(run_id="r1", status=CheckpointStatus.RUNNING, alive=True)
    record.run(run_id="gone", status=CheckpointStatus.RUNNING)
    states = {row["run_id"]: (row["state"], row["current_components"]) for row in page.runs()}
    assert states == {"r1": ("running", ["b"]), "gone": ("dead", ["b"])}


def test_a_live_run_can_be_neither_resumed_nor_discarded(page: Page, record: Record) -> None:
    record.run(status=CheckpointStatus.RUNNING, alive=True)
    (row,) = page.runs()
    assert row["resume_blocked"] == "Its driver is running."
    response = page.post("/api/dags/page_a/discard", _discard(row))
    assert response.status_code == 409
    assert response.json()["detail"] == "Its driver is running. Stop it first."


def test_a_run_whose_dag_run_was_deleted_can_only_be_discarded(page: Page, record: Record) -> None:
    record.run(run_id="deleted")
    (row,) = page.runs()
    assert "deleted" in row["resume_blocked"]
    assert row["discard_blocked"] is None


def test_runs_of_another_deployment_that_shares_the_location_are_not_shown(page: Page, record: Record) -> None:
    record.run(namespace="other")
    assert page.runs() == []
    assert page.get("/api/task", params=TASK).json()["runs"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"dag_id": "page_b"}, ["r2"]),
        ({"pipeline": "Other"}, ["r3"]),
        ({"state": "submitted"}, ["r2"]),
        ({"q": "DISK FULL"}, ["r3"]),
        ({"order_by": "dag_id"}, ["r1", "r3", "r2"]),
        ({"order_by": "dag_id", "limit": 1, "offset": 1}, ["r3"]),
        ({"q": "nothing like it"}, []),
    ],
)
def test_runs_are_filtered_sorted_and_paged(
    page: Page, record: Record, query: dict[str, Any], expected: list[str]
) -> None:
    record.run("page_a", "r1")
    record.run("page_b", "r2", status=CheckpointStatus.SUBMITTED)
    record.run("page_a", "r3", pipeline="Other", message="disk full")
    assert [row["run_id"] for row in page.runs(**query)] == expected


def test_counts_and_choices_do_not_depend_on_the_page_that_is_shown(page: Page, record: Record) -> None:
    record.run("page_a", "r1")
    record.run("page_b", "r2", status=CheckpointStatus.SUBMITTED)
    answer = page.get("/api/runs", params={"state": "failed", "limit": 1}).json()
    assert (answer["total"], answer["visible"]) == (1, 2)
    assert answer["counts"] == {"failed": 1, "submitted": 1}
    assert (answer["dag_ids"], answer["pipelines"]) == (["page_a", "page_b"], ["Test"])
    assert answer["active"]


def test_a_task_instance_shows_its_attempts_its_error_and_what_a_resume_would_do(page: Page, record: Record) -> None:
    record.run()
    (run,) = page.get("/api/task", params=TASK).json()["runs"]
    assert run["failure"]["traceback"] == "Traceback …"
    assert [(bar["name"], bar["action"]) for bar in run["attempts"][0]["bars"]] == [("a", "ran"), ("b", "failed")]
    assert [(step["name"], step["action"]) for step in run["next"]["steps"]] == [
        ("a", "skip"),
        ("b", "run"),
        ("c", "run"),
    ]
    assert run["next"]["basis"] == "record"


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({}, ["skip", "run", "run"]),
        ({"start_from": "a"}, ["run", "run", "run"]),
        ({"start_from": "b", "stop_after": "b"}, ["skip", "run", "omit"]),
        ({"only": ["a", "c"]}, ["run", "omit", "run"]),
        ({"force": ["a"]}, ["run", "run", "run"]),
    ],
)
def test_a_plan_is_shown_for_the_users_choice(
    page: Page, record: Record, query: dict[str, Any], actions: list[str]
) -> None:
    record.run()
    (row,) = page.runs()
    answer = page.get("/api/plan", params={**TASK, "id": row["id"], **query}).raise_for_status().json()
    assert [step["action"] for step in answer["steps"]] == actions


def test_a_plan_for_an_unknown_component_lists_the_existing_ones(page: Page, record: Record) -> None:
    record.run()
    (row,) = page.runs()
    wrong = page.get("/api/plan", params={**TASK, "id": row["id"], "only": "d"})
    assert wrong.status_code == 400
    assert "only names 'd', which does not exist" in wrong.json()["detail"]
    assert page.get("/api/plan", params={**TASK, "id": "Test~x~0"}).json() is None
    assert page.get("/api/plan", "user@page_a", params={**TASK, "dag_id": "page_b", "id": "x"}).status_code == 403


def test_an_unknown_dag_is_distinguished_from_one_without_pipelines(page: Page) -> None:
    known = {name: page.get("/api/task", params={**TASK, "run_id": name}).json()["exists"] for name in ("r1", "gone")}
    assert known == {"r1": True, "gone": False}
    dags = {name: page.get(f"/api/dags/{name}/runs").json()["exists"] for name in ("page_a", "misspelled")}
    assert dags == {"page_a": True, "misspelled": False}


def test_the_history_of_a_task_has_its_runs_and_their_components(page: Page, record: Record) -> None:
    record.run()
    answer = page.get("/api/history", params={**TASK, "pipeline": "Test"}).raise_for_status().json()
    assert [run["run_id"] for run in answer["runs"]] == ["r1"]
    assert answer["runs"][0]["seconds"] == {"a": 60.0, "b": None, "c": None}
    assert [component["name"] for component in answer["components"]] == ["a", "b", "c"]
    assert page.get("/api/history", params={**TASK, "pipeline": "Other"}).json()["runs"] == []
    assert (
        page.get("/api/history", "user@page_a", params={**TASK, "dag_id": "page_b", "pipeline": "Test"}).status_code
        == 403
    )


def test_a_finished_run_is_found_by_its_task_instance_and_by_its_dag(page: Page, record: Record) -> None:
    record.run(status=CheckpointStatus.COMPLETED)
    assert page.runs() == []
    (run,) = page.get("/api/task", params=TASK).json()["runs"]
    assert (run["state"], run["next"]) == ("completed", None)
    answer = page.get("/api/dags/page_a/runs").json()
    assert [run["state"] for run in answer["runs"]] == ["completed"]


def test_the_page_says_if_a_task_runs_no_pipeline(page: Page) -> None:
    other = page.get("/api/task", params={**TASK, "task_id": "other"}).json()
    assert (other["is_pipeline"], other["runs"]) == (False, [])
    ours = page.get("/api/task", params=TASK).json()
    assert (ours["is_pipeline"], ours["runs"]) == (True, [])


def test_an_answer_that_did_not_change_is_not_sent_again(page: Page, record: Record) -> None:
    record.run()
    first = page.get("/api/runs")
    again = page.get("/api/runs", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    record.run(run_id="r2")
    page.app.routes[-1].app._app.state.service.caches[0]._refreshed = None
    assert page.get("/api/runs", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_broken_location_is_shown_on_the_page_and_hides_no_other_location(
    page: Page, record: Record, tmp_path: Path, airflow_config: Callable[[str, str, str], None]
) -> None:
    record.run()
    places = [{"location": "ftp://nowhere"}, str(tmp_path / "empty")]
    airflow_config("spark_pipeline", "checkpoint_locations", json.dumps(places))
    answer = page.get("/api/runs").json()
    assert len(answer["runs"]) == 1
    assert [place["state"] for place in answer["locations"]] == ["ok", "error", "missing"]
    assert "unknown scheme ftp" in answer["locations"][1]["message"]
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    ("list_seconds", "grace_seconds"),
    [(0.2, 0.2), (3_600.0, 0.05)],  # the second: what another one has answered is sent without waiting that long
)
def test_a_location_that_hangs_is_named_and_does_not_block_others(
    page: Page,
    record: Record,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    airflow_config: Any,
    list_seconds: float,
    grace_seconds: float,
) -> None:
    """It may hold its own threads only: the others' answers, and those to come, do not wait for it."""
    record.run()
    gate = threading.Event()

    def hang(self: LocalStore, directory: str) -> list[StoredObject]:
        if self.root.name == "hangs":
            gate.wait(60)
        return listed(self, directory)

    listed = LocalStore.list_objects
    monkeypatch.setattr(LocalStore, "list_objects", hang)
    monkeypatch.setattr(service, "LIST_SECONDS", list_seconds)
    monkeypatch.setattr(service, "FIND_SECONDS", list_seconds)
    monkeypatch.setattr(service, "GRACE_SECONDS", grace_seconds)
    airflow_config("spark_pipeline", "checkpoint_locations", json.dumps([str(tmp_path / "hangs")]))
    try:
        for _ in range(20):  # more than there are threads for it
            answer = page.get("/api/runs").json()
            assert [place["state"] for place in answer["locations"]] == ["ok", "slow"]
            assert [row["run_id"] for row in answer["runs"]] == ["r1"]
            assert answer["active"]  # the page asks again soon: what it has not seen yet may come
            assert len(page.get("/api/task", params=TASK).json()["runs"]) == 1
    finally:
        gate.set()


def test_an_option_that_cannot_be_read_is_named(page: Page, airflow_config: Callable[[str, str, str], None]) -> None:
    airflow_config("spark_pipeline", "checkpoint_locations", "/data, /more")
    (place,) = page.get("/api/runs").json()["locations"]
    assert "JSON list" in place["message"]


def test_an_unreadable_record_is_counted_for_all_and_named_for_administrators(
    page: Page, record: Record, location: Path
) -> None:
    log = record.run()
    (location / log.path / "00000009.json").write_text("{", encoding="utf-8")
    (place,) = page.get("/api/runs", "viewer").json()["locations"]
    assert (place["unreadable"], place["problems"]) == (1, [])
    (place,) = page.get("/api/runs", "admin").json()["locations"]
    assert "not a readable commit" in place["problems"][0]


# ---- discard


def test_a_discard_applies_to_the_commit_that_was_seen_and_is_in_the_audit_log(page: Page, record: Record) -> None:
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    log = record.run()
    (row,) = page.runs("user")
    assert page.post("/api/dags/page_a/discard", _discard(row), "user").json() == {"id": row["id"]}
    assert record.newest(log).state.status is CheckpointStatus.DISCARDED
    assert page.runs() == []
    with create_session() as session:
        entry = session.scalars(
            select(Log).where(Log.event == "spark_pipeline.discard").order_by(Log.id.desc())
        ).first()
        assert entry is not None
        assert (entry.dag_id, entry.task_id, entry.run_id, entry.owner) == ("page_a", "etl", "r1", "user")
        at = entry.dttm
        assert at is not None
    (run,) = page.get("/api/task", params=TASK).json()["runs"]
    assert run["state"] == "discarded"
    assert run["discarded_by"]["user"] == "user"
    assert datetime.fromisoformat(run["discarded_by"]["at"]) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_a_discard_of_what_has_changed_since_is_refused(page: Page, record: Record) -> None:
    log = record.run()
    (row,) = page.runs()
    commit = record.newest(log)
    log.append(commit, commit.state)
    response = page.post("/api/dags/page_a/discard", _discard(row))
    assert response.status_code == 409
    assert "Reload the page, and decide again" in response.json()["detail"]
    assert (response.json()["code"], response.json()["values"]) == ("changed", {})
    assert record.newest(log).state.status is CheckpointStatus.FAILED


def test_a_discard_of_nothing_is_not_found(page: Page) -> None:
    body = {"run_id": "r1", "task_id": "etl", "id": "p~u~0", "number": 1}
    response = page.post("/api/dags/page_a/discard", body)
    assert (response.status_code, response.json()["code"]) == (404, "absent")


def test_a_run_whose_record_is_damaged_is_listed_and_can_only_be_discarded(page: Page, record: Record) -> None:
    log = record.run()
    record.store.write(f"{log.path}/{log.name_of(record.newest(log).number)}", b"damaged")
    (row,) = page.runs()
    assert (row["state"], row["pieces"], row["failed_component"]) == ("unreadable", [], None)
    assert "not a readable commit" in row["error"]
    assert "damaged" in row["resume_blocked"]
    assert page.post("/api/dags/page_a/discard", _discard(row)).status_code == 200
    assert record.newest(log).state.status is CheckpointStatus.DISCARDED
    assert page.runs() == []


def test_runs_that_ended_are_listed_where_their_state_is_asked_for(page: Page, record: Record) -> None:
    record.run(status=CheckpointStatus.COMPLETED)
    assert page.runs() == []
    (row,) = page.runs(state="completed")
    assert (row["run_id"], row["state"]) == ("r1", "completed")
    assert page.runs(state="discarded") == []
