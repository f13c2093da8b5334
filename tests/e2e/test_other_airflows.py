"""The page in other deployments: below a path, and with Flask AppBuilder's users and roles."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.acceptance.deployment import Deployment
from tests.e2e.place import Flows, make_deployment, open_page, token

_FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
_FAB_ROLES = {"admin": "Admin", "user": "User", "viewer": "Viewer", "nobody": "Public"}
_LIST = "/plugin/spark-pipeline"


@contextlib.contextmanager
def _started(airflow: Deployment) -> Iterator[Flows]:
    try:
        airflow.start()
        with contextlib.closing(Flows(airflow)) as flows:
            yield flows
    finally:
        airflow.stop()


def _row(page: Any) -> Any:
    return page.locator("[data-testid=run][data-run=kept]")


def test_below_a_path_the_page_is_found_and_a_run_resumes(chromium: Any, airflow_db: Path, tmp_path: Path) -> None:
    airflow = make_deployment(tmp_path, airflow_db / "airflow.db", path="/team/airflow")
    with _started(airflow) as flows:
        run = flows.failed("kept")
        page = open_page(chromium, airflow, "user")
        page.goto(airflow.url + _LIST)
        expect(_row(page)).to_contain_text("Failed at clean (2 of 4)")
        expect(_row(page).get_by_role("link", name="etl", exact=True)).to_have_attribute(
            "href", f"/team/airflow/dags/{run.dag_id}/runs/kept/tasks/etl"
        )
        _row(page).get_by_role("button", name="Resume", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
        expect(page.get_by_text("Airflow will run it, and it resumes")).to_be_visible()
        run.wait("success", tries=2)
        assert "extract-2" not in flows.starts(run)


@pytest.mark.skipif("FAB_PYTHON" not in os.environ, reason="FAB_PYTHON names a Python with Airflow's provider fab")
def test_the_roles_of_flask_appbuilder_decide_what_is_seen_and_done(
    chromium: Any, airflow_db: Path, tmp_path: Path
) -> None:
    airflow = make_deployment(tmp_path, airflow_db / "airflow.db", core__auth_manager=_FAB)
    airflow.python = os.environ["FAB_PYTHON"]
    _airflow(airflow, "db", "migrate")
    for name, role in _FAB_ROLES.items():
        about = ("--firstname", name, "--lastname", name, "--email", f"{name}@example.com")
        _airflow(airflow, "users", "create", "--username", name, "--password", name, "--role", role, *about)
    # Without it Airflow shows no plugin's page to anybody below Op.
    _airflow(airflow, "roles", "add-perms", "Viewer", "User", "--resource", "Plugins", "--action", "can_read")
    with _started(airflow) as flows:
        run = flows.failed("kept")
        viewer = open_page(chromium, airflow, "viewer")
        viewer.goto(airflow.url + _LIST)
        expect(_row(viewer).get_by_role("button", name="Resume", exact=True)).to_be_disabled()
        _refuses(airflow, "viewer", lists=["kept"])
        _refuses(airflow, "nobody", lists=[])
        user = open_page(chromium, airflow, "user")
        user.goto(airflow.url + _LIST)
        _row(user).get_by_role("button", name="Resume", exact=True).click()
        user.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
        expect(user.get_by_text("Airflow will run it, and it resumes")).to_be_visible()
        run.wait("success", tries=2)
        assert "extract-2" not in flows.starts(run)


def _refuses(airflow: Deployment, name: str, lists: list[str]) -> None:
    headers = {"Authorization": f"Bearer {token(airflow, name)}"}
    with httpx.Client(base_url=f"{airflow.url}/spark-pipeline/api", headers=headers, timeout=60.0) as client:
        assert [row["run_id"] for row in client.get("/runs").json()["runs"]] == lists
        body = {"run_id": "kept", "task_id": "etl", "id": "x", "number": 0}
        assert client.post("/dags/daily_orders/discard", json=body).status_code == httpx.codes.FORBIDDEN


def _airflow(airflow: Deployment, *arguments: str) -> None:
    command = [airflow.python, "-m", "airflow", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=airflow.environment, timeout=300)
