"""The Python API over the real driver, log and lease; only Spark is missing."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_spark_pipeline import AuditHooks, CheckpointHooks, Component, LoggingHooks, PipelineHooks, PipelineRunner
from airflow_spark_pipeline.checkpoint.key import parse_run_id
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, ComponentAction
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.exceptions import (
    ComponentFailedError,
    NothingToResumeError,
    PipelineDefinitionError,
    StillRunningError,
)
from airflow_spark_pipeline.planning import stopped_at
from airflow_spark_pipeline.plugins.page.run_models import components as page_components
from airflow_spark_pipeline.runtime.loop import deadline
from airflow_spark_pipeline.runtime.standalone.claiming import unit_of
from airflow_spark_pipeline.runtime.standalone.modules import importable
from tests.sparkless import FakeSpark
from tests.steps import Gate, Noting, calls, component, describe, in_thread, names, read

FAST = "retry-policy { max-retries = 2, initial-delay-ms = 1, max-delay-ms = 2 }"


@dataclass
class Anything(Component):
    """Takes any config."""

    extra: dict[str, Any]

    def run(self, spark: Any) -> None:
        """Do nothing."""


class Job:
    """A pipeline of steps on a local disk."""

    def __init__(self, directory: Path) -> None:
        self.location = directory / "checkpoints"
        self.ledger = directory / "ledger"
        self.hooks = directory / "hooks"
        self.runner = PipelineRunner(FakeSpark(), location=self.location)  # type: ignore[arg-type]  # it is asked for little

    def run(self, *components: str, more: str = "", hooks: PipelineHooks | None = None) -> Any:
        return self.runner.run_with_checkpointing(describe(*components, more=more), hooks)

    def fails(self, *components: str, more: str = "", hooks: PipelineHooks | None = None) -> ComponentFailedError:
        with pytest.raises(ComponentFailedError) as failed:
            self.run(*components, more=more, hooks=hooks)
        return failed.value

    @property
    def state(self) -> CheckpointState:
        """Of the only unfinished run."""
        (state,) = self.runner.list_resumable("Steps")
        return state

    @property
    def audit(self) -> Path:
        return self.location.parent / "audit.jsonl"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return Job(tmp_path)


# ---- runs and resumes


def test_a_run_that_failed_is_resumed_by_its_id(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = describe("a", "b:Step:fails = 1", "c")
    with pytest.raises(ComponentFailedError, match="down") as failed:
        job.runner.run_with_checkpointing(pipeline)
    assert failed.value.run_id is not None
    assert f"Resume it with the run id {failed.value.run_id}" in str(failed.value)

    report = job.runner.resume(pipeline, failed.value.run_id)

    assert names(job.ledger) == "abbc"
    assert (report.ran, report.skipped) == (["b", "c"], ["a"])
    assert report.resumed_from == failed.value.run_id
    assert job.runner.list_resumable("Steps") == []
    assert "of work not repeated" in capsys.readouterr().out or report.seconds_saved == 0.0


@pytest.mark.parametrize(
    ("depends", "not_run"),
    [
        ({"c": "b"}, {"c": "depends on b, which failed"}),
        ({"d": "a, b"}, {"d": "depends on b, which failed"}),
        ({"c": "b", "d": "c"}, {"c": "depends on b, which failed", "d": "depends on c, which was not run"}),
        ({"c": "a"}, {}),
    ],
)
def test_a_component_whose_dependency_failed_is_recorded_as_not_run_and_runs_on_resume(
    job: Job, depends: dict[str, str], not_run: dict[str, str]
) -> None:
    def pipeline(fails: int) -> list[str]:
        depend = {name: f"depends-on = [{names}]" for name, names in depends.items()}
        return [component(n, config=f"fails = {fails if n == 'b' else 0}", more=depend.get(n, "")) for n in "abcd"]

    more = "fail-fast = false, checkpoint { auto-resume = true }"
    job.fails(*pipeline(1), more=more)
    state = job.state
    blocked = {c.name: c.reason for c in state.components if c.action is ComponentAction.UPSTREAM_FAILED}
    assert blocked == not_run
    assert (state.status, state.completed_components) == (
        CheckpointStatus.FAILED,
        tuple(name for name in "acd" if name not in not_run),
    )
    shown = {c.name: (c.state, c.reason) for c in page_components(state, Standing.FAILED)}
    assert {name: shown[name] for name in not_run} == {name: ("upstream_failed", why) for name, why in not_run.items()}

    report = job.run(*pipeline(1), more=more)
    assert report.ran == ["b", *not_run]
    assert {c.action for c in report.state.components} == {ComponentAction.RAN, ComponentAction.SKIPPED}


def test_each_failure_of_an_attempt_has_its_traceback(job: Job) -> None:
    job.fails("a:Step:fails = 1", "b", "c:Step:fails = 1", more="fail-fast = false")
    first, _, third = job.state.components
    assert job.state.failure is not None
    assert "Traceback" in (job.state.failure.traceback or "")
    assert first.failure_traceback is None  # it is the commit's
    assert "Traceback" in (third.failure_traceback or "")


def test_a_driver_that_dies_after_a_component_was_not_run_died_in_the_next_one(job: Job) -> None:
    seen: list[CheckpointState] = []

    class Look(PipelineHooks):
        def before_component(self, event: Any) -> None:
            latest = RunLog(open_store(str(job.location)), parse_run_id(event.run.run_id)[0]).latest()
            if event.name == "d" and latest is not None:
                seen.append(latest.state)

    components = [component("a"), component("b", config="fails = 1"), component("c", more="depends-on = [b]"), "d"]
    job.fails(*components, more="fail-fast = false", hooks=Look())
    stopped = stopped_at(seen[0])
    assert stopped is not None
    assert stopped.name == "d"


def test_auto_resume_continues_the_newest_unfinished_run(job: Job) -> None:
    more = "checkpoint { auto-resume = true }"
    job.fails("a", "b:Step:fails = 1", more=more)
    assert job.run("a", "b:Step:fails = 1", more=more).skipped == ["a"]
    assert job.run("a", "b:Step:fails = 1", more=more).skipped == []  # nothing is unfinished: a new run


def test_without_auto_resume_every_run_is_a_new_one(job: Job) -> None:
    first = job.fails("a", "b:Step:fails = 1")
    report = job.run("a", "b:Step:fails = 1")
    assert report.skipped == []
    assert [state.run_id for state in job.runner.list_resumable()] == [first.run_id]


def test_a_pipeline_whose_checkpoints_are_turned_off_records_nothing(job: Job) -> None:
    failed = job.fails("a", "b:Step:fails = 1", more="checkpoint { enabled = false }")
    assert failed.run_id is None
    assert not job.location.exists()


def test_run_records_nothing_and_run_with_checkpoint_hooks_does(job: Job) -> None:
    pipeline = describe("a", "b:Step:fails = 2")
    runner = PipelineRunner(FakeSpark())  # type: ignore[arg-type]
    with pytest.raises(ComponentFailedError):
        runner.run(pipeline)
    assert not job.location.exists()

    store = open_store(str(job.location))
    hooks = PipelineHooks.compose(CheckpointHooks(store), LoggingHooks.structured())
    with pytest.raises(ComponentFailedError) as failed:
        runner.run(pipeline, hooks)
    assert failed.value.run_id is not None
    assert PipelineRunner(FakeSpark(), store=store).resume(pipeline, failed.value.run_id).skipped == ["a"]  # type: ignore[arg-type]


def test_resumable_runs_are_listed_with_the_documented_fields(job: Job) -> None:
    job.fails("a", "b:Step:fails = 1", "c")
    state = job.state
    assert (state.last_checkpointed_index + 2, state.total_components) == (2, 3)
    assert state.status is CheckpointStatus.FAILED


def test_the_plan_shows_what_a_resume_would_do_and_changes_nothing(job: Job) -> None:
    failed = job.fails("a", "b:Step:fails = 1", "c")
    plan = job.runner.plan(describe("a", "b:Step:fails = 1", "c"), failed.run_id)
    assert plan.describe().endswith("skips a (done in attempt 1); runs b (failed in attempt 1: OutageError), c")
    assert names(job.ledger) == "ab"
    assert job.state.run_id == failed.run_id


def test_validate_returns_all_problems_of_components_and_hooks(job: Job) -> None:
    text = describe("a:Step:fails = many", "b:Stepp", more='hooks = [ { instance-type = "tests.steps.Step" } ]')
    assert [problem.path for problem in job.runner.validate(text)] == [
        "pipeline.hooks[0].instance-config.ledger",  # by line
        "pipeline.pipeline-components[0].instance-config.fails",
        "pipeline.pipeline-components[1].instance-type",
    ]
    assert job.runner.validate(describe("a")) == []


@pytest.mark.parametrize(
    ("run_id", "said"),
    [
        ("nonsense", "is not a run id"),
        ("../../etc/passwd", "is not a run id"),
        ("other-0123456789ab~x-0123456789abcdef~0", "is not a run of 'Steps'"),
    ],
)
def test_a_run_that_cannot_be_resumed_is_refused_with_the_reason(job: Job, run_id: str, said: str) -> None:
    with pytest.raises(NothingToResumeError, match=said):
        job.runner.resume(describe("a"), run_id)


def test_a_run_that_has_completed_is_reported_and_not_run_again(job: Job) -> None:
    failed = job.fails("a", "b:Step:fails = 1")
    assert failed.run_id is not None
    pipeline = describe("a", "b:Step:fails = 1")
    job.runner.resume(pipeline, failed.run_id)
    assert job.runner.resume(pipeline, failed.run_id).state.status is CheckpointStatus.COMPLETED
    assert names(job.ledger) == "abb"


def test_hooks_get_the_numbers_of_a_config_as_python_has_them(job: Job) -> None:
    """A library that looks at the type of a value, such as PyYAML, would not know a number that keeps its text."""
    seen: list[Any] = []

    class Look(PipelineHooks):
        def before_pipeline(self, event: Any) -> None:
            seen.append(event.config)

        def before_component(self, event: Any) -> None:
            seen.append(event.config)

    described_as = (
        f"{{ instance-type = {__name__}.Anything, instance-config {{ extra {{ rate = 0.10, all = [1e3] }} }} }}"
    )
    job.run(described_as, hooks=Look())
    described, config = seen
    assert set(described) == {"spark", "pipeline", "source"}
    assert yaml.safe_load(yaml.safe_dump(config["extra"])) == {"rate": 0.1, "all": [1000.0]}


def test_a_run_that_is_still_running_is_not_taken_over(job: Job) -> None:
    """Neither by its id nor by auto-resume, which starts nothing next to it either."""
    said: list[str] = []

    class Second(PipelineHooks):
        def before_component(self, event: Any) -> None:
            for again in (
                lambda: job.runner.resume(describe("a"), event.run.run_id),
                lambda: job.runner.run_with_checkpointing(describe("a"), auto_resume=True),
                lambda: job.runner.plan(describe("a"), event.run.run_id),
            ):
                try:
                    again()
                except StillRunningError as error:
                    said.append(str(error).replace(event.run.run_id, "RUN"))

    job.run("a", hooks=PipelineHooks.compose(Second()))
    assert names(job.ledger) == "a"
    assert len(said) == 3
    assert all("RUN" in each and "still running: its process is alive on this machine" in each for each in said)


def test_a_wrong_description_leaves_no_trace(job: Job) -> None:
    with pytest.raises(PipelineDefinitionError, match="unknown key 'nme'"):
        job.run("a:Step:nme = 1")
    assert not job.location.exists()


# ---- retries


def test_a_component_that_fails_twice_and_then_works_is_tried_again_in_the_same_run(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    states: list[CheckpointState] = []

    class Look(PipelineHooks):
        def after_component(self, event: Any) -> None:
            states.append(RunLog(open_store(str(job.location)), unit_of(job_state(event)).path).latest().state)  # type: ignore[union-attr]

    def job_state(event: Any) -> CheckpointState:
        (hint,) = (job.location / "_open").iterdir()
        latest = RunLog(open_store(str(job.location)), hint.name.replace("~", "/", 1)).latest()
        assert latest is not None
        return latest.state

    hooks = PipelineHooks.compose(Noting(str(job.hooks)), AuditHooks.to_file(job.audit), Look())
    report = job.run("a:Step:fails = 2", more=FAST, hooks=hooks)

    assert report.state.attempt == 1
    assert [entry["retry"] for entry in read(job.ledger)] == [0, 1, 2]
    assert len({entry["workdir"] for entry in read(job.ledger)}) == 3
    (record,) = states[-1].components
    assert [each["error"] for each in record.retries] == ["OutageError: down"] * 2
    assert calls(job.hooks) == [
        "before_pipeline",
        "before_component:a",
        "on_retry:a",
        "on_retry:a",
        "after_component:a",
        "after_pipeline",
    ]
    output = capsys.readouterr().out
    assert "failed after" in output
    assert "OutageError: down; retry 1 of 2 in" in output
    assert "(try 3)" in output
    audit = [line["event"] for line in read(job.audit)]
    assert audit.count("on_retry") == 2


def test_when_the_retries_are_used_up_the_component_has_failed(job: Job) -> None:
    failed = job.fails("a:Step:fails = 9", more=FAST, hooks=Noting(str(job.hooks)))
    assert names(job.ledger) == "aaa"
    assert "OutageError: down" in str(failed)
    record = job.state.components[0]
    assert (record.action, len(record.retries)) == (ComponentAction.FAILED, 2)
    assert calls(job.hooks)[-2:] == ["on_component_failure:a", "after_pipeline"]


def test_a_components_retry_policy_replaces_the_pipelines(job: Job) -> None:
    stubborn = component("a", "Step", "fails = 1", "retry-policy { max-retries = 0 }")
    job.fails(stubborn, more=FAST)
    assert names(job.ledger) == "a"


def test_a_resumed_run_retries_like_a_fresh_one(job: Job) -> None:
    failed = job.fails("a", "b:Step:fails = 5", more=FAST)
    assert failed.run_id is not None
    job.runner.resume(describe("a", "b:Step:fails = 5", more=FAST), failed.run_id)
    assert names(job.ledger) == "abbb" + "bbb"


def test_an_exception_that_is_not_retryable_fails_at_once(job: Job) -> None:
    policy = "retry-policy { initial-delay-ms = 1, retryable-exceptions = [ConnectionError] }"
    job.fails('a:Step:fails = 1, error = "ValueError"', more=policy)
    assert names(job.ledger) == "a"


def test_sys_exit_is_not_retried(job: Job) -> None:
    job.fails('a:Step:fails = 1, error = "SystemExit"', more=FAST)
    assert names(job.ledger) == "a"


def test_each_try_gets_the_component_as_it_was_described(job: Job) -> None:
    job.run("a:Dirty:", more=FAST)
    assert [entry["count"] for entry in read(job.ledger)] == [0, 0]


def test_a_pause_ends_when_another_attempt_takes_over(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """The pause is an hour; it ends within a heartbeat."""
    runner = PipelineRunner(FakeSpark(), location=job.location, lease_seconds=6)  # type: ignore[arg-type]

    class Successor(PipelineHooks):
        def on_retry(self, event: Any) -> None:
            log = RunLog(open_store(str(job.location)), event.run.run_id.rpartition("~")[0].replace("~", "/"))
            threading.Timer(0.2, log.discard).start()

    hour = "retry-policy { max-retries = 1, initial-delay-ms = 3600000, max-delay-ms = 3600000 }"
    hooks = PipelineHooks.compose(Successor(), Noting(str(job.hooks)))
    start = time.monotonic()
    with pytest.raises(Exception, match="superseded"):
        runner.run_with_checkpointing(describe("a:Step:fails = 1", more=hour), hooks)
    assert time.monotonic() - start < 30
    assert calls(job.hooks)[-1] == "on_superseded"


# ---- enabled and timeout


def test_a_disabled_component_is_reported_as_such_and_not_as_done(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    off = component("b", "NoSuchClass", more="enabled = false")
    report = job.run("a", off, "c")
    assert (report.ran, report.state.completed_components) == (["a", "c"], ("a", "c"))
    assert report.state.component("b").action is ComponentAction.DISABLED
    output = capsys.readouterr().out
    assert "[2/3] b disabled (enabled = false)" in output
    assert "2 of 3 components ran, 0 skipped, 1 disabled" in output


def test_the_failing_component_can_be_disabled_to_continue(job: Job) -> None:
    failed = job.fails("a", "b:Step:fails = 9", "c")
    assert failed.run_id is not None
    report = job.runner.resume(describe("a", component("b", more="enabled = false"), "c"), failed.run_id)
    assert (report.skipped, report.ran) == (["a"], ["c"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    real = deadline._Watch.__init__

    def quick(self: Any, seconds: float, grace: float, *rest: Any) -> None:
        real(self, seconds, 0.1, *rest)

    monkeypatch.setattr(deadline._Watch, "__init__", quick)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["", "stubborn = true"])
def test_a_component_that_takes_longer_than_its_timeout_is_stopped_and_has_failed(job: Job, kind: str) -> None:
    """Also one that sleeps in the operating system, or catches exceptions."""
    before = signal.getsignal(signal.SIGUSR2)
    start = time.monotonic()
    failed = job.fails(component("a", "Slow", kind, "timeout = 200 ms"))
    assert time.monotonic() - start < 20
    assert "ComponentTimeoutError: a took longer than its timeout of 0.2 s" in str(failed)
    assert signal.getsignal(signal.SIGUSR2) == before


@pytest.mark.usefixtures("impatient")
def test_a_timeout_is_retried_like_any_failure(job: Job) -> None:
    job.fails(component("a", "Slow", "", "timeout = 50 ms, retry-policy { max-retries = 1, initial-delay-ms = 1 }"))
    assert names(job.ledger) == "aa"


def test_a_component_within_its_timeout_is_left_alone(job: Job) -> None:
    assert job.run(component("a", more="timeout = 1 minute")).ran == ["a"]


# ---- hooks


def test_a_run_and_its_resume_call_every_hook_in_order(job: Job) -> None:
    hooks = f'hooks = [ {{ instance-type = "tests.steps.Noting", instance-config {{ ledger = "{job.hooks}" }} }} ]'
    failed = job.fails("a", "b:Step:fails = 1", more=hooks)
    assert calls(job.hooks) == [
        "before_pipeline",
        "before_component:a",
        "after_component:a",
        "before_component:b",
        "on_component_failure:b",
        "after_pipeline",
    ]
    assert failed.run_id is not None
    job.hooks.unlink()
    job.runner.resume(describe("a", "b:Step:fails = 1", more=hooks), failed.run_id)
    assert calls(job.hooks) == [
        "before_pipeline",
        "on_resume",
        "before_component:b",
        "after_component:b",
        "after_pipeline",
    ]


@pytest.mark.parametrize("where", ["before_pipeline", "before_component", "after_component", "after_pipeline"])
def test_an_error_of_a_gate_stops_the_run_before_the_commit(job: Job, where: str) -> None:
    failed = job.fails("a", hooks=Gate(str(job.hooks), fails_in=where))
    assert f"GateFailedError: Gate ({where}): RuntimeError: the hook is broken" in str(failed)
    state = job.state
    assert state.status is CheckpointStatus.FAILED
    assert state.completed_components == (("a",) if where == "after_pipeline" else ())


@pytest.mark.parametrize(
    "where", ["before_pipeline", "before_component", "after_component", "after_pipeline", "on_component_failure"]
)
def test_an_error_of_a_reporter_is_printed_and_changes_nothing(
    job: Job, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = Noting(str(job.hooks), fails_in=where)
    if where == "on_component_failure":
        job.fails("a:Step:fails = 1", hooks=hooks)
    else:
        assert job.run("a", hooks=hooks).ran == ["a"]
    said = f"The hook Noting failed in {where}, which does not affect the run: RuntimeError: the hook is broken"
    assert said in capsys.readouterr().out


def test_a_description_can_turn_a_hook_into_a_gate(job: Job) -> None:
    config = f'instance-config {{ ledger = "{job.hooks}", fails-in = after_component }}'
    hooks = f'hooks = [ {{ instance-type = "tests.steps.Noting", gate = true, {config} }} ]'
    assert "GateFailedError" in str(job.fails("a", more=hooks))


def test_a_components_own_hooks_are_called_for_it_alone(job: Job) -> None:
    own = f'hooks = [ {{ instance-type = "tests.steps.Noting", instance-config {{ ledger = "{job.hooks}" }} }} ]'
    job.run("a", component("b", more=own), "c")
    assert calls(job.hooks) == ["before_component:b", "after_component:b"]


def test_a_check_is_a_gate_of_the_component_that_lists_it(job: Job) -> None:
    """Any component can be one; here one that fails the first time."""
    check = 'hooks = [ { instance-type = "tests.steps.Step", instance-config { ledger = ${LEDGER}, fails = 1 } } ]'
    failed = job.fails(component("a", more=check), "b")
    assert "GateFailedError: Step (after_component): OutageError: down" in str(failed)
    assert job.state.completed_components == ()


def test_structured_logs_are_json_lines_that_all_carry_the_run_id(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    report = job.run("a", hooks=LoggingHooks.structured())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == [
        "before_pipeline",
        "before_component",
        "after_component",
        "after_pipeline",
    ]
    assert {line["run_id"] for line in lines} == {report.run_id}
    assert lines[-1]["status"] == "completed"


def test_human_logs_are_one_line_of_words_each(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.fails("a:Step:fails = 9", more=FAST, hooks=LoggingHooks.human())
    output = capsys.readouterr().out
    for words in (
        r"pipeline Steps starts, attempt 1",
        r"component a is tried again in \d\.\d s: OutageError: down",
        r"component a failed: OutageError: down",
        r"pipeline Steps failed after \d\.\d s: OutageError: down",
    ):
        assert re.search(words, output)


def test_the_audit_file_keeps_all_attempts(job: Job) -> None:
    hooks = AuditHooks.to_file(job.audit)
    failed = job.fails("a", "b:Step:fails = 1", hooks=hooks)
    assert failed.run_id is not None
    first = job.audit.read_bytes()
    job.runner.resume(describe("a", "b:Step:fails = 1"), failed.run_id, hooks)
    assert job.audit.read_bytes().startswith(first)
    lines = read(job.audit)
    assert [line["attempt"] for line in lines] == [1] * 6 + [2] * 5
    assert lines[-1]["seconds_saved"] >= 0
    assert lines[0]["config"]["pipeline"]["pipeline-name"] == "Steps"


def test_on_an_object_store_each_attempt_has_its_own_audit_object(job: Job) -> None:
    import fsspec

    hooks = AuditHooks.to_file("memory://audit")
    failed = job.fails("a", "b:Step:fails = 1", hooks=hooks)
    assert failed.run_id is not None
    report = job.runner.resume(describe("a", "b:Step:fails = 1"), failed.run_id, hooks)
    files = fsspec.filesystem("memory").ls("/audit", detail=False)
    assert sorted(files) == sorted(f"/audit/{run_id}.jsonl" for run_id in (failed.run_id, report.run_id))


def test_no_hook_of_ours_shows_a_secret(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "planted-in-the-environment")
    message = "jdbc://me:planted-in-a-url@host refused planted-in-the-environment"
    step = f'a:Step:fails = 9, password = "planted-in-the-config", message = "{message}"'
    hooks = [LoggingHooks.structured(), LoggingHooks.human(), AuditHooks.to_file(job.audit)]
    failed = job.fails(step, more=FAST, hooks=PipelineHooks.compose(*hooks, Noting("/no/such/planted", "")))
    texts = [str(failed), capsys.readouterr().out, job.audit.read_text(encoding="utf-8")]
    texts += [file.read_text(encoding="utf-8") for file in job.location.rglob("*") if file.is_file()]
    assert len(texts) > 5
    for text in texts:
        for secret in ("planted-in-the-config", "planted-in-the-environment", "planted-in-a-url"):
            assert secret not in text
    assert any("***" in text for text in texts)


def test_a_run_outside_the_main_thread_is_a_run_like_any_other(job: Job) -> None:
    """As in a notebook server: signals are not used there."""
    box = in_thread(lambda: job.run(component("a", more="timeout = 1 minute")))
    assert "error" not in box
    assert box["result"].ran == ["a"]


@pytest.mark.parametrize("moment", ["before_component", "on_retry"])
def test_ctrl_c_is_recorded_and_raised_again(job: Job, moment: str) -> None:
    def press(event: Any) -> None:
        raise KeyboardInterrupt

    hooks = PipelineHooks()
    setattr(hooks, moment, press)
    with pytest.raises(KeyboardInterrupt):
        job.run("a:Step:fails = 1", "b", more=f"fail-fast = false, {FAST}", hooks=hooks)
    assert names(job.ledger) == ("" if moment == "before_component" else "a")
    assert job.state.status is CheckpointStatus.FAILED
    assert job.state.run_id == job.runner.run_id


def test_a_component_may_remove_the_variable_that_the_runner_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with importable(tmp_path):
        del os.environ["PYTHONPATH"]
    assert "PYTHONPATH" not in os.environ


@dataclass
class Pops(Component):
    """Loads each path, and fails at the third one as long as the source is down."""

    paths: list[str]
    ledger: str

    def run(self, spark: Any) -> None:
        loaded = []
        while self.paths:
            loaded.append(self.paths.pop())
            if len(loaded) == 2 and self.context.retry == 0:
                raise ConnectionError("down")
        Path(self.ledger).write_text(",".join(loaded), encoding="utf-8")


def test_a_retry_gets_the_lists_of_the_description_even_if_the_first_try_has_emptied_them(tmp_path: Path) -> None:
    config = f'paths = [a, b, c], ledger = "{tmp_path}/loaded"'
    part = (
        f'{{ instance-type = "{__name__}.Pops", instance-config {{ {config} }}, '
        "retry-policy { max-retries = 1, initial-delay-ms = 1 } }"
    )
    PipelineRunner(FakeSpark()).run(describe(part))  # type: ignore[arg-type]
    assert (tmp_path / "loaded").read_text(encoding="utf-8") == "c,b,a"
