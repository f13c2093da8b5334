"""Outside Airflow: a completed run that is kept runs again from a given component."""

from __future__ import annotations

from airflow_spark_pipeline.planning import Selection
from airflow_spark_pipeline.runtime.standalone.report import RunReport
from tests.asking import asks
from tests.jobs import Job
from tests.steps import names

KEPT = "checkpoint { keep-for = 7 days }"


def again(job: Job, report: RunReport, *components: str, more: str = KEPT, **asked: str) -> RunReport:
    selection = Selection(**asked) if asked else None  # type: ignore[arg-type]
    return job.runner.resume(job.described(*components, more=more), report.run_id, selection=selection)


def test_it_runs_again_from_a_component_on_as_often_as_asked(job: Job) -> None:
    pipeline = (asks("a", values="{ rows = 5 }"), asks("b"), asks("c"))
    first = job.run(*pipeline, more=KEPT)
    second = again(job, first, *pipeline, start_from="b")
    assert (second.ran, second.skipped, second.resumed_from) == (["b", "c"], ["a"], first.run_id)
    assert second.published == {"a": {"rows": 5}}
    third = again(job, second, *pipeline, start_from="c")
    assert (third.ran, third.skipped) == (["c"], ["a", "b"])
    assert names(job.ledger) == "abcbcc"


def test_a_completed_run_runs_again_only_if_it_is_kept_and_components_are_selected(job: Job) -> None:
    pipeline = (asks("a"), asks("b"))
    assert again(job, job.run(*pipeline, more=KEPT), *pipeline).run_id.endswith("~0")
    first = job.run(*pipeline, more="")
    assert again(job, first, *pipeline, more="", start_from="b").run_id == first.run_id
    assert names(job.ledger) == "abab"


def test_a_run_that_was_finished_early_goes_on_from_a_later_component(job: Job) -> None:
    pipeline = (asks("a", finish='"no new data"'), asks("b"), asks("c"))
    first = job.run(*pipeline, more=KEPT)
    second = again(job, first, *pipeline, start_from="c")
    assert (second.ran, second.finished_early) == (["c"], None)
    third = again(job, second, *pipeline, start_from="a")  # it decides anew
    assert third.ran == ["a"]
    assert third.finished_early is not None
    assert names(job.ledger) == "aca"


def test_an_optional_component_that_failed_is_run_again_by_its_name(job: Job) -> None:
    pipeline = (asks("a", "optional = true", fails="1"), asks("b", "depends-on = [a]"), asks("c"))
    first = job.run(*pipeline, more=KEPT)
    assert [c.action.value for c in first.state.components] == ["failed", "upstream_failed", "ran"]
    second = again(job, first, *pipeline, start_from="a")
    assert second.ran == ["a", "b", "c"]
