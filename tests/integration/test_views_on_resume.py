"""Views in a resumed run: restored, replayed, or refused before any work starts. Real driver processes, real Spark."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.claimant import Caller
from airflow_spark_pipeline.checkpoint.key import UnitKey, unit_path
from airflow_spark_pipeline.checkpoint.location import StoreLocation
from airflow_spark_pipeline.checkpoint.log import RunLog
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.protocol import EXIT_COMPLETED, EXIT_COMPONENT_FAILED, EXIT_DEFINITION, DriverRequest
from airflow_spark_pipeline.task.attempt import TaskAttempt

pytestmark = [pytest.mark.spark, pytest.mark.slow]

_ROOT = Path(__file__).resolve().parents[2]
_KEY = UnitKey("test", "dag", "run", "task")


class Unit:
    """One unit of work whose attempts run one after another."""

    def __init__(self, directory: Path) -> None:
        self.location = directory / "checkpoints"
        self.ledger = directory / "ledger"
        self._directory = directory
        self._tries = 0

    def attempt(self, components: str, *, options: str = "") -> tuple[int, str]:
        """Run the next attempt; returns the driver's exit code and what it printed."""
        self._tries += 1
        text = f"pipeline {{ pipeline-name = Views, {options}\n pipeline-components = [\n{components}\n] }}"
        spec = parse_pipeline(text.replace("LEDGER", str(self.ledger)))
        checkpoint = spec.checkpoint.with_defaults(enabled=True, auto_resume=True)
        spec = replace(spec, checkpoint=checkpoint)
        unit = unit_path(spec.pipeline_name, _KEY)
        log = RunLog(StoreLocation.of(str(self.location), checkpoint.store).open(), unit)
        attempt = TaskAttempt(spec, log, _KEY, Caller(5, 5, self._tries, "id"), auto_resume=True)
        attempt.decide()
        request = DriverRequest(
            spec.to_dict(), str(self.location), unit=unit, token=attempt.claim(), lease_seconds=30, local=True
        )
        file = self._directory / f"request-{self._tries}.json"
        file.write_text(request.to_json(), encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": f"{_ROOT}:{Path(__file__).parent / 'steps'}",
            "PYSPARK_SUBMIT_ARGS": "--master local[1] --conf spark.ui.enabled=false pyspark-shell",
        }
        result = subprocess.run(
            [sys.executable, "-m", "airflow_spark_pipeline.runtime", "run", str(file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            cwd=self._directory,
            env=environment,
            check=False,
        )
        return result.returncode, result.stdout

    @property
    def lines(self) -> list[str]:
        return self.ledger.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path)


def _step(name: str, *, more: str = "", **config: object) -> str:
    settings = ", ".join(['ledger = "LEDGER"', *(f"{key} = {value}" for key, value in config.items())])
    return f"{{ instance-type = view_steps.{name}, instance-name = {name}, {more} instance-config {{ {settings} }} }}"


_READY_MADE = """
    { instance-type = airflow_spark_pipeline.components.SqlToView, instance-name = Numbers
      instance-config { view = n, sql = "SELECT id, cast(id AS string) AS x FROM range(4)" } }
    { instance-type = airflow_spark_pipeline.components.SqlToView, instance-name = Even
      instance-config { view = drawn, sql = "SELECT * FROM n WHERE id % 2 = 0" } }
    { instance-type = airflow_spark_pipeline.components.CheckRowCount, instance-name = Check
      instance-config { view = drawn, min = 2, max = 2 } }
"""


def test_a_saved_view_is_computed_once_and_holds_the_same_on_resume(unit: Unit) -> None:
    components = ",\n".join([_step("Draw", more="save-outputs = true,"), _step("Look", fails=1)])
    code, said = unit.attempt(components)
    assert (code, "saved drawn" in said) == (EXIT_COMPONENT_FAILED, True)
    code, said = unit.attempt(components)
    assert code == EXIT_COMPLETED
    assert "[1/2] Draw skipped (done in attempt 1; restored drawn)" in said
    drawn, first, second = unit.lines
    assert drawn == "Draw 1"
    assert first.split()[2:] == second.split()[2:]


@pytest.mark.nightly
def test_a_component_whose_saved_output_is_gone_runs_again_and_says_so(unit: Unit) -> None:
    components = ",\n".join([_step("Draw", more="save-outputs = true,"), _step("Look", fails=1)])
    unit.attempt(components)
    shutil.rmtree(unit.location / "_outputs")
    code, said = unit.attempt(components)
    assert code == EXIT_COMPLETED
    assert "Draw is run again: the saved output of view 'drawn' is no longer complete" in said
    assert [line.split()[:2] for line in unit.lines] == [["Draw", "1"], ["Look", "1"], ["Draw", "2"], ["Look", "2"]]


@pytest.mark.nightly
def test_a_saved_output_that_vanishes_after_the_resume_began_fails_its_reader_and_the_retry_makes_it_again(
    unit: Unit,
) -> None:
    look = _step("Look", fails=1, removes=f'"{unit.location / "_outputs"}"')
    components = ",\n".join([_step("Draw", more="save-outputs = true,"), look])
    assert unit.attempt(components)[0] == EXIT_COMPONENT_FAILED
    code, said = unit.attempt(components)
    assert code == EXIT_COMPONENT_FAILED
    assert "[1/2] Draw skipped (done in attempt 1; restored drawn)" in said
    assert "[2/2] Look failed" in said
    code, said = unit.attempt(components)
    assert code == EXIT_COMPLETED
    assert "Draw is run again: the saved output of view 'drawn' is no longer complete" in said
    assert [line.split()[:2] for line in unit.lines] == [["Draw", "1"], ["Look", "1"], ["Draw", "3"], ["Look", "3"]]


@pytest.mark.nightly
def test_ready_made_components_that_define_views_are_replayed(unit: Unit) -> None:
    components = _READY_MADE.replace("}\n    {", "},\n    {") + "," + _step("Look", fails=1)
    assert unit.attempt(components)[0] == EXIT_COMPONENT_FAILED
    code, said = unit.attempt(components)
    assert code == EXIT_COMPLETED
    assert "[1/4] Numbers ... replayed, done in attempt 1" in said
    assert "[3/4] Check skipped (done in attempt 1)" in said
    assert unit.lines == ["Look 1 0 2", "Look 2 0 2"]


def test_a_pipeline_that_could_not_resume_is_refused_before_any_work(unit: Unit) -> None:
    code, said = unit.attempt(",\n".join([_step("Draw"), _step("Look")]))
    assert code == EXIT_DEFINITION
    assert "Look reads the view 'drawn' of Draw, which a resumed run would not have" in said
    assert "save-outputs = true" in said
    assert not unit.ledger.exists()


@pytest.mark.nightly
def test_without_auto_resume_a_pipeline_with_unsaved_views_runs(unit: Unit) -> None:
    components = ",\n".join([_step("Draw"), _step("Look")])
    code, _ = unit.attempt(components, options="checkpoint { auto-resume = false }")
    assert code == EXIT_COMPLETED


@pytest.mark.nightly
def test_with_fail_fast_off_exactly_the_failed_ones_run_again_and_what_depends_on_them(unit: Unit) -> None:
    look = _step("Look", more="depends-on = [Draw],", fails=1)
    other = look.replace("instance-name = Look", "instance-name = Other").replace("fails = 1", "fails = 0")
    last = other.replace("instance-name = Other", "instance-name = Last").replace("[Draw]", "[Look]")
    components = ",\n".join([_step("Draw", more="save-outputs = true,"), look, other, last])
    code, said = unit.attempt(components, options="fail-fast = false,")
    assert code == EXIT_COMPONENT_FAILED
    assert "[4/4] Last not run (depends on Look, which failed)" in said
    code, said = unit.attempt(components, options="fail-fast = false,")
    assert code == EXIT_COMPLETED
    ran = [tuple(line.split()[:2]) for line in unit.lines]
    assert ran == [("Draw", "1"), ("Look", "1"), ("Other", "1"), ("Look", "2"), ("Last", "2")]
