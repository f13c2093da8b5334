"""The layout of the page with hostile names: every action stays visible."""

from __future__ import annotations

import os
import re
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


# Bars of the timeline that are not wholly within the part of their attempt.
_OUTSIDE_ITS_PART = """() => [...document.querySelectorAll('[data-testid=part] > [role=img]')].filter((bar) => {
    const [box, part] = [bar, bar.parentElement].map((each) => each.getBoundingClientRect());
    return box.left < part.left - 1 || box.right > part.right + 1;
}).map((bar) => bar.getAttribute('aria-label'))"""


def _keep(page: Any, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.wait_for_timeout(400)
        page.screenshot(path=Path(os.environ["SCREENSHOTS"], f"{name}.png"))


def _renamed(value: Any, name: str) -> Any:
    """An answer of the server in which everything that people name has a hostile name."""
    named = {"pipeline", "dag_display_name", "error", "reason", "name", "type", "failed_component"}
    lists = {"failed_components", "current_components"}
    if isinstance(value, dict):
        return {
            key: name
            if key in named and isinstance(each, str) and "locations" not in value
            else [name] * len(each)
            if key in lists
            else _renamed(each, name)
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
    ("name", "direction"),
    [
        ("unbroken", "ltr"),
        pytest.param("words", "ltr", marks=pytest.mark.nightly),
        pytest.param("unbroken", "rtl", marks=pytest.mark.nightly),
        ("arabic", "rtl"),
    ],
)
def test_long_names_hide_no_action(visit: Callable[..., Any], runs: dict[str, Run], name: str, direction: str) -> None:
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
        assert page.evaluate(_OUTSIDE_ITS_PART) == []  # however short it is, and late in its attempt
    assert ends["ltr"][0] < 3 < ends["ltr"][1]
    assert ends["rtl"][1] < 3 < ends["rtl"][0]


def test_the_bar_of_a_component_is_filled_as_far_as_its_parts_are_done(
    visit: Callable[..., Any], runs: dict[str, Run]
) -> None:
    run = runs["twice"]
    page = visit("user", f"{LIST}?run_id={run.run_id}")

    def share(place: Any) -> float:
        """Of the bar of the component that failed, as it is painted."""
        filled = place.get_by_test_id("parts-done")
        expect(filled).to_be_visible()
        box, whole = filled.bounding_box(), filled.locator("..").bounding_box()
        return round(float(box["width"] / whole["width"]), 1)

    row = page.locator(f"[data-testid=run][data-run={run.run_id}]")
    expect(row.get_by_role("img").last).to_have_attribute("aria-label", re.compile(r"load: Failed \(37 of 50 parts\)$"))
    assert share(row) == 0.7
    page.goto(page.url.partition("/plugin")[0] + f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl")
    view = page.get_by_test_id("run-view")
    assert share(view.get_by_role("img", name=re.compile("^extract: Done"))) == 0.7
    assert share(view.get_by_test_id("timeline")) == 0.7
    expect(view.get_by_test_id("parts")).to_have_text(["37 of 50 parts"])
    _keep(page, "parts")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_problem_in_the_page(visit: Callable[..., Any], runs: dict[str, Run], scheme: str) -> None:
    run = runs["twice"]
    page = visit("user", "/", color_scheme=scheme)
    page.evaluate(f"localStorage.setItem('theme', '{scheme}')")
    base = page.url.rstrip("/")
    page.goto(base + LIST)
    expect(page.get_by_test_id("run").first).to_be_visible()
    finds_nothing(page, "the list")
    page.get_by_role("button", name="Filter table columns").click()
    expect(page.get_by_role("menuitemcheckbox", name="Attempt")).to_be_visible()
    finds_nothing(page, "the menu of columns")
    page.keyboard.press("Escape")
    page.get_by_label("Select all runs on this page").first.locator("..").click()
    page.get_by_role("button", name="+ Filter").click()
    page.get_by_role("menuitem", name="State").click()
    finds_nothing(page, "a selection and a filter")
    page.get_by_role("toolbar").get_by_role("button", name="Discard").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    finds_nothing(page, "the dialog for many")
    page.goto(f"{base}{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl")
    expect(page.get_by_test_id("run-view")).to_be_visible()
    finds_nothing(page, "a run")
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Affected Tasks")
    finds_nothing(page, "the dialog for one")
    page.goto(f"{base}/dags/{run.dag_id}/plugin/spark-pipelines")
    expect(page.get_by_test_id("dag-runs").get_by_test_id("run").first).to_be_attached()
    finds_nothing(page, "the tab of a Dag")
    page.goto(f"{base}/dags/{run.dag_id}/runs/{run.run_id}/tasks/etl/plugin/spark-pipeline-task")
    expect(page.get_by_test_id("run-view")).to_be_visible()
    finds_nothing(page, "the tab of a task instance")
    page.goto(f"{base}{LIST}?q=nothing+like+it")
    expect(page.get_by_text("No run matches these filters")).to_be_visible()
    finds_nothing(page, "nothing that matches")
    page.route("**/spark-pipeline/api/runs*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("button", name="Try Again")).to_be_visible()
    finds_nothing(page, "a server that is gone")


# What of ours can be used with a mouse, marked when it has the focus; and what has it now: is it seen that it has?
_USABLE = ":is(button, a[href], input, select, textarea, [tabindex='0']):not(:disabled)"
_FOCUSED = """() => {
    const now = document.activeElement;
    now.dataset.reached = "yes";
    const rings = [now, ...(now.closest('label')?.querySelectorAll('*') ?? [])].map((each) => getComputedStyle(each));
    const seen = rings.some((ring) => (ring.outlineStyle !== 'none' && ring.outlineWidth !== '0px')
        || ring.boxShadow !== 'none');
    return [now.outerHTML.slice(0, 120), seen];
}"""
_UNREACHED = """(selector) => [...document.querySelectorAll(selector)]
    .filter((each) => each.dataset.reached !== "yes" && each.checkVisibility({ visibilityProperty: true }))
    .filter((each) => each.tabIndex >= 0)
    .map((each) => each.outerHTML.slice(0, 120))"""


def _sweep(page: Any, what: str, ours: str) -> None:
    """Press Tab from the first to the last: the keyboard reaches all that a mouse does, and it is seen where it is."""
    usable = f"{ours} {_USABLE}"
    assert page.locator(usable).count() > 0, what
    page.locator(usable).first.focus()
    pressed = 0
    while pressed < page.locator(usable).count():  # it is counted again: what is being loaded may bring more
        page.keyboard.press("Tab")
        pressed += 1
        if page.evaluate("(ours) => document.activeElement.closest(ours) !== null", ours):
            html, seen = page.evaluate(_FOCUSED)
            assert seen, f"{what}: it is not seen that {html} has the focus"
    page.keyboard.press("Shift+Tab")
    page.locator(usable).first.evaluate("(first) => { first.dataset.reached = 'yes' }")
    assert page.evaluate(_UNREACHED, usable) == [], what


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.nightly)])
def test_the_keyboard_reaches_everything_and_is_seen(
    visit: Callable[..., Any], runs: dict[str, Run], scheme: str
) -> None:
    page = visit("user", "/", color_scheme=scheme)
    page.evaluate(f"localStorage.setItem('theme', '{scheme}')")
    base = page.url.rstrip("/")
    listed, viewed = "[data-testid=resumable-runs]", "[data-testid=run-view]"
    page.goto(f"{base}{LIST}?pipeline=Regions&group=dag_run")
    expect(page.get_by_test_id("run").first).to_be_visible()
    _sweep(page, "the list", listed)
    page.get_by_label("Select all runs on this page").first.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("toolbar")).to_be_visible()
    _sweep(page, "a selection", listed)
    page.get_by_role("button", name="Filter table columns").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitemcheckbox", name="Attempt")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Filter table columns")).to_be_focused()
    run = runs["twice"]
    page.goto(f"{base}{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl")
    expect(page.get_by_role("region", name="History")).to_be_visible()
    _sweep(page, "a run", viewed)
    folded = page.locator(f"{viewed} button[aria-expanded=false]:not([aria-haspopup])")
    for left in range(folded.count(), 0, -1):
        folded.first.focus()
        page.keyboard.press("Enter")
        expect(folded).to_have_count(left - 1)
    _sweep(page, "a run that is unfolded", viewed)
    opener = page.get_by_role("button", name="Resume", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Affected Tasks")
    expect(page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True)).to_be_enabled()
    _sweep(page, "a dialog", "[role=dialog]")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.get_by_role("button", name="More actions").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("End")  # Discard
    page.keyboard.press("Enter")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    _sweep(page, "a dialog that warns", "[role=alertdialog]")


