"""Where the boxes of the page are, with hostile names: what can be done with a run is seen, whatever it is called."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.client import Run
from tests.e2e.axe import OURS, finds_nothing

LIST = "/plugin/spark-pipeline"
LONGEST = 250  # characters that Airflow allows in an id
_WORDS = "warehouse_of_the_northern_region."
NAMES = {
    "unbroken": "w" * LONGEST,
    "words": (_WORDS * LONGEST)[:LONGEST],
    "arabic": ("خط_الأنابيب_" * LONGEST)[:LONGEST],
}
SIZES = {360: 740, 768: 1024, 1024: 768, 1440: 900}

# What of the page is outside the window, or outside the box that holds it, and cannot be scrolled to.
_OUTSIDE = """(selector) => [...document.querySelectorAll(selector)].filter((element) => {
    const box = element.getBoundingClientRect();
    if (box.width === 0) return false;
    for (let parent = element.parentElement; parent; parent = parent.parentElement) {
        const held = parent.getBoundingClientRect();
        const clips = getComputedStyle(parent).overflowX !== 'visible';
        if (clips && (box.left < held.left - 1 || box.right > held.right + 1)) return true;
    }
    return box.left < -1 || box.right > document.documentElement.clientWidth + 1;
}).map((element) => element.textContent.slice(0, 60))"""


def _keep(page: Any, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.wait_for_timeout(400)
        page.screenshot(path=Path(os.environ["SCREENSHOTS"], f"{name}.png"))


def _renamed(value: Any, name: str) -> Any:
    """An answer of the server in which everything that people name has a hostile name."""
    named = {"pipeline", "dag_display_name", "error", "reason", "name", "type", "current_component", "failed_component"}
    if isinstance(value, dict):
        return {
            key: name if key in named and isinstance(each, str) and "locations" not in value else _renamed(each, name)
            for key, each in value.items()
        }
    return [_renamed(each, name) for each in value] if isinstance(value, list) else value


def _rename(page: Any, name: str) -> None:
    def answer(route: Any) -> None:
        response = route.fetch()
        body = response.json()
        locations = body.get("locations")
        changed = _renamed(body, name)
        if locations is not None:
            changed["locations"] = locations
        if "runs" in changed and "total" in changed:
            changed["runs"] = [{**run, "run_id": name, "task_id": name} for run in changed["runs"]]
        route.fulfill(response=response, json=changed)

    page.route("**/spark-pipeline/api/**", answer)


def _is_whole(page: Any, what: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), what
    outside = page.evaluate(_OUTSIDE, f":is({OURS}) :is(button, a, th, td)")
    assert outside == [], (what, outside[:5])
    tall = page.evaluate(
        "Math.max(0, ...[...document.querySelectorAll('[data-testid=run]')].map((e) => e.offsetHeight))"
    )
    assert tall < 260, (what, tall)


@pytest.mark.parametrize(
    ("name", "direction"), [("unbroken", "ltr"), ("words", "ltr"), ("unbroken", "rtl"), ("arabic", "rtl")]
)
def test_no_name_hides_an_action(visit: Callable[..., Any], runs: dict[str, Run], name: str, direction: str) -> None:
    run = runs["kept"]
    page = visit("user", "/", locale="en")  # the direction is set below, whatever the language
    _rename(page, NAMES[name])
    base = page.url.partition("/plugin")[0].rstrip("/")
    places = {
        "list": (LIST, "resumable-runs"),
        "run": (f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl", "run-view"),
        "dag": (f"/dags/{run.dag_id}/plugin/spark-pipelines", "dag-runs"),
        "task": (f"/dags/{run.dag_id}/runs/{run.run_id}/tasks/etl/plugin/spark-pipeline-task", "run-view"),
    }
    for place, (address, shown) in places.items():
        page.goto(base + address)
        expect(page.get_by_test_id(shown).get_by_role("button", name="Resume", exact=True).first).to_be_visible()
        page.evaluate("(direction) => { document.documentElement.dir = direction }", direction)
        # At 360 px Airflow itself has no room for a tab next to its grid.
        for width in SIZES if place in ("list", "run") else [width for width in SIZES if width > 360]:
            page.set_viewport_size({"width": width, "height": SIZES[width]})
            page.wait_for_function("(width) => innerWidth === width", arg=width)
            _keep(page, f"{place}-{width}-{direction}-{name[:3]}")
            _is_whole(page, f"{place} at {width} px")


def test_bars_are_laid_out_from_where_reading_starts(visit: Callable[..., Any], runs: dict[str, Run]) -> None:
    run = runs["twice"]
    page = visit("user", f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl")
    expect(page.get_by_test_id("timeline")).to_be_visible()
    ends = {}
    for direction in ("ltr", "rtl"):
        page.evaluate("(direction) => { document.documentElement.dir = direction }", direction)
        bar = page.get_by_test_id("timeline").locator("[data-action=skipped]").first
        box, part = bar.bounding_box(), bar.locator("..").bounding_box()
        ends[direction] = (box["x"] - part["x"], part["x"] + part["width"] - box["x"] - box["width"])
    assert ends["ltr"][0] < 3 < ends["ltr"][1]
    assert ends["rtl"][1] < 3 < ends["rtl"][0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_of_ours(visit: Callable[..., Any], runs: dict[str, Run], scheme: str) -> None:
    run = runs["twice"]
    page = visit("user", "/", color_scheme=scheme)
    page.evaluate(f"localStorage.setItem('theme', '{scheme}')")
    base = page.url.rstrip("/")
    page.goto(base + LIST)
    expect(page.get_by_test_id("run").first).to_be_visible()
    finds_nothing(page, "the list")
    page.get_by_label("Select all runs on this page").first.locator("..").click()
    page.get_by_role("button", name="+ Filter").click()
    page.get_by_role("menuitem", name="State").click()
    finds_nothing(page, "a selection and a filter")
    page.get_by_role("toolbar").get_by_role("button", name="Discard").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.wait_for_timeout(400)  # colours of what fades in
    finds_nothing(page, "the dialog for many")
    page.goto(f"{base}{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl")
    expect(page.get_by_test_id("run-view")).to_be_visible()
    finds_nothing(page, "a run")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Affected Tasks")
    page.wait_for_timeout(400)
    finds_nothing(page, "the dialog for one")
    page.goto(f"{base}/dags/{run.dag_id}/plugin/spark-pipelines")
    expect(page.get_by_test_id("dag-runs").get_by_test_id("run").first).to_be_attached()
    finds_nothing(page, "the tab of a Dag")
