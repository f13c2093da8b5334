"""Several components at a time: what starts, what is recorded and reported; one at a time behaves the same."""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import types
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_spark_pipeline import PipelineHooks, PipelineRunner
from airflow_spark_pipeline.checkpoint.catalog import RunEntry
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus, Commit, ComponentAction
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.cli import printing
from airflow_spark_pipeline.exceptions import ComponentFailedError, SupersededError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.planning import Selection, all_stopped_at, next_try, summarize
from airflow_spark_pipeline.plugins.page.failures import more_failures
from airflow_spark_pipeline.plugins.page.run_models import components as page_components
from airflow_spark_pipeline.runtime.component.logs import LogPrinter
from airflow_spark_pipeline.runtime.loop import deadline, workers
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor
from tests.parallel_steps import GateOneAtATime, OneAtATime, sign
from tests.sparkless import FakeSpark
from tests.steps import Gate, names

AT_ONCE = pytest.mark.parametrize("parallelism", [1, 3])
FAST = "retry-policy { max-retries = 2, initial-delay-ms = 1, max-delay-ms = 2 }"


class Job:
    """A pipeline on a local disk."""

    def __init__(self, directory: Path) -> None:
        self.location = directory / "checkpoints"
        self.ledger = str(directory / "ledger")
        self.runner = PipelineRunner(FakeSpark(), location=self.location)  # type: ignore[arg-type]  # it is asked for little

    def text(self, *components: str, parallelism: int = 3, more: str = "") -> str:
        lines = "\n".join(components)
        return (
            f"pipeline {{ pipeline-name = Steps, parallelism = {parallelism}\n{more}\n"
            f"pipeline-components = [\n{lines}\n] }}"
        )

    def component(
        self, name: str, depends_on: str | None = "", kind: str = "Meet", more: str = "", **config: Any
    ) -> str:
        depends = "" if depends_on is None else f"depends-on = [{', '.join(depends_on)}],"
        fields = "".join(f", {key.replace('_', '-')} = {value}" for key, value in config.items())
        module = "steps" if kind == "Step" else "parallel_steps"
        return (
            f"{{ instance-type = tests.{module}.{kind}, instance-name = {name}, {depends} {more}\n"
            f'instance-config {{ ledger = "{self.ledger}"{fields} }} }}'
        )

    def run(self, text: str, hooks: PipelineHooks | None = None) -> Any:
        return self.runner.run_with_checkpointing(text, hooks)

    def fails(self, text: str, hooks: PipelineHooks | None = None) -> CheckpointState:
        with pytest.raises(ComponentFailedError) as failed:
            self.run(text, hooks)
        self.error = str(failed.value)
        return self.state

    @property
    def state(self) -> CheckpointState:
        """Of the only unfinished run."""
        (state,) = self.runner.list_resumable("Steps")
        return state

    def recorded(self, run_id: str) -> CheckpointState:
        """Of a run that is alive."""
        latest = self.log(run_id).latest()
        assert latest is not None
        return latest.state

    def log(self, run_id: str) -> RunLog:
        return RunLog(open_store(str(self.location)), run_id.rpartition("~")[0].replace("~", "/"))

    @property
    def entered(self) -> list[str]:
        return sorted(names(self.ledger))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def actions(state: CheckpointState) -> dict[str, str]:
    return {record.name: record.action.value for record in state.components}


# ---- at the same time


def test_components_run_at_the_same_time_and_what_depends_on_them_after_them(job: Job) -> None:
    """The three meet, which they could not one after another."""
    first = [job.component(name, size=3) for name in "abc"]
    report = job.run(job.text(*first, job.component("d", "ab"), job.component("e", None)))
    assert sorted(report.ran[:3]) == ["a", "b", "c"]
    assert report.ran[3:] == ["d", "e"]
    assert report.state.completed_components == ("a", "b", "c", "d", "e")


def test_a_component_without_depends_on_waits_for_all_before_it(job: Job) -> None:
    report = job.run(job.text(*(job.component(name, None) for name in "abc")))
    assert report.ran == ["a", "b", "c"]
    assert names(job.ledger) == "abc"


