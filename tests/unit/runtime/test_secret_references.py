"""``${secret:env://NAME}`` in a run: only the component gets the value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.pipeline.spec import PipelineSpec
from airflow_spark_pipeline.runtime.lifecycle.audit import AuditHooks
from tests.sparkless import FakeSpark
from tests.steps import describe

URL = "jdbc:postgresql://u:${secret:env://SHOP_VALUE}@h/d"


def spec_of(message: str = URL, **config: str) -> PipelineSpec:
    """Two components; the second fails with its message, of the resolved value."""
    spec = parse_pipeline(describe("a", "b:Step:fails = 9"))
    first, second = spec.components
    second = replace(second, instance_config={**second.instance_config, "message": message, **config})
    return replace(spec, components=(first, second))


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineRunner:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    return PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]  # runs no SQL


def test_the_value_of_a_reference_is_used_but_not_shown_anywhere(
    runner: PipelineRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_VALUE", "planted-4711")
    spec = spec_of("cannot reach " + URL + " as ${secret:env://SHOP_VALUE}")
    audit = tmp_path / "audit.jsonl"
    with pytest.raises(ComponentFailedError) as caught:
        runner.run_with_checkpointing(spec, AuditHooks.to_file(audit))
    assert "cannot reach jdbc:postgresql://u:***@h/d as ***" in str(caught.value)
    texts = [str(caught.value), capsys.readouterr().out, audit.read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not [text for text in texts if "planted-4711" in text]
    assert "${secret:env://SHOP_VALUE}" in texts[2]

    # Another value is no change, another reference is one.
    monkeypatch.setenv("SHOP_VALUE", "rotated-4712")
    assert runner.run_id is not None
    with pytest.raises(ComponentFailedError, match="failed at"):
        runner.resume(spec, runner.run_id)


def test_a_missing_variable_is_one_error_before_anything_runs(runner: PipelineRunner, tmp_path: Path) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        runner.run_with_checkpointing(spec_of())
    (problem,) = caught.value.problems
    assert problem.path == "pipeline.pipeline-components[1].instance-config.message"
    assert "SHOP_VALUE" in problem.message
    assert not (tmp_path / "ledger").exists()


def test_validate_leaves_an_unset_variable_to_the_driver(runner: PipelineRunner) -> None:
    assert runner.validate(spec_of(fails="${secret:env://HOW_OFTEN}")) == []


def test_the_error_about_a_wrong_value_does_not_quote_it(
    runner: PipelineRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW_OFTEN", "planted")
    (problem,) = runner.validate(spec_of("x", fails="${secret:env://HOW_OFTEN}"))
    assert "planted" not in problem.message
    assert "***" in problem.message
