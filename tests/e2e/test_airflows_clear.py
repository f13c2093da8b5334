"""Airflow's own dialog for a clear, in which *Keep task state and resume* is off by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from airflow_spark_pipeline.airflow_features import AIRFLOW
from tests.e2e.place import Flows

pytestmark = pytest.mark.skipif(not AIRFLOW.clear_discards_task_state, reason="this Airflow has no such box")


@pytest.mark.parametrize("box", ["off", "on"])
def test_a_clear_of_a_failed_task_resumes_and_one_of_a_success_starts_over(
    visit: Callable[..., Any], flows: Flows, box: str
) -> None:
    run = flows.failed(f"the-box-is-{box}")
    page = visit("user", f"/dags/{run.dag_id}/runs/{run.run_id}/tasks/{run.task_id}")
    _clear(page, box)
    run.wait("success", tries=2)
    assert flows.starts(run) == ["clean-1", "clean-2", "enrich-1", "extract-1", "load-1"]

    page.reload()
    _clear(page, box)
    run.wait("success", tries=3)
    again = ["clean-3", "enrich-2", "extract-2", "load-2"]
    assert flows.starts(run) == sorted(["clean-1", "clean-2", "enrich-1", "extract-1", "load-1", *again])


def _clear(page: Any, box: str) -> None:
    page.get_by_role("button", name="Press shift+c to clear").click()
    dialog = page.get_by_role("dialog")
    keep = dialog.get_by_role("checkbox", name="Keep task state and resume")
    expect(keep).not_to_be_checked()
    if box == "on":
        dialog.get_by_text("Keep task state and resume").click()
        expect(keep).to_be_checked()
    with page.expect_response(_is_the_clear) as answer:  # the dialog closes before it comes
        dialog.get_by_role("button", name="Confirm").click()
    assert answer.value.ok
    assert answer.value.request.post_data_json.get("keep_task_state", False) is (box == "on")
    expect(dialog).to_have_count(0)


def _is_the_clear(answer: Any) -> bool:
    return answer.url.endswith("/clearTaskInstances") and not answer.request.post_data_json["dry_run"]
