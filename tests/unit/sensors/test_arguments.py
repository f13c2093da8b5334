"""The sensor's arguments: values from templates, and empty ones, which fail before the sensor waits."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor
from tests.airflows import AirflowSensorTimeout
from tests.histories_of_runs import History
from tests.xcoms import Later

OLD = "2020-01-01"
NOW = dt.datetime.now(dt.timezone.utc)
NAMES = ["pipeline_name", "external_dag_id", "external_task_id", "external_run_id", "component"]
TEMPLATED = [*NAMES, "external_map_index", "since", "checkpoint_location", "pipeline"]


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """Where one run has failed, in DAG run r1 and with map index 3."""
    History(open_store(str(tmp_path / "c")), "r1", map_index=3).failed()
    return tmp_path / "c"


def sensor(location: Path, *, native: bool = False, **arguments: Any) -> SparkPipelineRunSensor:
    given = {"task_id": "wait", "poke_interval": 0.01, "timeout": 5, "checkpoint_location": str(location)}
    if "pipeline" not in arguments:
        given |= {"pipeline_name": "Test"}
    with DAG("recovery", schedule=None, render_template_as_native_obj=native) as dag:
        task = SparkPipelineRunSensor(**{**given, **arguments})
    dag.fileloc = str(location / "dag.py")
    return task


def execute(task: SparkPipelineRunSensor, value: Any = "") -> Any:
    context: Any = {"params": {"p": value}}
    task.render_template_fields(context)
    return task.execute(context)


def with_what_it_needs(name: str, value: Any) -> dict[str, Any]:
    needs = {"component": {"since": OLD}, "external_run_id": {"wait_for": "ended"}}
    return {name: value, **needs.get(name, {})}


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", TEMPLATED)
def test_an_empty_template_fails_the_task_and_names_the_argument(
    location: Path, name: str, native: bool, deferrable: bool
) -> None:
    """It must neither match any run, nor wait to the timeout for a run of no name."""
    arguments = with_what_it_needs(name, "{{ params.p }}")
    for nothing in ("", " "):
        task = sensor(location, native=native, deferrable=deferrable, **arguments)
        with pytest.raises(AirflowFailException, match=f"^the argument {name} is empty: (leave it out|give)"):
            execute(task, nothing)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", [*NAMES, "external_map_index", "since"])
def test_a_template_that_renders_none_fails_the_task_and_names_the_argument(
    location: Path, name: str, native: bool, deferrable: bool
) -> None:
    task = sensor(location, native=native, deferrable=deferrable, **with_what_it_needs(name, "{{ params.p }}"))
    with pytest.raises(AirflowFailException, match=f"^the argument {name} is 'None', so its template has no value"):
        execute(task, None)


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("name", TEMPLATED)
@pytest.mark.parametrize(("value", "said"), [(None, "None"), ("", "empty")])
def test_an_empty_xcom_fails_the_task_and_names_the_argument(
    location: Path, name: str, deferrable: bool, value: Any, said: str
) -> None:
    task = sensor(location, deferrable=deferrable, **with_what_it_needs(name, Later(value)))
    with pytest.raises(AirflowFailException, match=f"^the argument {name} is {said}: "):
        execute(task)


@pytest.mark.parametrize("name", TEMPLATED)
def test_an_empty_argument_is_an_error_in_the_dag_file(location: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is empty: (leave it out|give)"):
        sensor(location, **with_what_it_needs(name, ""))


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("given", [3, "3", "{{ params.p }}", "{{ 1 + 2 }}"])
def test_a_map_index_may_be_text(location: Path, given: Any, native: bool) -> None:
    assert execute(sensor(location, native=native, external_map_index=given), 3)["map_index"] == 3
    with pytest.raises(AirflowSensorTimeout):
        execute(sensor(location, external_map_index="{{ params.p }}", timeout=0), 2)


@pytest.mark.parametrize("given", ["three", "3.0", 3.0, -2, True, [3]])
def test_an_invalid_map_index_gives_a_one_sentence_error(location: Path, given: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^external_map_index is .*; it must be the number of a map index, or -1 for a"
    ):
        sensor(location, external_map_index=given)
    with pytest.raises(AirflowFailException, match=r"^the argument external_map_index is .*; it must be the number"):
        execute(sensor(location, external_map_index=Later(given)))


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("since", "found"),
    [
        (dt.date(2020, 1, 1), True),
        (dt.date(2999, 1, 1), False),
        (dt.datetime(2020, 1, 1), True),  # noqa: DTZ001  # it is UTC then
        (NOW - dt.timedelta(hours=1), True),
        (NOW + dt.timedelta(hours=1), False),
        ("2020-01-01", True),
        ("2999-12-10", False),
        ("2020-01-01T04:00:00Z", True),
        ("2999-01-01 00:00:00+00:00", False),
    ],
)
def test_a_time_is_a_datetime_a_date_or_text(location: Path, since: Any, found: bool, native: bool) -> None:
    for given in (since, "{{ params.p }}", Later(since)):
        task = sensor(location, native=native, wait_for="ended", since=given, timeout=0)
        if found:
            assert execute(task, since)["dag_run_id"] == "r1"
        else:
            with pytest.raises(AirflowSensorTimeout):
                execute(task, since)


@pytest.mark.parametrize("since", [1577836800, 1577836800.5, dt.timedelta(days=1), True, ["2020-01-01"], "1577836800"])
def test_an_invalid_time_gives_a_one_sentence_error(location: Path, since: Any) -> None:
    with pytest.raises(ValueError, match=r"^since is .*; it must be a datetime, a date, or text such as 2026-01-31T04"):
        sensor(location, since=since)
    with pytest.raises(
        AirflowFailException, match=r"^the argument since is .*; it must be a datetime, a date, or text"
    ):
        execute(sensor(location, since=Later(since)))


def test_a_trigger_carries_what_the_templates_gave(location: Path) -> None:
    task = sensor(location, deferrable=True, external_run_id="{{ params.p }}", external_map_index="4", since=OLD)
    with pytest.raises(TaskDeferred) as deferred:
        execute(task, "r2")
    query = deferred.value.trigger.serialize()[1]["query"]
    start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc).timestamp()
    assert (query["run_id"], query["map_index"], query["since"], query["component"]) == ("r2", 4, start, None)


@pytest.mark.parametrize("name", ["include_retrying", "deferrable"])
@pytest.mark.parametrize("given", ["false", "True", "{{ params.p }}", 2, []])
def test_a_boolean_is_not_accepted_as_text(location: Path, name: str, given: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} is .*; it must be True or False"):
        sensor(location, **{name: given})


def test_a_mapped_sensor_gets_one_value_each(location: Path) -> None:
    with DAG("recovery", schedule=None) as dag:
        mapped = SparkPipelineRunSensor.partial(
            task_id="wait", pipeline_name="Test", checkpoint_location=str(location), timeout=0
        ).expand(external_map_index=[2, "3"])
    dag.fileloc = str(location / "dag.py")
    assert isinstance(mapped, MappedOperator)
    task: Any = mapped.unmap({"external_map_index": "3"})
    task.dag = dag
    assert execute(task)["map_index"] == 3


def test_a_subclass_may_have_templated_arguments_of_its_own(location: Path) -> None:
    class Mine(SparkPipelineRunSensor):
        template_fields = (*SparkPipelineRunSensor.template_fields, "note")

        def __init__(self, *, note: str, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.note = note

    with DAG("recovery", schedule=None):
        task = Mine(task_id="wait", pipeline_name="Test", checkpoint_location=str(location), note="{{ params.p }}")
    assert execute(task)["dag_run_id"] == "r1"
    assert task.note == ""
