"""The how-tos of the documentation: their examples are run."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.cli.command_table import COMMANDS
from airflow_spark_pipeline.cli.project import FILES
from airflow_spark_pipeline.get_provider_info import get_provider_info
from airflow_spark_pipeline.pipeline.parser import parse_pipeline
from airflow_spark_pipeline.rendering.without_airflow import read_config
from tests.unit.operators.shop import Shop, fail

ROOT = Path(__file__).resolve().parents[3]


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def block(name: str, language: str, containing: str = "") -> str:
    (found,) = [b for b in re.findall(rf"```{language}\n(.*?)```", page(name), re.DOTALL) if containing in b]
    return str(found)


# ---- values


class TaskInstance:
    def xcom_pull(self, task_ids: str) -> str:
        return f"/from/{task_ids}"


VALUES: dict[str, Any] = {
    "ds": "2026-01-31",
    "params": {"region": "eu", "columns": ["id", "day"]},
    "var": {"value": {"bucket": "lake"}, "json": {"tables": {"orders": "sales.orders"}}},
    "conn": {"warehouse": {"host": "db.example"}},
    "ti": TaskInstance(),
}
EXPECTED = {
    "day": "2026-01-31",
    "region": "eu",
    "columns": ["id", "day"],
    "bucket": "lake",
    "table": "sales.orders",
    "host": "db.example",
    "path": "/from/export",
    "home": "/home/data",
    "password": "${secret:env://WAREHOUSE_PASSWORD}",
}


def config_of(text: str) -> dict[str, Any]:
    component = f"{{ instance-type = m.C, instance-config {{ {text} }} }}"
    whole = f"pipeline {{ pipeline-name = p, pipeline-components = [ {component} ] }}"
    return dict(read_config(whole, VALUES).checked().components[0].instance_config)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_row_of_the_table_of_values_gives_its_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_HOME", "/home/data")
    rows = re.findall(r"^\| .* \| `(\S+ = .*)` \|$", page("values"), re.MULTILINE)
    assert sorted(row.partition(" ")[0] for row in rows) == sorted(EXPECTED)
    (row,) = [row for row in rows if row.startswith(f"{name} =")]
    assert config_of(row) == {name: EXPECTED[name]}


def test_the_example_of_values_gives_the_documented_values() -> None:
    spec = read_config(block("values", "hocon"), VALUES).checked()
    read, write = spec.components
    assert spec.pipeline_name == "Orders of eu"
    assert read.instance_config == {
        "table": "sales.orders",
        "columns": ["id", "day"],
        "where": "day = DATE '2026-01-31'",
        "view": "orders",
    }
    assert write.instance_config["path"] == "s3a://lake/eu/2026-01-31"


def test_each_element_of_the_mapped_example_has_its_params() -> None:
    names: dict[str, Any] = {"SparkPipelineOperator": SparkPipelineOperator}
    with DAG("mapped", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        exec(compile(block("values", "python"), "values.md", "exec"), names)  # noqa: S102  # the page is what is tested
    mapped: Any = dag.get_task("etl")
    for region in ("eu", "us"):
        task = mapped.unmap({"params": {"region": region}})
        assert (task.params["region"], task.pipeline, task.retries) == (region, "orders.conf", 3)


# ---- alerts


def test_the_example_of_alerts_reports_a_retry_and_a_failure(shop: Shop) -> None:
    sent: list[str] = []
    names: dict[str, Any] = {"send": sent.append}
    with DAG("alerts", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)) as dag:
        exec(compile(block("alerts", "python"), "alerts.md", "exec"), names)  # noqa: S102  # the page is what is tested
    task: Any = dag.get_task("etl")
    context, error = fail(shop)
    for callback in task.on_retry_callback:
        callback(context)
    for callback in task.on_failure_callback:
        callback({**context, "exception": error})
    retried, failed = sent
    assert "Clean" in retried
    assert "OSError: disk full" in retried
    assert "etl" in failed or "Clean" in failed


def test_every_name_that_a_notifier_may_use_is_given(shop: Shop) -> None:
    from airflow_spark_pipeline.callbacks import AutoResumeCallback

    context, _ = fail(shop)
    told: list[Any] = []
    AutoResumeCallback(told.append)(context)
    names = re.findall(r"\{\{ spark_pipeline\.(\w+) \}\}", page("alerts"))
    assert set(names) <= {*told[0]["spark_pipeline"]}
    assert {"text", "failed_component", "failed_components", "error", "run_id"} == set(names)


# ---- layout, CI, managed Airflow


def test_the_layout_is_the_one_that_init_writes() -> None:
    tree = page("project-layout").partition("```\nmy-pipelines/\n")[2].partition("```")[0]
    names = re.findall(r"^ +([\w.]+)", tree, re.MULTILINE)
    written = {part for file in FILES.values() for part in file.split("/")}
    assert set(names) - written == {"requirements.txt"}


def test_the_commands_of_the_ci_example_exist() -> None:
    workflow = yaml.safe_load(block("project-layout", "yaml"))
    commands = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    known = {command.name for command in COMMANDS}
    assert {command.split()[1] for command in commands if command.startswith("spark-pipeline")} <= known
    assert "pytest" in commands


def test_the_settings_and_extras_for_managed_airflow_exist() -> None:
    text = page("managed-airflow")
    options = get_provider_info()["config"]["spark_pipeline"]["options"]
    named = {name.lower() for name in re.findall(r"AIRFLOW__SPARK_PIPELINE__(\w+)", text)}
    assert named == {"checkpoint_location", "checkpoint_conn_id"}
    assert named <= {*options}
    extras = set(re.findall(r"airflow-spark-pipeline\[(\w+)\]", text))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert extras == {"s3", "gcs", "spark"}
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


def test_the_docs_pipeline_for_a_first_check_is_valid() -> None:
    (component,) = re.findall(r"`(\{ instance-type = .*? \} \})`", page("managed-airflow"))
    spec = parse_pipeline(f"pipeline {{ pipeline-name = p, pipeline-components = [ {component} ] }}")
    assert spec.components[0].instance_config == {"sql": "SELECT 1 AS one", "view": "one"}
