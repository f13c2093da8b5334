"""The operator in the ways that people write DAGs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.spark.operators import spark_submit
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.airflow_features import AIRFLOW
from airflow_spark_pipeline.links.spark_pipeline import SparkPipelineRunLink
from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator as Operator
from tests.airflows import DagBag
from tests.unit.operators.shop import Shop


def dag(**arguments: Any) -> DAG:
    return DAG("written", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), **arguments)


def test_default_args_reach_it() -> None:
    with dag(default_args={"checkpoint_location": "s3://lake/c", "resume_scope": "pipeline", "retries": 7}):
        task = SparkPipelineOperator(task_id="etl", pipeline="etl.conf")
    assert (task.checkpoint_location, task.resume_scope, task.retries) == ("s3://lake/c", "pipeline", 7)


def test_it_stands_in_a_task_group() -> None:
    with dag(), TaskGroup("nightly"):
        task = SparkPipelineOperator(task_id="etl", pipeline="etl.conf")
    assert task.task_id == "nightly.etl"


def test_an_operator_can_be_a_setup_and_a_teardown() -> None:
    with dag():
        setup = SparkPipelineOperator(task_id="make", pipeline="make.conf").as_setup()  # type: ignore[no-untyped-call]
        work = SparkPipelineOperator(task_id="work", pipeline="work.conf")
        teardown = SparkPipelineOperator(task_id="remove", pipeline="remove.conf").as_teardown(setups=setup)
        setup >> work >> teardown
    assert (setup.is_setup, teardown.is_teardown) == (True, True)


@pytest.mark.parametrize("wrong", [{"resume_scope": "x"}, {"on_change": "x"}])
def test_a_wrong_argument_is_an_error_while_the_dag_is_parsed(wrong: dict[str, Any]) -> None:
    """Airflow shows it as import error of the file; a mapped task says it when it runs."""
    with dag(), pytest.raises(ValueError, match=f"{next(iter(wrong))} is 'x'; it must be one of"):
        SparkPipelineOperator(task_id="etl", pipeline="etl.conf", **wrong)


def test_each_mapped_task_has_its_own_arguments() -> None:
    with dag():
        mapped = SparkPipelineOperator.partial(task_id="etl", checkpoint_location="/c").expand_kwargs(
            [{"pipeline": "a.conf", "only": ["x"]}, {"pipeline": "b.conf"}]
        )
    assert isinstance(mapped, MappedOperator)
    task = mapped.unmap({"pipeline": "a.conf", "only": ["x"]})
    assert isinstance(task, Operator)
    assert (task.pipeline, task.only, task.checkpoint_location) == ("a.conf", ["x"], "/c")


@pytest.mark.skipif(not AIRFLOW.has_react_plugins, reason="this Airflow shows no page of a plugin")
def test_the_link_leads_to_the_page_of_the_run(shop: Shop, airflow_config: Any) -> None:
    airflow_config("api", "base_url", "https://airflow.example/prod/")

    class Key:
        dag_id, run_id, task_id, map_index = "shop", "manual__2026-01-31T00:00:00+00:00", "etl", -1

    class MappedKey(Key):
        map_index = 3

    (link,) = shop.operator().operator_extra_links
    assert isinstance(link, SparkPipelineRunLink)
    assert link.get_link(shop.operator(), ti_key=Key()) == (  # type: ignore[arg-type]
        "/prod/plugin/spark-pipeline?dag_id=shop&run_id=manual__2026-01-31T00%3A00%3A00%2B00%3A00&task_id=etl"
    )
    assert link.get_link(shop.operator(), ti_key=MappedKey()).endswith("&map_index=3")  # type: ignore[arg-type]


def test_openlineage_gets_the_same_parent_as_from_the_providers_operator(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inject(properties: dict[str, str], context: Any) -> dict[str, str]:
        return {**properties, "spark.openlineage.parentJobName": f"{context['ti'].dag_id}.{context['ti'].task_id}"}

    monkeypatch.setattr(spark_submit, "inject_parent_job_information_into_spark_properties", inject)
    shop.run(openlineage_inject_parent_job_info=True, conf={"spark.executor.cores": "1"})
    (command,) = shop.driver.commands
    assert "spark.openlineage.parentJobName=shop.etl" in command
    assert "spark.executor.cores=1" in command


def test_airflow_shows_a_wrong_argument_as_import_error_of_its_file(tmp_path: Path) -> None:
    """What ``airflow dags list-import-errors`` prints."""
    file = tmp_path / "wrong.py"
    file.write_text(
        "from airflow.sdk import DAG\n"
        "from airflow_spark_pipeline import SparkPipelineOperator\n"
        "with DAG('wrong', schedule=None):\n"
        "    SparkPipelineOperator(task_id='etl', pipeline='etl.conf', resume_scope='dag')\n",
        encoding="utf-8",
    )
    errors = DagBag(str(file), bundle_path=tmp_path, bundle_name="wrong").import_errors
    ((place, text),) = errors.items()
    assert text.rstrip().endswith("ValueError: resume_scope is 'dag'; it must be one of dag_run, pipeline")
    assert place.endswith("wrong.py")