def test_the_keyboard_reaches_everything_in_tabs_and_where_nothing_is_listed(
    visit: Callable[..., Any], runs: dict[str, Run]
) -> None:
    page = visit("user", "/")
    base, run = page.url.rstrip("/"), runs["twice"]
    listed, viewed = "[data-testid=resumable-runs]", "[data-testid=run-view]"
    page.goto(f"{base}/dags/{run.dag_id}/plugin/spark-pipelines")
    expect(page.get_by_test_id("dag-runs").get_by_test_id("run").first).to_be_attached()
    _sweep(page, "the tab of a Dag", "[data-testid=dag-runs]")
    page.goto(f"{base}/dags/{run.dag_id}/runs/{run.run_id}/tasks/etl/plugin/spark-pipeline-task")
    expect(page.get_by_test_id("run-view")).to_be_visible()
    _sweep(page, "the tab of a task instance", viewed)
    page.goto(f"{base}{LIST}?q=nothing+like+it")
    expect(page.get_by_text("No run matches these filters")).to_be_visible()
    _sweep(page, "nothing that matches", listed)
    page.route("**/spark-pipeline/api/runs*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("button", name="Try Again")).to_be_visible()
    _sweep(page, "a server that is gone", listed)


def test_a_column_that_was_hidden_stays_hidden(visit: Callable[..., Any], runs: dict[str, Run]) -> None:
    page = visit("user", LIST, viewport={"width": 1440, "height": 900})
    header = page.get_by_role("columnheader", name="Resume Saves")
    expect(header).to_be_visible()
    page.get_by_role("button", name="Filter table columns").click()
    page.get_by_role("menuitemcheckbox", name="Resume Saves").click()
    expect(header).to_have_count(0)
    page.reload()
    expect(page.get_by_role("columnheader", name="Attempt")).to_be_visible()
    expect(header).to_have_count(0)
