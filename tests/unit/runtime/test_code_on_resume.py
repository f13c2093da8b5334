"""A completed component whose Python code has changed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.checkpoint.standing import Standing
from airflow_spark_pipeline.checkpoint.state import CheckpointState, CheckpointStatus
from airflow_spark_pipeline.exceptions import ComponentFailedError, ResumeRefusedError
from airflow_spark_pipeline.pipeline.spec import CheckpointSpec, ComponentSpec, PipelineSpec
from airflow_spark_pipeline.plugins.page.next_attempt import next_attempt
from airflow_spark_pipeline.plugins.page.run_models import components
from airflow_spark_pipeline.protocol import EXIT_COMPLETED, EXIT_COMPONENT_FAILED, EXIT_DEFINITION, DriverRequest
from airflow_spark_pipeline.runtime.driver.driver import Driver
from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner
from airflow_spark_pipeline.secrets import Redactor
from airflow_spark_pipeline.task.attempt import TaskAttempt
from tests.sparkless import FakeSpark
from tests.steps import read

MODULE = "from tests.steps import Step\nfrom {package}.rules import RULE\n\n\nclass Extract(Step):\n    pass\n"


class Pipeline:
    """Extract, of a package that can be edited; then a component that fails the first time."""

    def __init__(self, directory: Path, name: str) -> None:
        self.package = directory / name
        self.package.mkdir()
        self.edit("__init__.py", "")
        self.edit("rules.py", "RULE = 1\n")
        self.edit("load.py", MODULE.format(package=name))
        self.ledger = directory / "ledger"
        self.fails = 1
        self._tries = 0
        self._directory = directory
        self._kind = f"{name}.load.Extract"

    def edit(self, file: str, text: str) -> None:
        (self.package / file).write_text(text, encoding="utf-8")

    def attempt(self, **checkpoint: Any) -> None:
        self._runner().run_with_checkpointing(self.spec(**checkpoint))

    def plan(self, **checkpoint: Any) -> str:
        return self._runner().plan(self.spec(**checkpoint)).steps[0].reason

    @property
    def ran(self) -> list[str]:
        return [entry["name"] for entry in read(self.ledger)]

    def attempt_of_a_task(self, **checkpoint: Any) -> tuple[int, CheckpointState]:
        """As the operator has it, which does not load the user's code: the driver alone can tell."""
        spec = self.spec(**checkpoint)
        key, location = UnitKey("test", "dag", "run", "task"), str(self._directory / "checkpoints")
        unit = unit_path(spec.pipeline_name, key)
        log = RunLog(StoreLocation.of(location, spec.checkpoint.store).open(), unit)
        self._tries += 1
        attempt = TaskAttempt(spec, log, key, Caller(5, 5, self._tries, "id"), auto_resume=True)
        attempt.decide()
        request = DriverRequest(spec.to_dict(), location, unit=unit, token=attempt.claim(), lease_seconds=30)
        driver = Driver(request, Redactor(), log, spark=cast("Any", FakeSpark()), owns_process=False)
        return driver.drive()[0], driver.state

    def _runner(self) -> PipelineRunner:
        return PipelineRunner(cast("Any", FakeSpark()), location=self._directory / "checkpoints")

    def spec(self, **checkpoint: Any) -> PipelineSpec:
        config = {"ledger": str(self.ledger)}
        path = "pipeline.pipeline-components"
        components = (
            ComponentSpec(self._kind, "Extract", config, f"{path}[0]"),
            ComponentSpec("tests.steps.Step", "Load", {**config, "fails": self.fails}, f"{path}[1]"),
        )
        return PipelineSpec("Coded", components, checkpoint=CheckpointSpec(True, None, auto_resume=True, **checkpoint))


