"""What a component reports as written: what is accepted, what is recorded, and what a resume keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.checkpoint.state import CheckpointState
from airflow_spark_pipeline.exceptions import ComponentFailedError
from airflow_spark_pipeline.runtime.component.base import Component, ComponentContext
from airflow_spark_pipeline.runtime.component.written import asset_uri
from tests.sparkless import FakeSpark

COMPONENTS = """
from dataclasses import dataclass
from pathlib import Path
from airflow_spark_pipeline import Component

@dataclass
class Write(Component):
    uris: list[str]
    switch: str = ""
    token: str = ""

    def run(self, spark):
        for number, uri in enumerate(self.uris):
            self.context.wrote(uri, number=number, note=f"with {self.token}" if self.token else "")
        if self.switch and not Path(self.switch).exists():
            raise OSError("down")
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PipelineRunner:
    (tmp_path / "writing_etl.py").write_text(COMPONENTS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return PipelineRunner(FakeSpark(), location=tmp_path / "checkpoints")  # type: ignore[arg-type]  # it is asked for little


def component(name: str, uris: str, more: str = "", after: str = "") -> str:
    config = f"instance-config {{ uris = {uris}{more} }}"
    return f"{{ instance-type = writing_etl.Write, instance-name = {name}, {config}{after} }}"


def describe(*components: str) -> str:
    return f"pipeline {{ pipeline-name = Writing, pipeline-components = [ {', '.join(components)} ] }}"


def unfinished(runner: PipelineRunner) -> CheckpointState:
    (state,) = runner.list_resumable("Writing")
    return state


def wrote(state: CheckpointState) -> dict[str, Any]:
    return {record.name: dict(record.wrote) for record in state.components}


def test_written_uris_are_recorded_with_the_component_and_survive_a_resume(
    runner: PipelineRunner, tmp_path: Path
) -> None:
    down = f", switch = {tmp_path / 'up'}"
    pipeline = describe(component("A", '["s3a://lake/a", "s3://lake/a2"]'), component("B", '["s3://lake/b"]', down))
    with pytest.raises(ComponentFailedError) as failed:
        runner.run_with_checkpointing(pipeline)
    expected = {"s3://lake/a": {"number": 0, "note": ""}, "s3://lake/a2": {"number": 1, "note": ""}}
    assert wrote(unfinished(runner)) == {"A": expected, "B": {}}, "what has failed has written nothing that counts"

    with pytest.raises(ComponentFailedError):
        runner.resume(pipeline, str(failed.value.run_id))
    assert wrote(unfinished(runner)) == {"A": expected, "B": {}}


def test_a_component_that_runs_again_reports_what_it_wrote_again(runner: PipelineRunner, tmp_path: Path) -> None:
    last = component("B", "[]", f", switch = {tmp_path / 'up'}")
    with pytest.raises(ComponentFailedError) as failed:
        runner.run_with_checkpointing(describe(component("A", '["s3://lake/old"]'), last))
    edited = describe(component("A", '["s3://lake/new"]'), last).replace(
        "pipeline-name", "checkpoint.on-change = rerun-from-change, pipeline-name"
    )
    with pytest.raises(ComponentFailedError):
        runner.resume(edited, str(failed.value.run_id))
    assert list(wrote(unfinished(runner))["A"]) == ["s3://lake/new"]


def test_secrets_are_masked_in_what_is_recorded(runner: PipelineRunner, tmp_path: Path) -> None:
    secret = component(
        "A", '["s3://key:hunter22@lake/a", "s3://lake/swordfish1", "s3://lake/tokens"]', ", token = swordfish1"
    )
    with pytest.raises(ComponentFailedError):
        runner.run_with_checkpointing(describe(secret, component("B", "[]", f", switch = {tmp_path / 'up'}")))
    recorded = str(wrote(unfinished(runner)))
    assert "s3://lake/a" in recorded
    assert "'s3://lake/tokens': {'number': 2" in recorded, "a URI is not the name of a field"
    assert "hunter22" not in recorded
    assert "swordfish1" not in recorded


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("s3://lake/orders", "s3://lake/orders"),
        ("s3a://lake/orders", "s3://lake/orders"),
        ("s3n://lake/orders/", "s3://lake/orders/"),
        ("  s3://lake/orders ", "s3://lake/orders"),
        ("s3a://key:secret@lake/orders", "s3://lake/orders"),
        ("s3://lake/ü b", "s3://lake/%C3%BC%20b"),
        ("s3://lake/a%20b", "s3://lake/a%20b"),
        ("abfss://data@account.dfs.core.windows.net/orders", "abfss://data@account.dfs.core.windows.net/orders"),
        ("file:///data/orders", "file:///data/orders"),
        ("hdfs://name-node:8020/orders", "hdfs://name-node:8020/orders"),
        ("postgres://db/sales/public/orders", "postgres://db/sales/public/orders"),
        ("x-spark-table://spark_catalog/sales/orders", "x-spark-table://spark_catalog/sales/orders"),
    ],
)
def test_a_uri_has_one_form_in_which_other_tools_find_the_same_asset(given: str, named: str) -> None:
    assert asset_uri(given) == named


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("/data/orders", "'/data/orders' is not a URI; give its scheme"),
        ("orders", "'orders' is not a URI"),
        ("", "'' is not a URI"),
        ("s3://", "'s3://' is not a URI"),
        ("file:///", "'file:///' is not a URI"),
        ("airflow://x/y", "Airflow reserves the scheme"),
        (f"s3://lake/{'x' * 1500}", "the URI has 1,510 characters; 1,500 are the most"),
        (Path("/data"), "is text, not PosixPath"),
        (None, "is text, not NoneType"),
    ],
)
def test_a_uri_that_cannot_name_an_asset_is_refused_in_the_call(uri: Any, said: str) -> None:
    context = ComponentContext.standalone("work")
    with pytest.raises((TypeError, ValueError), match=said):
        context.wrote(uri)
    assert context.results.written == {}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"day": Path("/")}, "the fact 'day' cannot be written as JSON"),
        ({"rows": 1, "share": float("nan")}, "the fact 'share' cannot be written as JSON"),
        ({"rows": {1, 2}}, "the fact 'rows' cannot be written as JSON"),
        ({"text": "x" * 4000}, "the facts have 4,012 characters as JSON; 4,000 are the most"),
        ({"spark_pipeline": 1}, "'spark_pipeline' is the operator's own"),
    ],
)
def test_facts_that_cannot_be_recorded_are_refused(facts: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        ComponentContext.standalone("work").wrote("s3://lake/orders", **facts)


def test_the_last_facts_about_a_uri_count_and_later_changes_of_a_list_do_not() -> None:
    context, columns = ComponentContext.standalone("work"), ["id"]
    context.wrote("s3a://lake/orders", rows=1)
    context.wrote("s3://lake/orders", rows=2, columns=columns)
    columns.append("total")
    assert context.results.written == {"s3://lake/orders": {"rows": 2, "columns": ["id"]}}


def test_a_component_names_data_sets_and_not_each_file() -> None:
    context = ComponentContext.standalone("work")
    for number in range(100):
        context.wrote(f"s3://lake/{number}")
    context.wrote("s3://lake/7", again=True)
    with pytest.raises(ValueError, match="name the data set, not each of its files: s3://lake/100"):
        context.wrote("s3://lake/100")


def test_a_component_can_report_what_it_wrote_in_a_test() -> None:
    class Write(Component):
        def run(self, spark: Any) -> None:
            self.context.wrote("s3://lake/orders", rows=3)

    component = Write()
    component.attach(ComponentContext.standalone("work"))
    component.run(None)
    assert component.context.results.written == {"s3://lake/orders": {"rows": 3}}