def test_at_most_parallelism_components_run_at_a_time(job: Job) -> None:
    """Two meet two: with a third one inside, the barrier of the first two would not be theirs."""
    pairs = [job.component(name, size=2) for name in "abcd"]
    assert sorted(job.run(job.text(*pairs, parallelism=2)).ran) == ["a", "b", "c", "d"]


def test_commits_are_made_in_the_order_in_which_components_end(job: Job) -> None:
    report = job.run(
        job.text(
            job.component("a", size=3, waits_for="b"),
            job.component("b", size=3, waits_for="c", gives="b"),
            job.component("c", size=3, gives="c"),
        )
    )
    assert report.ran[-1] == "a" or set(report.ran) == {"a", "b", "c"}
    assert report.state.completed_components == ("a", "b", "c")


# ---- failures


def test_after_a_failure_nothing_new_starts_and_running_components_are_recorded(job: Job) -> None:
    class Releases(PipelineHooks):
        def on_component_failure(self, event: Any) -> None:
            sign(job.ledger, "failed").set()

    text = job.text(
        job.component("a", size=3, waits_for="failed"),
        job.component("b", size=3, fails=9),
        job.component("c", size=3, waits_for="failed"),
        job.component("d"),
        job.component("e", None),
    )
    state = job.fails(text, Releases())
    assert state.status is CheckpointStatus.FAILED
    assert state.completed_components == ("a", "c")
    assert job.entered == ["a", "b", "c"]
    assert "b is down" in job.error


def test_every_failure_is_shown(job: Job) -> None:
    state = job.fails(job.text(*(job.component(name, size=3, fails=9) for name in "abc"), job.component("d")))
    assert actions(state) == {"a": "failed", "b": "failed", "c": "failed", "d": "pending"}
    for name in "abc":
        assert f"{name} is down" in job.error
        assert f"] {name}" in summarize(state)
        assert name in next_try(state)["failed_components"]
        assert f"{name} is down" in next_try(state)["text"]
    assert len(next_try(state)["failed_components"]) == 3
    assert {c.state for c in page_components(state, Standing.FAILED)} == {"failed", "pending"}
    assert sorted(failure.component or "" for failure in [state.failure, *more_failures(state)] if failure) == [*"abc"]


