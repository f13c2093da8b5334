"""Optional components: the run completes although they failed, and every output says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_spark_pipeline import LoggingHooks, PipelineHooks
from airflow_spark_pipeline.checkpoint.consistency import disagreement
from airflow_spark_pipeline.checkpoint.encoding import to_json
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.launch.progress import Progress
from airflow_spark_pipeline.planning import position, summarize
from airflow_spark_pipeline.plugins.page.run_models import components as page_components
from airflow_spark_pipeline.runtime.lifecycle.base import ComponentEvent, PipelineEvent
from airflow_spark_pipeline.task.result import result
from tests.asking import asks
from tests.jobs import Job
from tests.steps import component, names

OPTIONAL = "optional = true"
ALWAYS = "99"


class Heard(PipelineHooks):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.failures: list[ComponentEvent] = []
        self.end: PipelineEvent | None = None

    def on_component_failure(self, event: ComponentEvent) -> None:
        self.failures.append(event)

    def after_pipeline(self, event: PipelineEvent) -> None:
        self.end = event


class RefusesA(PipelineHooks):
    gate = True

    def after_component(self, event: ComponentEvent) -> None:
        if event.name == "a":
            raise ValueError("too few rows")


def actions(state: CheckpointState) -> list[str]:
    return [c.action.value for c in state.components]


PIPELINE = (
    asks("a"),
    asks("b", OPTIONAL, fails=ALWAYS),
    asks("c", "depends-on = [b]"),
    asks("d", "depends-on = [a, c]"),
    asks("e"),
)


@pytest.mark.parametrize("fail_fast", ["true", "false"])
def test_the_run_completes_and_what_depends_on_the_component_is_not_run(job: Job, fail_fast: str) -> None:
    report = job.run(*PIPELINE, more=f"fail-fast = {fail_fast}")
    assert names(job.ledger) == "abe"
    assert report.state.status is CheckpointStatus.COMPLETED
    assert actions(report.state) == ["ran", "failed", "upstream_failed", "upstream_failed", "ran"]
    assert report.state.failure is None
    assert report.state.attempts[-1].failed is None


def test_every_output_says_that_it_failed(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    report = job.run(*PIPELINE, hooks=PipelineHooks.compose(heard, LoggingHooks.human()))
    printed = capsys.readouterr().out
    said = ": ConnectionError: b is down; it is optional, so the run continues"
    assert said in printed
    assert "component b failed: ConnectionError: b is down; it is optional, so the run continues" in printed
    assert "optional components failed: b" in printed
    assert "[3/5] c not run (depends on b, which failed)" in printed
    counts = "2 of 5 components ran, 0 skipped, 1 optional failed (b), 2 not run as a result (c, d)"
    assert summarize(report.state).endswith(counts)
    assert position(report.state) == "2 of 5 done, 1 optional failed (b), 2 not run as a result (c, d), completed"
    xcom = result(report.state)
    assert (xcom["components_failed"], xcom["components_not_run"]) == (["b"], ["c", "d"])
    assert xcom["components_run"] == ["a", "e"]
    (event,) = heard.failures
    assert (event.name, event.optional) == ("b", True)
    assert heard.end is not None
    assert (heard.end.status, heard.end.failed, heard.end.not_run) == ("completed", ("b",), ("c", "d"))
    shown = page_components(report.state, Standing.COMPLETED)[1]
    assert (shown.state.value, shown.reason) == ("failed", f"ConnectionError: b is down; {said.partition('; ')[2]}")
    record = report.state.components[1]
    assert "ConnectionError" in (record.failure_traceback or "")
    assert any(said in line for line in Progress(report.state.attempt_id).lines(report.state))


def test_a_completed_run_is_completed_and_its_next_run_starts_over(job: Job) -> None:
    report = job.run(*PIPELINE)
    assert job.runner.list_resumable("Steps") == []
    again = job.run(*PIPELINE)
    assert names(job.ledger) == "abeabe"
    assert again.resumed_from is None
    assert again.run_id != report.run_id


def test_a_resume_of_a_failed_run_runs_the_optional_component_again(job: Job) -> None:
    pipeline = (asks("a", OPTIONAL, fails="1"), asks("b", "depends-on = [a]"), asks("c", fails="1"))
    state = job.fails(*pipeline)
    assert actions(state) == ["failed", "upstream_failed", "failed"]
    assert state.failure is not None
    assert state.failure.component == "c"
    report = job.run(*pipeline)
    assert names(job.ledger) == "acabc"
    assert actions(report.state) == ["ran", "ran", "ran"]
    assert not any(c.tolerated for c in report.state.components)


def test_a_failure_that_is_not_optional_fails_the_run_and_blocks_what_depends_on_both(job: Job) -> None:
    state = job.fails(
        asks("a", OPTIONAL, fails=ALWAYS),
        asks("b", fails=ALWAYS),
        asks("c", "depends-on = [a, b]"),
        asks("d", "depends-on = [a]"),
        more="fail-fast = false",
    )
    assert [c.tolerated for c in state.components] == [True, False, False, True]
    assert state.attempts[-1].failed == "b"


def test_retries_come_first(job: Job) -> None:
    again = "retry-policy { max-retries = 1, initial-delay-ms = 1 }"
    report = job.run(asks("a", f"{OPTIONAL}, {again}", fails="1"), asks("b", f"{OPTIONAL}, {again}", fails="2"))
    assert names(job.ledger) == "aabb"
    assert actions(report.state) == ["ran", "failed"]


def test_a_run_in_which_every_component_is_optional_and_fails_completes(job: Job) -> None:
    report = job.run(asks("a", OPTIONAL, fails=ALWAYS), asks("b", OPTIONAL, fails=ALWAYS))
    assert summarize(report.state).endswith("0 of 2 components ran, 0 skipped, 2 optional failed (a, b)")


@pytest.mark.parametrize("error", ["SystemExit", "ValueError"])
def test_an_optional_component_may_fail_with_any_error(job: Job, error: str) -> None:
    report = job.run(component("a", config=f'fails = 9, error = "{error}"', more=OPTIONAL), component("b"))
    assert actions(report.state) == ["failed", "ran"]


def test_a_gate_that_refuses_an_optional_component_does_not_stop_the_run(job: Job) -> None:
    report = job.run(asks("a", OPTIONAL), asks("b"), hooks=RefusesA())
    assert actions(report.state) == ["failed", "ran"]


def test_a_lost_session_fails_the_run_although_the_component_is_optional(job: Job) -> None:
    state = job.fails('{ instance-type = "tests.asking.StopsSpark", instance-name = a, optional = true }', asks("b"))
    assert actions(state) == ["failed", "pending"]
    assert state.failure is not None
    assert "stopped the Spark session" in state.failure.message


def test_a_replay_that_fails_blocks_what_depends_on_it(job: Job) -> None:
    pipeline = (
        asks("a", f"{OPTIONAL}, replay-on-resume = true", fails_from="2"),
        asks("b", "depends-on = [a]", fails="1"),
        asks("c"),
    )
    job.fails(*pipeline)
    report = job.run(*pipeline)
    assert names(job.ledger) == "abac"
    assert actions(report.state) == ["failed", "upstream_failed", "ran"]


def test_a_completed_record_marked_as_tolerated_is_not_accepted(job: Job) -> None:
    report = job.run(*PIPELINE)
    raw = {**to_json(report.state), "number": 9}
    assert disagreement(report.state, raw) is None
    wrong = report.state.with_component(replace(report.state.components[0], tolerated=True))
    assert disagreement(wrong, raw) == "the failure of a is tolerated, and its action is ran"
