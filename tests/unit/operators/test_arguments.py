"""The operator's arguments from templates, XCom and Python, and how they are converted."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_spark_pipeline import SparkPipelineOperator
from airflow_spark_pipeline.callbacks import AutoResumeCallback
from airflow_spark_pipeline.exceptions import PipelineDefinitionError, SelectionError
from airflow_spark_pipeline.launch.py_files import resolve_py_files, without_commas
from airflow_spark_pipeline.operators.spark_pipeline import SparkPipelineOperator as Operator
from airflow_spark_pipeline.retries import AutoResumeRetryPolicy
from airflow_spark_pipeline.sensors.spark_pipeline import SparkPipelineRunSensor
from airflow_spark_pipeline.task.lookup import Lookup
from tests.unit.operators.shop import Shop
from tests.xcoms import Later

TEXT = """
pipeline {
  pipeline-name = Shop
  pipeline-components = [ { instance-type = a.B, instance-name = Load, instance-config {
    text = "<{{ params.p }}>", bare = {{ params.p }}, region = ${?REGION}, day = {{ ds }}
  } } ]
}
"""
HOSTILE = ['a" , note = "x', "{{ ds }}", "C:\\new", '"""', "a\nb = 1", "${HOME}", "}, {", "# x", "", "{% raw %}"]


def described(operator: SparkPipelineOperator, **context: Any) -> dict[str, Any]:
    """The config of the first component, as the task hands it to the driver."""
    names: Any = {"params": {}, **({} if "dag_run" in context else {"ds": "2026-01-31"}), **context}
    operator.render_template_fields(names)
    return dict(operator._describe(names).spec.components[0].instance_config)


def problem(operator: SparkPipelineOperator, **context: Any) -> str:
    with pytest.raises(PipelineDefinitionError) as caught:
        described(operator, **context)
    assert "\n" not in str(caught.value).replace("\n  - ", "")
    return str(caught.value)


def dag(folder: Path, **arguments: Any) -> DAG:
    made = DAG("d", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc), **arguments)
    made.fileloc = str(folder / "dag.py")
    return made


def operator(folder: Path, *, dag_arguments: dict[str, Any] | None = None, **arguments: Any) -> SparkPipelineOperator:
    arguments = {"task_id": "etl", "pipeline": TEXT, **arguments}
    return SparkPipelineOperator(dag=dag(folder, **(dag_arguments or {})), **arguments)


# ---- text in the DAG


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_in_the_text_of_a_dag_is_one_value(tmp_path: Path, value: str, native: bool) -> None:
    task = operator(tmp_path, dag_arguments={"render_template_as_native_obj": native})
    config = described(task, params={"p": value})
    assert config == {"text": f"<{value}>", "bare": value, "day": "2026-01-31"}
    assert 'day = "2026-01-31"' in task.pipeline  # what Airflow shows


def test_text_that_a_value_holds_is_read_and_not_rendered(tmp_path: Path) -> None:
    text = TEXT.replace("{{ params.p }}", "x").replace("{{ ds }}", "y")
    assert described(operator(tmp_path, pipeline="{{ params.text }}"), params={"text": text})["bare"] == "x"
    said = problem(operator(tmp_path, pipeline="{{ params.text }}"), params={"text": TEXT, "p": "x"})
    assert "{{ params.p }} is a template, which is not rendered here" in said