def test_show_prints_every_failure_with_its_traceback(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    state = job.fails(job.text(*(job.component(name, size=3, fails=9) for name in "abc"), job.component("d")))
    entry = RunEntry("unit", Commit(9, state), number=9)
    capsys.readouterr()
    printing.show_run(entry, state, traceback=True)
    said = capsys.readouterr().out
    assert state.failure is not None
    first = state.failure.component
    for name in "abc":
        assert f"\n{'' if name == first else f'{name}: '}OutageError: {name} is down\n" in said
    assert said.count("Traceback (most recent call last)") == 3
    capsys.readouterr()
    printing.show_run(entry, state, traceback=False)
    assert "Traceback" not in capsys.readouterr().out


def test_a_sensor_is_given_every_component_that_failed(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    state = job.fails(job.text(*(job.component(name, size=3, fails=9) for name in "abc"), job.component("d")))
    with DAG("recovery", schedule=None):
        sensor = SparkPipelineRunSensor(task_id="wait", pipeline_name="Steps", checkpoint_location=str(job.location))
    run = sensor.execute({})
    assert sorted(run["failed_components"]) == ["a", "b", "c"]
    assert run["failed_component"] == run["failed_components"][0] == state.failure.component  # type: ignore[union-attr]


def test_a_resumed_run_runs_exactly_the_missing_components(job: Job) -> None:
    text = job.text(
        job.component("a", kind="Step"),
        job.component("b", kind="Step", fails=1),
        job.component("c", kind="Step", fails=1),
        job.component("d", "a", kind="Step"),
        job.component("e", None, kind="Step"),
        more="fail-fast = false",
    )
    state = job.fails(text)
    assert set(state.completed_components) == {"a", "d", "e"}
    assert set(job.runner.resume(text, state.run_id).ran) == {"b", "c"}
    assert job.entered == ["a", "b", "b", "c", "c", "d", "e"]


@pytest.mark.parametrize("skipped", ["b", "be", "beg"])
def test_dependents_of_a_skipped_component_start_beside_running_ones(job: Job, skipped: str) -> None:
    """In the second attempt, too, the two meet, although one of them waits for components that are skipped."""
    text = job.text(
        job.component("a"),
        *(job.component(name, before) for before, name in itertools.pairwise(["a", *skipped])),
        job.component("c", "a", size=2, fails=9),
        job.component("d", skipped[-1], size=2, fails=9),
    )
    state = job.fails(text)
    assert set(state.completed_components) == {"a", *skipped}
    with pytest.raises(ComponentFailedError) as failed:
        job.runner.resume(text, state.run_id)
    for name in "cd":
        assert f"OutageError: {name} is down" in str(failed.value)
    assert job.entered == sorted(["a", *skipped, *"ccdd"])


@AT_ONCE
def test_without_fail_fast_only_what_depends_on_a_failure_is_not_run(job: Job, parallelism: int) -> None:
    text = job.text(
        job.component("a", fails=9),
        job.component("b", "a"),
        job.component("c"),
        job.component("d", "b"),
        job.component("e", "c"),
        more="fail-fast = false",
        parallelism=parallelism,
    )
    state = job.fails(text)
    assert actions(state) == {
        "a": "failed",
        "b": "upstream_failed",
        "c": "ran",
        "d": "upstream_failed",
        "e": "ran",
    }
    assert state.component("b").reason == "depends on a, which failed"  # type: ignore[union-attr]


# ---- the same as one at a time


@AT_ONCE
def test_a_component_is_tried_again(job: Job, parallelism: int) -> None:
    text = job.text(*(job.component(n, kind="Step", fails=2) for n in "abc"), more=FAST, parallelism=parallelism)
    report = job.run(text)
    assert job.entered == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert [len(record.retries) for record in report.state.components] == [2, 2, 2]


@AT_ONCE
def test_when_the_retries_are_used_up_the_component_has_failed(job: Job, parallelism: int) -> None:
    text = job.text(
        job.component("a", kind="Step", fails=9),
        job.component("b", kind="Step"),
        more=f"{FAST}, fail-fast = false",
        parallelism=parallelism,
    )
    state = job.fails(text)
    assert actions(state) == {"a": "failed", "b": "ran"}
    assert job.entered == ["a", "a", "a", "b"]


@AT_ONCE
def test_a_quality_gate_keeps_its_component_from_being_recorded(job: Job, parallelism: int) -> None:
    check = (
        "hooks = [ { instance-type = tests.steps.Step, "
        f'instance-config {{ ledger = "{job.ledger}-checks", fails = 1 }} }} ]'
    )
    text = job.text(
        job.component("a"), job.component("b", more=check), job.component("c"),
        more="fail-fast = false", parallelism=parallelism,
    )  # fmt: skip
    state = job.fails(text)
    assert actions(state) == {"a": "ran", "b": "failed", "c": "ran"}
    assert "GateFailedError: Step (after_component): OutageError: down" in job.error
    assert job.runner.resume(text, state.run_id).ran == ["b"]


@AT_ONCE
@pytest.mark.parametrize("hook", [OneAtATime, GateOneAtATime])
def test_hooks_are_called_one_at_a_time(job: Job, parallelism: int, hook: type[OneAtATime]) -> None:
    hooks = hook()
    size = min(parallelism, 3)
    text = job.text(*(job.component(n, size=size, fails=1) for n in "abc"), more=FAST, parallelism=parallelism)
    job.run(text, hooks)
    assert not hooks.overlapped
    assert sorted(hooks.calls) == sorted(
        f"{call}:{name}" for call in ("before_component", "on_retry", "after_component") for name in "abc"
    )


@AT_ONCE
@pytest.mark.parametrize("where", ["before_component", "after_component"])
def test_an_error_of_a_gate_stops_the_run_before_the_commit(job: Job, parallelism: int, where: str) -> None:
    gate = Gate(f"{job.ledger}-hooks", fails_in=where)
    state = job.fails(job.text(*(job.component(name) for name in "ab"), parallelism=parallelism), gate)
    assert f"GateFailedError: Gate ({where}): RuntimeError: the hook is broken" in job.error
    assert state.completed_components == ()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    real = deadline._Watch.__init__
    monkeypatch.setattr(deadline, "_LAST_SECONDS", 1.0)

    def quick(self: Any, seconds: float, grace: float, *rest: Any) -> None:
        real(self, seconds, 0.1, *rest)

    monkeypatch.setattr(deadline._Watch, "__init__", quick)


@AT_ONCE
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["sleep", "stubborn"])
def test_a_timeout_stops_its_component_and_no_other(job: Job, parallelism: int, kind: str) -> None:
    stubborn = "true" if kind == "stubborn" else "false"
    slow = (
        "{ instance-type = tests.steps.Slow, instance-name = slow, depends-on = [], timeout = 200 ms\n"
        f'instance-config {{ ledger = "{job.ledger}", stubborn = {stubborn} }} }}'
    )
    text = job.text(
        slow, job.component("a"), job.component("b", "a"), more="fail-fast = false", parallelism=parallelism
    )
    state = job.fails(text)
    assert actions(state) == {"slow": "failed", "a": "ran", "b": "ran"}
    assert "ComponentTimeoutError: slow took longer than its timeout of 0.2 s, and was stopped" in job.error


@pytest.mark.usefixtures("impatient")
def test_a_component_that_cannot_be_stopped_fails_and_components_beside_it_are_recorded(job: Job) -> None:
    class Releases(PipelineHooks):
        def on_component_failure(self, event: Any) -> None:
            sign(job.ledger, "failed").set()

    text = job.text(
        job.component("stuck", kind="Stuck", more="timeout = 100 ms,"),
        job.component("a", waits_for="failed"),
        job.component("b", None),
        more="fail-fast = false",
    )
    try:
        state = job.fails(text, Releases())
    finally:
        sign(job.ledger, "let go").set()
    assert actions(state) == {"stuck": "failed", "a": "ran", "b": "pending"}
    assert "stuck took longer than its timeout of 0.1 s, and could not be stopped" in job.error


@AT_ONCE
def test_a_disabled_component_is_left_out_and_not_waited_for(job: Job, parallelism: int) -> None:
    text = job.text(
        job.component("a", more="enabled = false,"),
        job.component("b"),
        job.component("c", "b"),
        job.component("d", None, more="enabled = false,"),
        job.component("e", None),
        parallelism=parallelism,
    )
    report = job.run(text)
    assert report.ran == ["b", "c", "e"]
    assert {name for name, action in actions(report.state).items() if action == "disabled"} == {"a", "d"}


SELECTIONS: dict[str, tuple[Selection, str, str]] = {
    "start_from": (Selection(start_from="b"), "bcde", "a"),
    "stop_after": (Selection(stop_after="b"), "b", "a"),
    "only": (Selection(only=("a", "e")), "ae", ""),
    "force": (Selection(force=("a",)), "abcde", ""),
    "start_from and stop_after": (Selection(start_from="b", stop_after="d"), "bcd", "a"),
}


@AT_ONCE
@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_selection_runs_the_same_components(job: Job, parallelism: int, selection: str) -> None:
    """In the first attempt a is done, and b fails; d depends on what may be left out."""
    text = job.text(
        job.component("a", kind="Step"),
        job.component("b", None, kind="Step", fails=1),
        job.component("c", "b", kind="Step"),
        job.component("d", "b", kind="Step"),
        job.component("e", None, kind="Step"),
        parallelism=parallelism,
    )
    failed = job.fails(text)
    assert (actions(failed)["a"], actions(failed)["b"]) == ("ran", "failed")
    asked, ran, skipped = SELECTIONS[selection]
    report = job.runner.resume(text, failed.run_id, selection=asked)
    assert "".join(sorted(report.ran)) == ran
    assert "".join(report.skipped) == skipped
    assert "".join(sorted(names(job.ledger))) == "".join(sorted(f"ab{ran}"))


@AT_ONCE
def test_a_component_that_finishes_the_run_leaves_out_what_has_not_started(job: Job, parallelism: int) -> None:
    text = job.text(
        job.component("a", kind="Finishes"),
        job.component("b", "a"),
        job.component("c", None),
        parallelism=parallelism,
    )
    report = job.run(text)
    assert report.ran == ["a"]
    assert actions(report.state) == {"a": "ran", "b": "omitted", "c": "omitted"}


# ---- the end from outside


def test_ctrl_c_ends_all_components_that_run_and_the_run_can_be_resumed(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is pressed while the main thread waits for two components that nothing can interrupt."""

    class Pressed(queue.Queue[Any]):
        pressed = False

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            while timeout is None:
                if not self.pressed and job.entered == ["a", "b"]:
                    self.pressed = True
                    raise KeyboardInterrupt
                with contextlib.suppress(queue.Empty):
                    return super().get(timeout=0.02)
            return super().get(timeout=timeout)

    monkeypatch.setattr(workers, "GRACE_SECONDS", 0.5)
    monkeypatch.setattr(workers, "queue", types.SimpleNamespace(SimpleQueue=Pressed, Empty=queue.Empty))
    waiting = [job.component(name, kind="Stuck") for name in "ab"]
    try:
        with pytest.raises(KeyboardInterrupt):
            job.run(job.text(*waiting, job.component("d", None)))
    finally:
        sign(job.ledger, "let go").set()
    state = job.state
    assert state.status is CheckpointStatus.FAILED
    assert actions(state) == {"a": "failed", "b": "failed", "d": "pending"}


@AT_ONCE
def test_when_another_attempt_takes_over_nothing_more_is_recorded(job: Job, parallelism: int) -> None:
    class Successor(PipelineHooks):
        def after_component(self, event: Any) -> None:
            self.recorded = job.recorded(event.run.run_id)
            job.log(event.run.run_id).discard()
            sign(job.ledger, "taken over").set()

    text = job.text(
        job.component("a", size=parallelism),
        job.component("b", size=parallelism, waits_for="taken over"),
        job.component("c", size=parallelism, waits_for="taken over"),
        job.component("d", None),
        parallelism=parallelism,
    )
    hooks = Successor()
    with pytest.raises(SupersededError):
        job.run(text, hooks)
    assert hooks.recorded.completed_components == ("a",)
    # In sequence b may have started when it was noticed.
    assert job.entered in ([["a"], ["a", "b"]] if parallelism == 1 else [["a", "b", "c"]])
    assert job.runner.list_resumable("Steps") == []


def test_all_that_were_running_when_the_driver_died_are_named_and_run_again(job: Job) -> None:
    """What is recorded while they run is all that a dead driver leaves."""
    seen: list[CheckpointState] = []

    class Looks(PipelineHooks):
        def after_component(self, event: Any) -> None:
            if event.name == "a":
                seen.append(job.recorded(event.run.run_id))
                sign(job.ledger, "seen").set()

    job.run(
        job.text(
            job.component("a", size=3),
            job.component("b", size=3, waits_for="seen"),
            job.component("c", size=3, waits_for="seen"),
            job.component("d", "bc"),
        ),
        Looks(),
    )
    (state,) = seen
    assert [record.name for record in all_stopped_at(state)] == ["b", "c"]
    assert "at [2/4] b and [3/4] c" in summarize(state)
    assert {c.name: c.state for c in page_components(state, Standing.DEAD)} == {
        "a": "done",
        "b": "interrupted",
        "c": "interrupted",
        "d": "pending",
    }
    assert next_try(state)["failed_components"] == ["b", "c"]


# ---- the log


def test_lines_of_components_that_run_at_the_same_time_carry_their_names(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # those of the tests show the records, too
    text = job.text(*(job.component(name, kind="Talk") for name in ("load", "clean")))
    with LogPrinter.of(parse_pipeline(text), str):
        job.run(text)
    lines = capsys.readouterr().out.splitlines()
    for name in ("load", "clean"):
        assert f"    [{name}] progress of {name}" in lines
        assert f"    INFO [{name}] info of {name}" in lines
        assert f"    WARNING [{name}] thread of {name}" in lines


@AT_ONCE
def test_starts_are_recorded_only_if_several_can_run(job: Job, parallelism: int) -> None:
    report = job.run(
        job.text(
            job.component("a"),
            job.component("b", "a"),
            parallelism=parallelism,
            more="checkpoint { cleanup-on-success = false }",
        )
    )
    latest = job.log(report.run_id).latest()
    assert latest is not None
    # claimed, running, a, b, completed; and the starts of a and of b
    assert latest.number == (4 if parallelism == 1 else 6)


def test_the_components_of_an_ended_run_are_not_running(job: Job) -> None:
    state = job.fails(job.text(job.component("a", size=2, fails=9), job.component("b", size=2)))
    assert all(record.action is not ComponentAction.PENDING for record in state.components)
    assert [record.name for record in all_stopped_at(state)] == ["a"]
