"""A completed run that is kept for a while, and runs again from a given component."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.key import unit_path
from airflow_spark_pipeline.checkpoint.layout import outputs_path
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import ComponentFailedError, ResumeRefusedError
from tests.unit.operators.shop import CONF, UNIT, Shop

CLEARED = {"try_number": 2, "max_tries": 4}
AGAIN = {"try_number": 3, "max_tries": 5}
PATH = unit_path("Shop", UNIT)


@pytest.fixture
def kept(shop: Shop) -> Shop:
    """A task that has succeeded, whose run is kept for seven days."""
    keep_for(shop, "7 days")
    shop.run()
    return shop


def keep_for(shop: Shop, duration: str) -> None:
    text = CONF.replace("pipeline-name = Shop", f"pipeline-name = Shop, checkpoint {{ keep-for = {duration} }}")
    (shop.folder / "shop.conf").write_text(text, encoding="utf-8")


def save_outputs(shop: Shop) -> Path:
    file = shop.folder / "checkpoints" / outputs_path(PATH) / "00000000-1-x" / "0000" / "v" / "part"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"data")
    return file


@pytest.mark.parametrize(
    ("asked", "runs", "skipped"),
    [
        ({"start_from": "Clean"}, ["Clean", "Load"], ["Extract"]),
        ({"start_from": "Load"}, ["Load"], ["Extract", "Clean"]),
        ({"only": ["Extract"]}, ["Extract"], ["Clean", "Load"]),
        ({"force": "Load"}, ["Load"], ["Extract", "Clean"]),
        ({"start_from": "Clean", "stop_after": "Clean"}, ["Clean"], ["Extract", "Load"]),
    ],
)
def test_a_clear_that_names_components_runs_these_and_skips_the_rest(
    kept: Shop, asked: dict[str, Any], runs: list[str], skipped: list[str]
) -> None:
    first = kept.latest().state
    result = kept.run(**CLEARED, **asked)
    assert (result["components_run"], result["components_skipped"]) == (runs, skipped)
    assert result["resumed_from"] == first.run_id
    assert kept.latest().state.epoch == first.epoch
    # The same names ask for the same components once more.
    assert kept.run(**AGAIN, **asked)["components_run"] == runs


def test_the_retry_of_such_a_run_continues_with_the_rest(kept: Shop) -> None:
    kept.driver.fails_at = "Load"
    with pytest.raises(ComponentFailedError):
        kept.run(**CLEARED, start_from="Clean")
    kept.driver.fails_at = None
    assert kept.run(try_number=3, max_tries=4, start_from="Clean")["components_run"] == ["Load"]


@pytest.mark.parametrize("asked", [{}, {"stop_after": "Clean"}, {"start_from": "Clean", "auto_resume": False}])
def test_a_clear_that_names_no_component_or_turns_resuming_off_starts_over(kept: Shop, asked: dict[str, Any]) -> None:
    result = kept.run(**CLEARED, **asked)
    assert result["resumed_from"] is None
    assert "Extract" in result["components_run"] + result["components_left_out"]


def test_a_retry_after_an_unreported_success_runs_nothing(kept: Shop) -> None:
    kept.run(try_number=2, start_from="Clean")
    assert len(kept.driver.requests) == 1


def test_an_edited_component_before_it_is_refused(kept: Shop) -> None:
    path = kept.folder / "shop.conf"
    path.write_text(path.read_text(encoding="utf-8").replace("/in/", "/other/"), encoding="utf-8")
    with pytest.raises(ResumeRefusedError, match="Extract is recorded as done"):
        kept.run(**CLEARED, start_from="Clean")
    assert kept.run(**CLEARED, start_from="Extract")["components_run"] == ["Extract", "Clean", "Load"]


def test_a_run_that_is_no_longer_kept_starts_over(shop: Shop) -> None:
    keep_for(shop, "1 ms")
    shop.run()
    assert shop.run(**CLEARED, start_from="Clean")["components_left_out"] == ["Extract"]
    assert shop.latest().state.resumed_from is None


def test_without_keep_for_it_starts_over_as_before(shop: Shop) -> None:
    shop.run()
    assert shop.run(**CLEARED, start_from="Clean")["components_left_out"] == ["Extract"]


@pytest.mark.parametrize(("duration", "stays"), [("7 days", True), (None, False)])
def test_saved_outputs_outlive_the_success_of_a_run_that_is_kept(shop: Shop, duration: str | None, stays: bool) -> None:
    if duration is not None:
        keep_for(shop, duration)
    file = save_outputs(shop)
    shop.run()
    assert file.exists() is stays


def test_a_discard_deletes_the_outputs_of_a_kept_run_at_once(kept: Shop) -> None:
    file = save_outputs(kept)
    RunLog(open_store(str(kept.folder / "checkpoints")), PATH).discard()
    assert not file.exists()