def test_an_included_file_is_rendered_for_the_text_of_a_dag_as_well(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("more = {{ params.p }}", encoding="utf-8")
    task = operator(tmp_path, pipeline=TEXT.replace("day =", 'include "more.conf", day ='))
    assert described(task, params={"p": 'x"'})["more"] == 'x"'


# ---- variables


@pytest.mark.parametrize("variables", [{"REGION": "us"}, {"REGION": "{{ params.region }}"}])
def test_substitutions_see_the_variables_of_the_driver_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    monkeypatch.setenv("REGION", "of the worker")
    names = {"p": "x", "region": "us"}
    assert described(operator(tmp_path), params=names)["region"] == "of the worker"
    assert described(operator(tmp_path, env_vars=variables), params=names)["region"] == "us"


# ---- names without a value


class _Run(SimpleNamespace):
    run_after = dt.datetime(2026, 2, 1, 4, tzinfo=dt.timezone.utc)


@pytest.mark.parametrize(
    "name", ["ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "logical_date", "data_interval_end"]
)
@pytest.mark.parametrize("place", ["file", "argument"])
def test_a_missing_logical_date_is_named_as_the_cause_with_a_substitute(tmp_path: Path, name: str, place: str) -> None:
    text = TEXT.replace("{{ ds }}", f"{{{{ {name} }}}}") if place == "file" else TEXT.replace("{{ ds }}", "x")
    task = operator(
        tmp_path, pipeline=text, checkpoint_location=f"/c/{{{{ {name} }}}}" if place == "argument" else "/c"
    )
    context: Any = {"params": {"p": "x"}, "dag_run": _Run()}
    with pytest.raises(Exception, match="has no logical date") as caught:
        described(task, **context)
    said = str(caught.value)
    assert f"'{name}' is undefined" in said
    instead = said.rpartition("write ")[2]
    described(operator(tmp_path, pipeline=TEXT.replace("{{ ds }}", instead)), params={"p": "x"}, dag_run=_Run())


@pytest.mark.parametrize(
    ("used", "hint"),
    [
        ("{{ params.regoin }}", "'params.regoin' is undefined: did you mean {{ params.region }}?"),
        ("{{ run_di }}", "'run_di' is undefined: did you mean {{ run_id }}?"),
        ("{{ params.zzz }}", "the DAG has no such param (it has: p, region); add it to the DAG's params"),
        ("{{ zzz }}", "it is neither a name of Airflow nor one of the DAG's user_defined_macros"),
    ],
)
def test_a_name_that_does_not_exist_is_explained(tmp_path: Path, used: str, hint: str) -> None:
    names = {"params": {"p": "x", "region": "eu"}, "run_id": "manual"}
    assert hint in problem(operator(tmp_path, pipeline=TEXT.replace("{{ ds }}", used)), **names)
    with pytest.raises(Exception, match="is undefined") as caught:
        described(operator(tmp_path, checkpoint_location=used), **names)
    assert hint.partition(": ")[2] in str(caught.value)


# ---- native objects, XCom, Python


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("value", ["2026", "3.10", "007", "1_000", "1e3", "None", "True", "['a']x", 2026])
def test_a_name_that_looks_like_a_number_stays_the_name(tmp_path: Path, value: Any, native: bool) -> None:
    arguments = {
        "start_from": "{{ params.p }}", "only": ["{{ params.p }}"], "force": "{{ params.p }}", "name": "{{ params.p }}",
        "checkpoint_location": "{{ params.p }}", "resume_run_id": "{{ params.p }}", "conf": {"a": "{{ params.p }}"},
        "env_vars": {"A": "{{ params.p }}"}, "py_files": ["{{ params.p }}"],
    }  # fmt: skip
    task = operator(tmp_path, dag_arguments={"render_template_as_native_obj": native}, **arguments)
    described(task, params={"p": value})
    text = str(value)
    given = vars(task)
    assert {given[name] for name in ("start_from", "force", "name", "checkpoint_location", "resume_run_id")} == {text}
    assert [given[name] for name in ("only", "py_files")] == [[text], [text]]
    assert [given[name] for name in ("conf", "env_vars")] == [{"a": text}, {"A": text}]


@pytest.mark.parametrize("native", [False, True])
def test_lists_and_mappings_that_templates_give_are_taken(tmp_path: Path, native: bool) -> None:
    task = operator(
        tmp_path,
        dag_arguments={"render_template_as_native_obj": native},
        only="{{ params.names }}", force="{{ params.names }}", py_files="{{ params.names }}", conf="{{ params.conf }}",
        env_vars="{{ params.conf }}",
    )  # fmt: skip
    described(task, params={"p": "x", "names": ["a", 2026], "conf": {"k": 1, "flag": True}})
    given = vars(task)
    assert [given[name] for name in ("only", "force", "py_files")] == [["a", "2026"]] * 3
    assert [given[name] for name in ("conf", "env_vars")] == [{"k": "1", "flag": "true"}] * 2


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("start_from", ["a"], "the argument start_from is a list; it must be text"),
        ("start_from", True, "the argument start_from is a boolean; it must be text"),
        ("checkpoint_location", {"a": 1}, "the argument checkpoint_location is a mapping; it must be text"),
        ("resume_run_id", b"x", "the argument resume_run_id is a bytes; it must be text"),
        ("only", {"a": 1}, "the argument only is a mapping"),
        ("force", [["a"]], "the argument force is a list; it must be text"),
        ("pipeline", ["a"], "the argument pipeline is a list; it must be text"),
        ("conf", ["a"], "the argument conf is a list; it must be a mapping"),
        ("conf", "a=b", "the argument conf is text; it must be a mapping"),
        ("conf", {"k": None}, "the argument conf has no value for k: it is None"),
        ("env_vars", {"k": ["a"]}, "the argument env_vars has a list for k; it must be text"),
    ],
)
def test_an_ambiguous_value_is_one_clear_error(tmp_path: Path, argument: str, value: Any, said: str) -> None:
    class Later:
        """As XCom's, resolved when the task runs."""

        def resolve(self, context: Any) -> Any:
            return value

    task = operator(tmp_path)
    setattr(task, argument, Later())
    assert said in problem(task, params={"p": "x"})


