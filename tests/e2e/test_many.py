"""Two hundred failed runs, and a location that hangs."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from airflow_spark_pipeline.checkpoint.key import UnitKey, make_run_id, unit_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.state import AttemptSummary, CheckpointStatus, Failure
from airflow_spark_pipeline.checkpoint.stores.local import LocalStore
from tests.acceptance.deployment import Deployment
from tests.e2e.axe import finds_nothing
from tests.e2e.place import make_deployment, open_page, token
from tests.fakes import make_state

LIST = "/plugin/spark-pipeline"
OLD, NEW = 200, 3
_PIPELINE = "Nightly load"


def _record(store: LocalStore, run_id: str, started: datetime) -> None:
    """Record a run that failed at the third of four components, as its driver does."""
    key = UnitKey("default", "nightly_load", run_id, "etl")
    path, at = unit_path(_PIPELINE, key), started.isoformat(timespec="milliseconds")
    log, first = RunLog(store, path), (AttemptSummary(1, make_run_id(path, 0), at),)
    claimed = make_state(
        "abcd", done="ab", key=key, pipeline_name=_PIPELINE, status=CheckpointStatus.SUBMITTED, attempts=first
    )
    failure = Failure("c", 2, "ConnectionError", "no route to host", None)
    log.append(log.claim(lambda _: claimed), replace(claimed, status=CheckpointStatus.FAILED, failure=failure))


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def outage(airflow_db: Path, tmp_path_factory: pytest.TempPathFactory, silent: str) -> Iterator[Deployment]:
    """An API server with many old runs, some new ones, and a second location that hangs."""
    hangs = json.dumps([{"location": "s3://hangs/checkpoints", "conn_id": "hangs"}])
    airflow = make_deployment(
        tmp_path_factory.mktemp("outage"), airflow_db / "airflow.db", spark_pipeline__checkpoint_locations=hangs
    )
    options = {"key": "none", "secret": "none", "client_kwargs": {"endpoint_url": silent, "region_name": "us-east-1"}}
    connection = {"conn_type": "generic", "extra": {"storage_options": options}}
    airflow.environment["AIRFLOW_CONN_HANGS"] = json.dumps(connection)
    now = datetime.now(timezone.utc)
    store = LocalStore(str(airflow.checkpoints), airflow.checkpoints)
    for number in range(OLD):
        _record(store, f"old-{number:03}", now - timedelta(days=20, minutes=number))
    for number in range(NEW):
        _record(store, f"new-{number}", now - timedelta(minutes=number + 1))
    try:
        airflow.start(components=("api-server",))
        yield airflow
        airflow.kill("api-server")  # a thread of it still waits for the location that hangs
    finally:
        airflow.stop()


@pytest.fixture
def visit(chromium: Any, outage: Deployment) -> Iterator[Callable[..., Any]]:
    pages = []

    def open_as(user: str, address: str, **options: Any) -> Any:
        page = open_page(chromium, outage, user, **options)
        page.set_default_timeout(60_000)
        pages.append(page)
        page.goto(outage.url + address)
        return page

    yield open_as
    for page in pages:
        page.context.close()


def _total(page: Any) -> Any:
    return page.get_by_test_id("total")


def test_a_location_that_hangs_is_reported_and_the_rows_of_the_other_are_shown(visit: Callable[..., Any]) -> None:
    page = visit("user", f"{LIST}?q=new-")
    expect(_total(page)).to_have_text(f"{NEW} Resumable Runs")
    expect(page.get_by_text("s3://hangs/checkpoints is slow to answer")).to_be_visible()
    finds_nothing(page, "a location that hangs")
    page.get_by_test_id("run").get_by_role("link", name=_PIPELINE).first.click()
    expect(page.get_by_test_id("run-view")).to_contain_text("Failed at c (3 of 4)")
    expect(page.get_by_text("s3://hangs/checkpoints is slow to answer")).to_be_visible()


def test_two_hundred_old_runs_are_discarded_with_one_dialog(visit: Callable[..., Any], outage: Deployment) -> None:
    page = visit("user", LIST)
    expect(_total(page)).to_have_text(f"{OLD + NEW} Resumable Runs")
    page.get_by_role("button", name="+ Filter").click()
    page.get_by_role("menuitem", name="Started Before").click()
    page.get_by_role("combobox", name="Started Before").select_option(label="7 days ago")
    expect(_total(page)).to_have_text(f"{OLD} Resumable Runs")
    page.get_by_label("Select all runs on this page").first.locator("..").click()
    page.get_by_role("button", name=f"Select all {OLD} that match").click()
    expect(page.get_by_text(f"{OLD} runs selected")).to_be_visible()
    page.get_by_role("toolbar").get_by_role("button", name="Discard").click()
    dialog = page.get_by_role("alertdialog")
    held: list[Any] = []

    def hold_one(route: Any) -> None:
        """Let all but the tenth request through, so that the progress stands still at a known number."""
        counted.append(route)
        if len(counted) == 10:
            held.append(route)
        else:
            route.continue_()

    counted: list[Any] = []
    page.route("**/discard", hold_one)
    _discard_elsewhere(outage, "old-007")  # and so the page's own discard of it is refused
    dialog.get_by_role("button", name=f"Discard the Progress ({OLD})").click()
    expect(dialog).to_contain_text(f"{OLD - 1} of {OLD} runs done", timeout=180_000)
    finds_nothing(page, "the progress of many")
    held[0].continue_()
    expect(dialog.get_by_role("alert")).to_contain_text(re.compile(rf"{OLD - 1} runs done, 1 run not done"))
    first = dialog.get_by_test_id("results").get_by_role("link").first
    expect(first).to_contain_text("old-007")  # what was not done is first
    finds_nothing(page, "the results of many")
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.get_by_text("No run matches these filters")).to_be_visible()
    page.get_by_role("button", name="Clear Filters").first.click()
    expect(_total(page)).to_have_text(f"{NEW} Resumable Runs")


def _discard_elsewhere(airflow: Deployment, run_id: str) -> None:
    """Discard a run as somebody else."""
    headers = {"Authorization": f"Bearer {token(airflow, 'admin')}"}
    with httpx.Client(base_url=f"{airflow.url}/spark-pipeline/api", headers=headers, timeout=60.0) as client:
        (run,) = client.get("/runs", params={"run_id": run_id}).raise_for_status().json()["runs"]
        wanted = {name: run[name] for name in ("run_id", "task_id", "map_index", "id", "number")}
        client.post(f"/dags/{run['dag_id']}/discard", json=wanted).raise_for_status()
