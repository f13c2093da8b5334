"""Users of three roles use the page in a browser; the records of the drivers show the effects."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.acceptance.client import Run
from tests.e2e.place import Flows

LIST = "/plugin/spark-pipeline"
Visit = Callable[..., Any]


def _row(page: Any, run: Run) -> Any:
    return page.locator(f"[data-testid=run][data-run={run.run_id}]")


def _address(run: Run) -> str:
    return f"{LIST}?dag_id={run.dag_id}&run_id={run.run_id}&task_id=etl&map_index=-1"


def test_runs_are_listed_filtered_and_opened(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("user", LIST)
    expect(_row(page, runs["kept"])).to_contain_text("Failed at clean (2 of 4)")
    expect(_row(page, runs["kept"])).to_contain_text("ConnectionError: connection refused")
    page.get_by_label("Search by Dag").fill("bold")
    expect(page.get_by_test_id("total")).to_have_text("1 Resumable Run")
    expect(page).to_have_url(re.compile(r"q=bold"))
    page.reload()
    expect(page.get_by_test_id("total")).to_have_text("1 Resumable Run")
    page.get_by_label("Search by Dag").fill("nothing like it")
    page.get_by_role("button", name="Clear Filters").first.click()
    page.get_by_role("button", name="+ Filter").click()
    page.get_by_role("menuitem", name="Dag ID").click()
    page.get_by_role("combobox", name="Dag ID").or_(page.get_by_role("searchbox", name="Dag ID")).fill("sensor")
    expect(_row(page, runs["kept"])).to_have_count(0)
    page.get_by_role("button", name="Remove the filter Dag ID").click()
    _row(page, runs["kept"]).get_by_role("link", name="Daily orders").click()
    view = page.get_by_test_id("run-view")
    expect(view.get_by_role("img", name="clean failed in attempt 1")).to_be_visible()
    view.get_by_role("button", name="Skips 1 component").click()
    expect(view).to_contain_text("extract done in attempt 1")
    view.get_by_role("button", name="Show the traceback").click()
    expect(view).to_contain_text("Traceback (most recent call last)")


def test_text_typed_with_pauses_arrives_and_the_focus_stays(visit: Visit, runs: dict[str, Run]) -> None:
    """Airflow mounts a plugin anew at its first change of the address; a slow typist must not notice."""
    for first in ("typing", "sorting"):
        page = visit("user", LIST)
        search = page.get_by_label("Search by Dag")
        expect(search).to_be_visible()
        if first == "sorting":
            sorter = page.get_by_role("button", name="Start Date")
            sorter.click()
            expect(page).to_have_url(re.compile(r"order_by="))
            expect(sorter).to_be_focused()
        search.click()
        for word in ("daily", "_ord", "ers"):
            page.keyboard.type(word, delay=60)
            expect(page).to_have_url(re.compile(rf"q=[a-z_]*{word}(&|$)"))  # it was waited for, as by a slow typist
        expect(search).to_have_value("daily_orders")
        expect(search).to_be_focused()
        page.keyboard.type(" html error", delay=450)
        expect(search).to_have_value("daily_orders html error")
        expect(page).to_have_url(re.compile(r"q=daily_orders\+html\+error"))


def test_a_resumed_run_finishes_and_skips_what_was_done(visit: Visit, runs: dict[str, Run], flows: Flows) -> None:
    run = runs["resumed"]
    run.write_note("call the warehouse first")
    page = visit("user", LIST)
    _row(page, run).get_by_role("button", name="Resume", exact=True).click()
    dialog = page.get_by_role("dialog")
    steps = r"Runs\s*clean.*Runs\s*enrich.*Runs\s*load.*Skips 1 component"
    expect(dialog).to_contain_text(re.compile(steps, re.DOTALL))
    expect(dialog).to_contain_text("Affected Tasks:")
    dialog.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_test_id("toast")).to_contain_text("Airflow will run it, and it resumes")
    expect(dialog).to_have_count(0)
    page.wait_for_function("document.activeElement !== document.body")  # what had opened it is disabled by now
    run.wait("success", tries=2)
    assert flows.starts(run) == ["clean-1", "clean-2", "enrich-1", "extract-1", "load-1"]
    assert run.note == "call the warehouse first"
    expect(_row(page, run)).to_have_count(0)


def test_a_run_that_starts_over_runs_every_component_again(visit: Visit, runs: dict[str, Run], flows: Flows) -> None:
    run = runs["over"]
    page = visit("admin", _address(run))
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Start Over").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("Lost: 2 finished components")
    dialog.get_by_role("button", name="Discard the Progress and Start Over").click()
    expect(page.get_by_text("Airflow will run it from the first component")).to_be_visible()
    run.wait("success", tries=2)
    assert flows.starts(run) == ["clean-1", "clean-2", "enrich-1", "enrich-2", "extract-1", "extract-2", "load-1"]


def test_several_runs_are_discarded_at_once_and_asked_for_once(
    visit: Visit, runs: dict[str, Run], flows: Flows
) -> None:
    page = visit("user", LIST)
    page.get_by_label("Select Daily orders, dropped").first.locator("..").click()
    page.get_by_role("toolbar").get_by_role("button", name="Discard").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("Lost: 1 finished component")
    dialog.get_by_role("button", name="Discard the Progress").click()
    expect(page.get_by_text("the progress is discarded")).to_be_visible()
    expect(_row(page, runs["dropped"])).to_have_count(0)
    assert runs["dropped"].tries == 1


def test_a_live_run_shows_its_progress_and_cannot_be_changed(visit: Visit, runs: dict[str, Run], flows: Flows) -> None:
    run = runs["live"]
    flows.wait_for_start(run, "enrich-1")
    page = visit("user", LIST)
    row = _row(page, run)
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("At enrich (3 of 4)")
    expect(row.get_by_role("button", name="Resume", exact=True)).to_be_disabled()
    page.evaluate("window.notReloaded = true")
    flows.open_gate(run, "enrich")
    expect(row).to_have_count(0)  # finished, without anybody asking
    assert page.evaluate("window.notReloaded")
    run.wait("success", tries=1)


def test_a_viewer_may_read_but_not_change(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("viewer", LIST)
    button = _row(page, runs["kept"]).get_by_role("button", name="Resume", exact=True)
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("aria-description", re.compile("not clear its tasks"))
    button.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("not clear its tasks")
    page.goto(page.url.partition("/plugin")[0] + _address(runs["kept"]))
    expect(page.get_by_test_id("run-view")).to_contain_text("You may look at this Dag, but not clear its tasks.")


def test_markup_of_an_error_is_text_and_a_secret_is_nowhere(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("admin", _address(runs["hostile"]))
    view = page.get_by_test_id("run-view")
    expect(view).to_contain_text("<img src=x onerror=alert(1)><b>bold</b>")
    for name in ("the traceback", "the description"):
        view.get_by_role("button", name=f"Show {name}").click()
    expect(view).to_contain_text("***")
    assert "hunter2-of-the-page" not in page.content()
    assert view.locator("img[src=x], b").count() == 0


def test_links_between_the_pages_work_without_a_reload(visit: Visit, runs: dict[str, Run]) -> None:
    """Airflow takes a bundle's component only when it loads it: the second place of the same bundle is the trap."""
    page = visit("user", LIST)
    page.evaluate("window.notReloaded = true")
    _row(page, runs["kept"]).get_by_role("link", name="etl", exact=True).click()
    page.get_by_role("link", name="Spark Pipeline", exact=True).click()
    expect(page.get_by_test_id("run-view")).to_contain_text("Failed at clean (2 of 4)")
    page.get_by_role("link", name="daily_orders").first.click()
    page.get_by_role("link", name="Spark Pipelines", exact=True).click()
    expect(page.get_by_test_id("dag-runs")).to_contain_text("Completed")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Resumable Runs").click()
    expect(page.get_by_test_id("resumable-runs")).to_be_visible()
    assert page.evaluate("window.notReloaded")


def test_the_page_of_another_task_says_that_it_runs_no_pipeline(visit: Visit, runs: dict[str, Run]) -> None:
    run = runs["kept"]
    page = visit("user", f"/dags/{run.dag_id}/runs/{run.run_id}/tasks/begin/plugin/spark-pipeline-task")
    expect(page.get_by_text("This task runs no Spark pipeline")).to_be_visible()


def test_the_keyboard_is_enough(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("user", LIST)
    button = _row(page, runs["kept"]).get_by_role("button", name="Resume", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_times_are_in_the_zone_that_the_user_chose(visit: Visit, runs: dict[str, Run]) -> None:
    page = visit("user", LIST, timezone_id="UTC")
    shown = _row(page, runs["kept"]).locator("time").first
    utc = shown.inner_text()
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Kathmandu'))")
    page.reload()
    expect(shown).not_to_have_text(utc)
    expect(shown).to_have_attribute("title", re.compile("Asia/Kathmandu"))