def test_a_selection_that_is_not_text_is_one_error(shop: Shop) -> None:
    with pytest.raises(SelectionError, match="start_from names '2026', which does not exist"):
        shop.run(start_from="{{ 2026 }}")


# ---- files


def test_a_comma_in_the_path_of_a_single_file_is_part_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "v1,v2"
    folder.mkdir()
    (folder / "my_etl.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / "a.py").write_text("", encoding="utf-8")
    modules = resolve_py_files("v1,v2/my_etl.py", tmp_path)
    assert modules == [str(folder / "my_etl.py")]
    assert resolve_py_files("a.py, v1,v2/my_etl.py".partition(",")[0], tmp_path) == [str(tmp_path / "a.py")]
    (copy,) = without_commas(modules, tmp_path / "try")
    assert "," not in copy
    assert Path(copy).name == "my_etl.py"
    assert Path(copy).read_text(encoding="utf-8") == "x = 1"
    with pytest.raises(PipelineDefinitionError, match="treats the comma"):
        without_commas(["s3://b/a,b.py"], tmp_path / "try")


def test_a_path_with_a_comma_is_linked_under_a_name_without_one(shop: Shop) -> None:
    (shop.folder / "a,b").mkdir()
    (shop.folder / "a,b" / "mine.py").write_text("", encoding="utf-8")
    shop.run(py_files="a,b/mine.py")
    (command,) = shop.driver.commands
    given = command[command.index("--py-files") + 1].split(",")
    assert [Path(each).name for each in given if "runtime" not in each] == ["mine.py"]


def test_a_file_is_found_in_the_search_path_of_the_dag(tmp_path: Path) -> None:
    (tmp_path / "confs").mkdir()
    (tmp_path / "confs" / "shop.conf").write_text(TEXT, encoding="utf-8")
    task = operator(tmp_path, pipeline="shop.conf", dag_arguments={"template_searchpath": [str(tmp_path / "confs")]})
    assert described(task, params={"p": "x"})["bare"] == "x"
    sensor = SparkPipelineRunSensor(task_id="s", dag=task.dag, pipeline="shop.conf")
    context: Any = {"ds": "x", "params": {"p": "x"}}
    sensor.render_template_fields(context)
    spec = sensor._describe(context)
    assert spec is not None
    assert spec.pipeline_name == "Shop"


# ---- XCom


@pytest.mark.parametrize("in_task", [False, True])
def test_a_callback_does_not_read_a_pipeline_from_xcom(tmp_path: Path, in_task: bool) -> None:
    with dag(tmp_path) as made:
        first = SparkPipelineOperator(task_id="first", pipeline=TEXT)
        second = SparkPipelineOperator(task_id="second", pipeline=first.output)
    assert made.get_task("second").upstream_task_ids == {"first"}
    context: Any = {"task": second, **({"exception": ValueError()} if in_task else {})}
    assert Lookup(context, 1.0).find() is None


# ---- what is known while the DAG file is parsed


@pytest.mark.parametrize("given", ["false", "False", "no", "true", "", "{{ params.p }}", 2, 0.0, [], {}])
@pytest.mark.parametrize("argument", ["auto_resume", "deferrable"])
def test_a_boolean_is_not_accepted_as_text(tmp_path: Path, argument: str, given: Any) -> None:
    """Text counts as true in Python: ``auto_resume="false"`` would resume."""
    with pytest.raises(ValueError, match=f"^{argument} is .*; it must be True or False") as caught:
        operator(tmp_path, **{argument: given})
    assert str(caught.value).endswith("It cannot be a template or an XCom") == (given == "{{ params.p }}")


def test_an_xcom_is_refused_where_it_is_never_resolved(tmp_path: Path) -> None:
    with dag(tmp_path):
        output: Any = SparkPipelineOperator(task_id="first", pipeline=TEXT).output
        for argument in ("auto_resume", "start_timeout", "checkpoint_conn_id", "on_change"):
            with pytest.raises(ValueError, match=rf"^{argument} is .*\. It cannot be a template or an XCom$"):
                SparkPipelineOperator(task_id=argument, pipeline=TEXT, **{argument: output})
        SparkPipelineOperator(task_id="etl", pipeline=output, only=[output], conf={"a": output}, force=output)


@pytest.mark.parametrize("given", [True, False, None, 0, 1])
def test_true_false_0_1_and_none_are_booleans(tmp_path: Path, given: Any) -> None:
    task = operator(tmp_path, auto_resume=given, deferrable=given)
    assert task.auto_resume is (None if given is None else bool(given))
    assert task.deferrable is bool(given)


@pytest.mark.parametrize(
    "given", ["60", "1 hour", "{{ params.p }}", True, -1, dt.timedelta(-1), float("nan"), float("inf"), [60]]
)
def test_a_duration_is_a_number_or_a_timedelta(tmp_path: Path, given: Any) -> None:
    with pytest.raises(ValueError, match=r"^start_timeout is .*; it must be a number of seconds, not below 0, or"):
        operator(tmp_path, start_timeout=given)
    assert operator(tmp_path, start_timeout=dt.timedelta(minutes=1)).start_timeout == 60
    assert operator(tmp_path, start_timeout=0.5).start_timeout == 0.5


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("pipeline", None, "pipeline is None: give a path, a URL, or the text itself"),
        ("pipeline", "", "pipeline is empty: give a path, a URL, or the text itself"),
        ("pipeline", ["etl.conf"], "pipeline is a list; it must be text"),
        ("checkpoint_location", "", "checkpoint_location is empty: leave it out to use the location of the file or"),
        ("checkpoint_conn_id", ["aws"], "checkpoint_conn_id is a list; it must be text"),
        ("start_from", ["a"], "start_from is a list; it must be text"),
        ("only", {"a": 1}, "only is a mapping; it must be text, or a list of texts"),
        ("only", [None], "only has None in its list; leave it out, or give text"),
        ("force", [True], "force is a boolean; it must be text"),
        ("py_files", [None], "py_files has None in its list; leave it out, or give text"),
        ("py_files", ["my_etl", None], "py_files has None in its list; leave it out, or give text"),
        ("conf", [("a", "b")], "conf is a list; it must be a mapping of names to text"),
        ("conf", {"password": ["hunter2"]}, "conf has a list for password; it must be text"),
        ("conf", {None: "a"}, "conf has None as a name; a name must be text"),
        ("jars", ["a.jar"], "jars is a list; it must be text"),
        ("executor_memory", ["4g"], "executor_memory is a list; it must be text"),
        ("verbose", "false", "verbose is 'false'; it must be True or False"),
        ("track_driver_via_k8s_api", "no", "track_driver_via_k8s_api is 'no'; it must be True or False"),
        ("on_change", True, "on_change is True; it must be one of fail, restart, rerun-from-change"),
        ("on_change", "", "on_change is ''; it must be one of fail, restart, rerun-from-change"),
        ("resume_scope", "{{ params.p }}", "resume_scope is '{{ params.p }}'; it must be one of dag_run, pipeline. It"),
    ],
)  # fmt: skip
def test_a_wrong_type_gives_a_one_sentence_error_while_the_dag_is_parsed(
    tmp_path: Path, argument: str, value: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}") as caught:
        operator(tmp_path, **{argument: value})
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("pipeline", None, "pipeline is None: give a path, a URL, or the text itself"),
        ("pipeline", "", "pipeline is empty: give a path, a URL, or the text itself"),
        ("checkpoint_location", None, "checkpoint_location is None: leave it out to use the location of the file"),
        ("checkpoint_location", " ", "checkpoint_location is empty: leave it out to use the location of the file"),
        ("py_files", [None], "py_files has None in its list; leave it out, or give text"),
        ("only", ["Load", None], "only has None in its list; leave it out, or give text"),
        ("conf", [None], "conf is a list; it must be a mapping of names to text"),
    ],
)
def test_an_xcom_of_the_wrong_type_gives_a_one_sentence_error(
    tmp_path: Path, argument: str, value: Any, said: str, native: bool
) -> None:
    with dag(tmp_path, render_template_as_native_obj=native):
        given: dict[str, Any] = {"pipeline": TEXT, argument: Later(value)}
        task = SparkPipelineOperator(task_id="etl", **given)
    assert problem(task, params={"p": "x"}).startswith(f"the argument {said}")


