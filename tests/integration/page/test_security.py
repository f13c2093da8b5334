"""Permissions of the page's routes, and requests that must find nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.state import CheckpointStatus
from tests.integration.page.conftest import Page, Record

TASK = {"dag_id": "page_a", "run_id": "r1", "task_id": "etl"}
ROLES = (None, "viewer", "user", "op", "admin", "user@page_a", "user@page_b", "viewer@page_a")


def _discard(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("run_id", "task_id", "map_index", "id", "number")}


def _status(may: bool, user: str | None) -> int:
    return 200 if may else 401 if user is None else 403


@pytest.mark.parametrize("user", ROLES)
def test_every_route_requires_a_user_and_checks_permissions(page: Page, record: Record, user: str | None) -> None:
    record.run("page_a")
    record.run("page_b")
    sees_a = user is not None and not user.endswith("@page_b")
    sees_b = user is not None and not user.endswith("@page_a")
    visible = [dag_id for dag_id, sees in (("page_a", sees_a), ("page_b", sees_b)) if sees]

    listed = page.get("/api/runs", user, params={"order_by": "dag_id"})
    assert listed.status_code == (401 if user is None else 200)
    if user is not None:
        answer = listed.json()
        assert [row["dag_id"] for row in answer["runs"]] == visible
        assert (answer["total"], answer["visible"], answer["dag_ids"]) == (len(visible), len(visible), visible)
    for dag_id, sees in (("page_a", sees_a), ("page_b", sees_b)):
        assert page.get("/api/task", user, params={**TASK, "dag_id": dag_id}).status_code == _status(sees, user)
        assert page.get(f"/api/dags/{dag_id}/runs", user).status_code == _status(sees, user)
    assert page.get("/api/openapi.json", user).status_code == (401 if user is None else 200)


@pytest.mark.parametrize("user", ROLES)
def test_a_discard_needs_the_permission_to_clear_the_dags_tasks(page: Page, record: Record, user: str | None) -> None:
    log = record.run()
    (row,) = page.runs("admin")
    may = user in {"user", "op", "admin", "user@page_a"}
    assert page.post("/api/dags/page_a/discard", _discard(row), user).status_code == _status(may, user)
    discarded = record.newest(log).state.status is CheckpointStatus.DISCARDED
    assert discarded == may


def test_a_viewer_sees_why_nothing_can_be_done(page: Page, record: Record) -> None:
    record.run()
    (row,) = page.runs("viewer")
    assert "not clear its tasks" in row["resume_blocked"]
    assert "not clear its tasks" in row["discard_blocked"]


def test_a_discard_with_permission_for_another_dag_finds_nothing(page: Page, record: Record) -> None:
    log = record.run("page_a")
    (row,) = page.runs("admin")
    assert page.post("/api/dags/page_b/discard", _discard(row), "user@page_b").status_code in {404, 409}
    assert record.newest(log).state.status is CheckpointStatus.FAILED


@pytest.mark.parametrize("dag_id", ["~", "%7E"])
def test_the_wildcard_for_all_dags_is_not_a_dag(page: Page, dag_id: str) -> None:
    assert page.get(f"/api/dags/{dag_id}/runs").status_code == 404
    assert page.get("/api/task", params={**TASK, "dag_id": "~"}).status_code == 404


FORGED = ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "p~..~0", "/etc/passwd", "file:///etc/passwd", "a\x00b", "~"]


@pytest.mark.parametrize("forged", FORGED)
@pytest.mark.parametrize("field", ["run_id", "task_id", "id"])
def test_forged_names_find_nothing(page: Page, record: Record, field: str, forged: str) -> None:
    """What is looked up is computed from a digest of the key; an id is only compared with what was found."""
    log = record.run()
    (row,) = page.runs()
    before = sorted(path for path in record.store.root.rglob("*") if path.is_file())
    answer = page.post("/api/dags/page_a/discard", {**_discard(row), field: forged})
    assert answer.status_code in {404, 409, 422}
    assert record.newest(log).state.status is CheckpointStatus.FAILED
    assert sorted(path for path in record.store.root.rglob("*") if path.is_file()) == before
    if field != "id":
        found = page.get("/api/task", params={**TASK, field: forged})
        assert found.json()["runs"] == []


def test_no_route_takes_a_location_or_a_path(page: Page) -> None:
    document = page.get("/api/openapi.json").json()
    names = {
        parameter["name"]
        for path in document["paths"].values()
        for each in path.values()
        for parameter in each.get("parameters", [])
    }
    names |= set(document["components"]["schemas"]["Discard"]["properties"])
    assert not {name for name in names if any(word in name for word in ("location", "path", "url", "file"))}


@pytest.mark.parametrize(
    ("headers", "content", "expected"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, None, 415),
        ({"Content-Type": "text/plain"}, None, 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, None, 415),
        ({}, "", 415),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, None, 403),
        ({"Content-Type": "application/json", "Sec-Fetch-Site": "same-site"}, None, 403),
        ({"Content-Type": "application/json", "Origin": "http://evil.test"}, None, 403),
        ({"Content-Type": "application/json", "Origin": "null"}, None, 403),
        (
            {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin", "Origin": "http://airflow.test"},
            None,
            200,
        ),
    ],
)
def test_a_write_that_may_come_from_another_site_is_refused(
    page: Page, record: Record, headers: dict[str, str], content: str | None, expected: int
) -> None:
    log = record.run()
    (row,) = page.runs()
    body = json.dumps(_discard(row)) if content is None else content
    response = page.ask("POST", "/api/dags/page_a/discard", "admin", content=body, headers=headers)
    assert response.status_code == expected
    discarded = record.newest(log).state.status is CheckpointStatus.DISCARDED
    assert discarded == (expected == 200)


def test_nothing_is_changed_by_a_get(page: Page, record: Record) -> None:
    record.run()
    assert page.get("/api/dags/page_a/discard").status_code == 405


def test_markup_in_an_error_is_sent_as_json_that_no_browser_takes_for_a_page(page: Page, record: Record) -> None:
    record.run(message="<script>alert(1)</script>")
    response = page.get("/api/runs")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_a_password_in_a_location_is_not_shown(page: Page, airflow_config: Any) -> None:
    airflow_config("spark_pipeline", "checkpoint_location", "s3://me:hunter2@/")
    assert "hunter2" not in page.get("/api/runs").text


def test_the_bundle_is_public_and_holds_no_way_out_of_its_folder(page: Page) -> None:
    assert page.get("/static/../../page/app.py", None).status_code == 404
    assert page.get("/static/%2e%2e/%2e%2e/page/app.py", None).status_code == 404


def test_the_documents_of_the_framework_are_closed(page: Page) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert page.get(path, "admin").status_code == 404


def test_a_process_that_only_loads_the_plugin_loads_nothing_of_the_page() -> None:
    code = (
        "import sys, airflow_spark_pipeline.plugins.spark_pipeline as p; p.SparkPipelinePlugin.react_apps\n"
        "print([m for m in sys.modules if m.startswith('airflow_spark_pipeline.plugins.page')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
