"""Each state of the page, light and dark, wide and narrow: nothing is cut off. SCREENSHOTS=folder keeps pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.client import Run

LIST = "/plugin/spark-pipeline"
SIZES = {"wide": {"width": 1360, "height": 760}, "narrow": {"width": 390, "height": 844}}

LOOKS = [
    ("light", "wide"),
    *(
        pytest.param(look, marks=pytest.mark.nightly)
        for look in (("light", "narrow"), ("dark", "wide"), ("dark", "narrow"))
    ),
]


class Studio:
    """Opens the page in one look, and keeps pictures of it."""

    def __init__(self, visit: Callable[..., Any], scheme: str, size: str, folder: Path) -> None:
        self._visit = visit
        self._look = f"{size}-{scheme}"
        self._options = {"viewport": SIZES[size], "color_scheme": scheme}
        self._scheme = scheme
        self._folder = folder

    def open(self, address: str, user: str = "user") -> Any:
        page = self._visit(user, "/", **self._options)
        page.evaluate(f"localStorage.setItem('theme', '{self._scheme}')")
        page.goto(page.url.rstrip("/") + address)
        return page

    def keep(self, page: Any, name: str) -> None:
        page.wait_for_timeout(400)  # what fades in has faded in: a picture has no event for it
        page.screenshot(path=self._folder / f"{name}-{self._look}.png")
        dark = page.evaluate("document.documentElement.classList.contains('dark')")
        assert dark == (self._scheme == "dark")
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture(params=LOOKS, ids="-".join)
def studio(request: pytest.FixtureRequest, visit: Callable[..., Any], tmp_path: Path) -> Studio:
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    scheme, size = request.param
    return Studio(visit, scheme, size, folder)


def _address(run: Run) -> str:
    return f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl&map_index=-1"


def _answer(page: Any, what: str, status: int, body: Any) -> None:
    page.route(f"**/spark-pipeline/api/{what}*", lambda route: route.fulfill(status=status, json=body))


def test_screenshot_of_the_list(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open(f"{LIST}?pipeline=Daily+orders")
    expect(page.get_by_test_id("total")).to_be_visible()
    studio.keep(page, "runs")


def test_a_run_and_its_dialogs(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open(_address(runs["kept"]))
    expect(page.get_by_test_id("run-view")).to_be_visible()
    studio.keep(page, "run")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Runs")
    studio.keep(page, "resume")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Discard").click()
    expect(page.get_by_role("alertdialog")).to_contain_text("Lost")
    studio.keep(page, "discard")


def test_a_run_of_two_attempts(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open(_address(runs["twice"]))
    expect(page.get_by_test_id("run-view")).to_contain_text("Attempt 2")
    studio.keep(page, "attempts")


def test_screenshot_of_the_tabs(studio: Studio, runs: dict[str, Run]) -> None:
    run = runs["kept"]
    page = studio.open(f"/dags/{run.dag_id}/plugin/spark-pipelines")
    expect(page.get_by_test_id("dag-runs")).to_contain_text("Failed at clean")
    studio.keep(page, "dag")
    page = studio.open(f"/dags/{run.dag_id}/runs/{run.run_id}/tasks/begin/plugin/spark-pipeline-task")
    expect(page.get_by_text("This task runs no Spark pipeline")).to_be_visible()
    studio.keep(page, "no-pipeline")


def test_screenshot_for_a_viewer(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open(_address(runs["kept"]), "viewer")
    expect(page.get_by_text("It cannot be resumed now")).to_be_visible()
    studio.keep(page, "viewer")


def test_empty_loading_and_forbidden_lists(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open("/dags")
    location = {
        "name": "s3://data-lake/checkpoints",
        "state": "ok",
        "unreadable": 0,
        "problems": [],
        "temporary": False,
    }
    empty = {"runs": [], "total": 0, "visible": 0, "counts": {}, "dag_ids": [], "pipelines": [], "active": False}
    _answer(page, "runs", 200, {**empty, "locations": [location]})
    page.goto(page.url.replace("/dags", LIST))
    expect(page.get_by_text("Nothing to resume")).to_be_visible()
    studio.keep(page, "empty")
    page.unroute_all()
    page.route("**/spark-pipeline/api/runs*", lambda route: None)  # never answered
    page.reload()
    expect(page.get_by_label("Loading")).to_be_visible()
    studio.keep(page, "loading")
    page.unroute_all()
    _answer(page, "runs", 403, {"detail": "Forbidden"})
    page.reload()
    expect(page.get_by_text("You may not see this")).to_be_visible()
    studio.keep(page, "forbidden")


def test_a_location_that_is_down_and_a_server_that_is_gone(studio: Studio, runs: dict[str, Run]) -> None:
    page = studio.open(LIST)
    expect(page.get_by_test_id("total")).to_be_visible()
    listed = page.request.get(page.url.replace(LIST, "/spark-pipeline/api/runs")).json()
    down = {
        "name": "s3://data-lake/checkpoints",
        "state": "error",
        "message": "s3://data-lake/checkpoints/_open: EndpointConnectionError: could not connect",
        "unreadable": 0,
        "problems": [],
        "temporary": False,
    }
    _answer(page, "runs", 200, json.loads(json.dumps({**listed, "locations": [*listed["locations"], down]})))
    page.reload()
    expect(page.get_by_text("cannot be read")).to_be_visible()
    studio.keep(page, "location-down")
    page.unroute_all()
    page.route("**/spark-pipeline/api/runs*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("button", name="Try Again")).to_be_visible()
    studio.keep(page, "error")