@pytest.mark.parametrize("value", ["", None, [], [""]])
@pytest.mark.parametrize("argument", ["only", "force"])
def test_names_that_are_empty_select_nothing(shop: Shop, argument: str, value: Any) -> None:
    assert shop.run(**{argument: value})["components_run"] == ["Extract", "Clean", "Load"]


@pytest.mark.parametrize("argument", ["start_from", "stop_after", "resume_run_id"])
def test_an_empty_name_counts_as_none(shop: Shop, argument: str) -> None:
    given: dict[str, Any] = {argument: "{{ '' }}"}
    assert shop.run(**given)["components_run"] == ["Extract", "Clean", "Load"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"jars": ["{{ ds }}.jar"]}, "the argument jars is of type list; it must be text"),
        ({"packages": Later({"a": 1})}, "the argument packages is of type dict; it must be text"),
        ({"post_submit_commands": 5}, "the argument post_submit_commands is of type int; it must be a list of texts"),
    ],
)  # fmt: skip
def test_an_error_of_spark_submit_gives_one_sentence(shop: Shop, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(PipelineDefinitionError, match=re.escape(said)):
        shop.run(**arguments)
    assert not shop.driver.requests


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({"executor_memory": 4}, ["--executor-memory", "4"]),
        ({"num_executors": "2"}, ["--num-executors", "2"]),
        ({"executor_cores": 2}, ["--executor-cores", "2"]),
        ({"files": Path("/a.txt")}, ["--files", "/a.txt"]),
        ({"jars": "a.jar,b.jar"}, ["--jars", "a.jar,b.jar"]),
        ({"conf": {"a": 5}}, ["--conf", "a=5"]),
        ({"verbose": "true"}, ["--verbose"]),
        ({"verbose": 1}, ["--verbose"]),
        ({"post_submit_commands": "true"}, []),
        ({"proxy_user": ""}, []),
    ],
)
def test_every_argument_of_the_providers_operator_is_accepted(
    shop: Shop, arguments: dict[str, Any], options: list[str]
) -> None:
    shop.run(**arguments)
    (command,) = shop.driver.commands
    assert " ".join(options) in " ".join(command)


def test_a_mapped_task_gets_one_value_each(tmp_path: Path) -> None:
    with dag(tmp_path) as made:
        mapped = SparkPipelineOperator.partial(task_id="etl", pipeline=TEXT).expand(auto_resume=[True, "false"])
    assert isinstance(mapped, MappedOperator)
    assert made.task_ids == ["etl"]
    task = mapped.unmap({"auto_resume": False})
    assert isinstance(task, Operator)
    assert task.auto_resume is False
    with pytest.raises(ValueError, match="auto_resume is 'false'; it must be True or False"):
        mapped.unmap({"auto_resume": "false"})


def test_callbacks_and_policies_check_their_arguments_as_well() -> None:
    with pytest.raises(ValueError, match=r"^resume_at_once is 'false'; it must be True or False$"):
        AutoResumeRetryPolicy(resume_at_once="false")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"^deadline is '5'; it must be a number of seconds, not below 0, or a timedelta$"
    ):
        AutoResumeCallback(deadline="5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^AutoResumeCallback takes its notifiers as separate arguments; a list"):
        AutoResumeCallback([print])  # type: ignore[arg-type]
    assert AutoResumeCallback(print, deadline=dt.timedelta(seconds=2)).deadline == 2  # type: ignore[arg-type]
