"""A plan that the user changes before it runs, usual durations, and the languages."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.client import Run
from tests.e2e.axe import finds_nothing_in_either_theme
from tests.e2e.place import Flows

LIST = "/plugin/spark-pipeline"
Visit = Callable[..., Any]
_OURS = "[data-testid=resumable-runs], [data-testid=run-view], [role=dialog]"


def _address(run: Run) -> str:
    return f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl&map_index=-1"


def _keep(page: Any, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.wait_for_timeout(400)
        page.screenshot(path=Path(os.environ["SCREENSHOTS"], f"{name}.png"))


def test_only_the_chosen_components_run_and_the_note_is_kept(visit: Visit, runs: dict[str, Run], flows: Flows) -> None:
    run = runs["chosen"]
    page = visit("user", _address(run), viewport={"width": 1360, "height": 760})
    page.get_by_role("button", name="Resume", exact=True).click()
    dialog = page.get_by_role("dialog")
    what = dialog.get_by_label("Components to Run", exact=True).and_(dialog.locator("select"))
    what.select_option(label="From one to another")
    dialog.get_by_label("Stop after").select_option(label="enrich")
    expect(dialog).to_contain_text("Leaves out 1 component")
    _keep(page, "choice-range")
    what.select_option(label="Only these")
    dialog.get_by_text("enrich", exact=True).first.click()
    dialog.get_by_text("clean", exact=True).first.click()
    expect(dialog).to_contain_text("Leaves out 2 components")
    expect(dialog).to_contain_text("report")  # downstream, by name
    dialog.get_by_label("Note").fill("checked by hand")
    _keep(page, "choice-only")
    finds_nothing_in_either_theme(page, "a plan that was changed")
    dialog.get_by_role("button", name="Resume", exact=True).click()
    expect(dialog).to_have_count(0)
    run.wait("success", tries=2)
    assert flows.starts(run) == ["clean-1", "enrich-1", "extract-1"]
    assert run.note == "checked by hand"


def test_a_refused_resume_is_announced_and_can_rerun_from_the_change(
    visit: Visit, runs: dict[str, Run], flows: Flows
) -> None:
    run = runs["edited"]
    page = visit("user", LIST, viewport={"width": 1360, "height": 900})
    row = page.locator(f"[data-testid=run][data-run={run.run_id}]")
    expect(row).to_contain_text("Resume Refused")
    page.goto(page.url.partition("/plugin")[0] + _address(run))
    view = page.get_by_test_id("run-view")
    expect(view.get_by_role("alert").first).to_contain_text("Try 2 refused to resume")
    expect(view.get_by_test_id("attempt").nth(1)).to_contain_text("Log of try 2")
    _keep(page, "refused")
    finds_nothing_in_either_theme(page, "a refused resume")
    view.get_by_role("button", name="Resume", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The task would refuse to resume")
    expect(dialog).to_contain_text("edition")  # the field that was edited
    resume = dialog.get_by_role("button", name="Resume", exact=True)
    expect(resume).to_have_attribute("aria-disabled", "true")
    expect(dialog.get_by_role("button", name="Start Over")).to_be_enabled()
    _keep(page, "refused-dialog")
    finds_nothing_in_either_theme(page, "the dialog of a refused resume")
    dialog.get_by_role("button", name="Rerun from the Change").click()
    expect(dialog).to_contain_text("runs the edited component and those after it again")
    dialog.get_by_role("button", name="Rerun from the Change").click()
    expect(page.get_by_test_id("toast")).to_contain_text("Airflow will run it from the edited component")
    run.wait("success", tries=3)
    assert flows.starts(run) == ["clean-1", "clean-2", "enrich-1", "extract-1", "extract-2", "load-1"]
    expect(view).to_contain_text("Completed")
    expect(view.get_by_test_id("component").first).to_contain_text("ran again")
    expect(view.get_by_test_id("component").nth(2)).not_to_contain_text("not run yet")


def test_mapped_task_instances_are_distinguished_and_grouped_by_dag_run(visit: Visit, runs: dict[str, Run]) -> None:
    run = runs["mapped"]
    page = visit("user", f"{LIST}?pipeline=Regions", viewport={"width": 1360, "height": 760})
    expect(page.get_by_test_id("total")).to_have_text("2 Resumable Runs")
    page.get_by_text("Group by Dag Run").click()
    expect(page.get_by_test_id("group")).to_have_count(1)
    expect(page.get_by_test_id("group")).to_contain_text("2 runs")
    page.get_by_label(f"Select all runs of {run.dag_id} / {run.run_id}").first.locator("..").click()
    expect(page.get_by_text("2 runs selected")).to_be_visible()
    _keep(page, "mapped")
    finds_nothing_in_either_theme(page, "a selected group")
    page.get_by_role("toolbar").get_by_role("button", name="Resume").click()
    for index in (0, 1):
        expect(page.get_by_role("dialog")).to_contain_text(f"etl [{index}]")
    page.keyboard.press("Escape")
    for index, region in enumerate(("north", "south")):
        page.goto(page.url.partition("/plugin")[0] + _address(run).replace("map_index=-1", f"map_index={index}"))
        view = page.get_by_test_id("run-view")
        expect(view).to_contain_text(f"etl [{index}]")
        expect(view).to_contain_text(f"warehouse.internal:5432 in {region}")
        view.get_by_role("button", name="Show the description").click()
        expect(view.locator("pre").last).to_contain_text(f"in {region}")
        view.get_by_role("button", name="Resume", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"etl [{index}] (Failed)")  # and no other is cleared
        expect(dialog).to_contain_text("Affected Tasks: 1")
        page.keyboard.press("Escape")


def test_a_run_is_compared_with_what_is_usual_and_with_another_run(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("user", _address(runs["twice"]), viewport={"width": 1360, "height": 760})
    history = page.get_by_role("region", name="History")
    expect(history.get_by_role("img", name="Durations of extract")).to_be_visible()
    expect(page.get_by_test_id("component").first).to_contain_text("usually")
    history.scroll_into_view_if_needed()
    _keep(page, "history")
    finds_nothing_in_either_theme(page, "the history")
    history.get_by_label("Compare with").select_option(label=runs["kept"].run_id)
    expect(history.get_by_role("columnheader", name=runs["kept"].run_id)).to_be_visible()
    expect(history.get_by_test_id("history").nth(1)).to_contain_text("Failed")  # clean, in the other run


@pytest.mark.parametrize(
    ("language", "direction", "title", "resume", "failed"),
    [
        ("de", "ltr", "Fortsetzbare Läufe", "Fortsetzen", "Fehlgeschlagen bei clean"),
        ("ar", "rtl", "عمليات تشغيل قابلة للاستئناف", "استئناف", "فشِل عند clean"),
    ],
)
def test_the_page_is_in_the_language_that_the_user_chose(
    visit: Visit, runs: dict[str, Run], language: str, direction: str, title: str, resume: str, failed: str
) -> None:
    run = runs["kept"]
    page = visit("user", "/", viewport={"width": 1360, "height": 900})
    page.evaluate("(language) => localStorage.setItem('i18nextLng', language)", language)
    page.goto(page.url.rstrip("/") + LIST)
    row = page.locator(f"[data-testid=run][data-run={run.run_id}]")
    expect(row).to_contain_text(failed)
    expect(page).to_have_title(f"{title} - Airflow")
    expect(row.get_by_role("button", name=resume, exact=True)).to_be_visible()
    page.wait_for_function("(direction) => document.documentElement.dir === direction", arg=direction)
    _keep(page, f"list-{language}")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    row.get_by_role("link", name="Daily orders").click()
    expect(page.get_by_test_id("run-view")).to_contain_text(failed)
    page.get_by_role("button", name=resume, exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("report")
    _keep(page, f"dialog-{language}")
    english = page.evaluate("(ours) => [...document.querySelectorAll(ours)].map((e) => e.innerText).join(' ')", _OURS)
    assert [word for word in ("Resume", "Failed", "Components", "Attempts", "Skips", "Runs ") if word in english] == []


def test_another_language_is_shown_without_a_reload(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("user", LIST)
    search = page.get_by_label("Search by Dag")
    search.fill("daily")
    expect(page).to_have_url(f"{page.url.partition('/plugin')[0]}{LIST}?q=daily")
    page.evaluate("localStorage.setItem('i18nextLng', 'fr'); document.documentElement.lang = 'fr'")
    expect(page.get_by_test_id("total")).to_contain_text("Exécutions reprenables")
    expect(page.get_by_role("searchbox").or_(page.get_by_role("textbox")).first).to_have_value("daily")