@pytest.fixture
def pipeline(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    name = f"coded_{abs(hash(request.node.name))}"
    found = Pipeline(tmp_path, name)
    with pytest.raises(ComponentFailedError):
        found.attempt()
    yield found
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


@pytest.mark.parametrize("file", ["load.py", "rules.py", "__init__.py"])
def test_a_changed_file_is_named_and_the_component_is_skipped(
    pipeline: Pipeline, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline.plan() == "done in attempt 1"
    pipeline.edit(file, (pipeline.package / file).read_text(encoding="utf-8") + "# edited\n")
    said = f"done in attempt 1; its code has changed since: {pipeline.package.name}/{file}"
    assert pipeline.plan() == said
    pipeline.attempt()
    assert f"[1/2] Extract skipped ({said})" in capsys.readouterr().out
    assert pipeline.ran == ["Extract", "Load", "Load"]


def test_an_unchanged_file_is_not_named(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.edit("unrelated.py", "1\n")
    pipeline.attempt(code_match=True)
    assert "Extract skipped (done in attempt 1)" in capsys.readouterr().out


def test_with_code_match_a_changed_file_is_an_edit(pipeline: Pipeline) -> None:
    pipeline.edit("rules.py", "RULE = 2\n")
    with pytest.raises(ResumeRefusedError, match=r"its code has changed since: \w+/rules.py") as raised:
        pipeline.attempt(code_match=True)
    assert raised.value.differences == (f"{pipeline.package.name}/rules.py",)
    pipeline.edit("rules.py", "RULE = 1\n")
    pipeline.attempt(code_match=True)
    assert pipeline.ran == ["Extract", "Load", "Load"]


@pytest.mark.parametrize("on_change", ["restart", "rerun-from-change"])
def test_with_code_match_on_change_decides_what_an_edit_does(pipeline: Pipeline, on_change: str) -> None:
    pipeline.edit("rules.py", "RULE = 2\n")
    pipeline.attempt(code_match=True, on_change=on_change)
    assert pipeline.ran == ["Extract", "Load", "Extract", "Load"]


@pytest.mark.parametrize("version", [2, "2026-02"])
def test_another_version_of_the_class_always_counts(
    pipeline: Pipeline, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = sys.modules[f"{pipeline.package.name}.load"].Extract
    with monkeypatch.context() as patch:
        patch.setattr(extract, "version", version, raising=False)
        with pytest.raises(ResumeRefusedError, match=r"Extract is recorded as done, and .*Extract.version has changed"):
            pipeline.attempt()
    pipeline.attempt()
    assert pipeline.ran == ["Extract", "Load", "Load"]


def test_a_driver_under_airflow_reports_and_records_code_changes_that_the_operator_could_not_see(
    pipeline: Pipeline,
) -> None:
    pipeline.ledger.unlink()
    assert pipeline.attempt_of_a_task()[0] == EXIT_COMPONENT_FAILED
    pipeline.edit("rules.py", "RULE = 3\n")
    code, state = pipeline.attempt_of_a_task(code_match=True)
    assert code == EXIT_DEFINITION
    assert state.failure is not None
    assert (state.failure.error_type, state.failure.retry_helps) == ("ResumeRefusedError", False)
    assert state.completed_components == ("Extract",)
    code, state = pipeline.attempt_of_a_task()
    assert code == EXIT_COMPLETED
    file = f"{pipeline.package.name}/rules.py"
    assert state.components[0].reason == f"done in attempt 1; its code has changed since: {file}"
    assert state.components[0].changed_code == (file,)
    assert pipeline.ran == ["Extract", "Load", "Load"]


@pytest.mark.parametrize("file", ["load.py", "rules.py", "__init__.py"])
def test_the_record_keeps_what_an_attempt_found_until_another_one_compares(pipeline: Pipeline, file: str) -> None:
    pipeline.fails = 3
    pipeline.ledger.unlink()
    pipeline.attempt_of_a_task()
    before = (pipeline.package / file).read_text(encoding="utf-8")
    pipeline.edit(file, before + "# edited\n")
    _, second = pipeline.attempt_of_a_task()
    named = f"{pipeline.package.name}/{file}"
    assert [record.changed_code for record in second.components] == [(named,), ()]
    # The API server has no code of the user's: it says what the attempt found.
    for config in (None, pipeline.spec().to_dict()):
        foreseen = next_attempt(second, config)
        assert foreseen is not None
        found = f"done in attempt 1; the last attempt found that its code has changed: {named}"
        assert foreseen.steps[0].reason == found
    shown = components(second, Standing.FAILED)[0]
    assert (shown.state, shown.reason) == ("done", f"done in attempt 1; its code has changed since: {named}")
    pipeline.edit(file, before)
    _, third = pipeline.attempt_of_a_task()
    assert [(record.reason, record.changed_code) for record in third.components[:1]] == [("done in attempt 1", ())]


def test_a_component_that_runs_again_has_no_changed_code(pipeline: Pipeline) -> None:
    pipeline.fails = 2
    pipeline.ledger.unlink()
    pipeline.attempt_of_a_task()
    pipeline.edit("rules.py", "RULE = 3\n")
    pipeline.attempt_of_a_task()
    _, state = pipeline.attempt_of_a_task(code_match=True, on_change="rerun-from-change")
    assert state.status is CheckpointStatus.COMPLETED
    assert [(record.attempt, record.changed_code) for record in state.components] == [(3, ()), (3, ())]


def test_a_driver_under_airflow_reruns_what_has_changed(pipeline: Pipeline) -> None:
    pipeline.ledger.unlink()
    assert pipeline.attempt_of_a_task()[0] == EXIT_COMPONENT_FAILED
    pipeline.edit("rules.py", "RULE = 3\n")
    code, state = pipeline.attempt_of_a_task(code_match=True, on_change="rerun-from-change")
    assert code == EXIT_COMPLETED
    assert [record.attempt for record in state.components] == [2, 2]
    assert pipeline.ran == ["Extract", "Load", "Extract", "Load"]
