"""Files with templates outside Airflow: in PipelineRunner, in tests, at the command line."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from airflow_spark_pipeline import PipelineRunner
from airflow_spark_pipeline.cli.description import typed, values_in
from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.rendering.without_airflow import nested, read_config, with_dates
from airflow_spark_pipeline.testing import PipelineTester
from tests.sparkless import FakeSpark
from tests.steps import describe, names

TEXT = """
pipeline.pipeline-name = Shop
pipeline.pipeline-components = [ { instance-type = a.B, instance-config {
  day = {{ ds }}, nodash = {{ ds_nodash }}, ts = "{{ ts }}", year = {{ logical_date.year }}
  list = {{ params.list }}, conf = {{ dag_run.conf.x }}, after = {{ dag_run.run_after | ds }}
  # {{ old }}
} } ]
"""
RUN = {"conf": {"x": 'a"'}, "run_after": dt.datetime(2026, 2, 1, tzinfo=dt.timezone.utc)}


def config(values: dict[str, Any], text: str = TEXT) -> dict[str, Any]:
    return dict(read_config(text, values).checked().components[0].instance_config)


@pytest.mark.parametrize(
    "date", [{"ds": "2026-01-31"}, {"ts": "2026-01-31T00:00:00Z"}, {"logical_date": dt.date(2026, 1, 31)}]
)
def test_a_config_is_rendered_as_under_airflow(date: dict[str, Any]) -> None:
    assert config({**date, "params.list": [1], "dag_run": RUN}) == {
        "day": "2026-01-31", "nodash": "20260131", "ts": "2026-01-31T00:00:00+00:00", "year": 2026,
        "list": [1], "conf": 'a"', "after": "2026-02-01",
    }  # fmt: skip


def test_all_names_without_a_value_are_named_with_how_to_give_them(tmp_path: Path) -> None:
    (tmp_path / "more.conf").write_text("more = {{ params.more }}", encoding="utf-8")
    file = tmp_path / "shop.conf"
    file.write_text(TEXT.replace("# {{ old }}", 'include "more.conf"'), encoding="utf-8")
    problems = PipelineRunner(values={"params": {"lits": [1]}}).validate(file)
    assert [str(each).removeprefix(str(tmp_path)) for each in problems if "has no value" in str(each)] == [
        "/shop.conf:4: 'ds' has no value here; give it with values={\"ds\": …}",
        "/shop.conf:4: 'ds_nodash' has no value here; give it with values={\"ds_nodash\": …}",
        "/shop.conf:4: 'ts' has no value here; give it with values={\"ts\": …}",
        '/shop.conf:4: \'logical_date.year\' has no value here; give it with values={"logical_date": {"year": …}}',
        (
            '/shop.conf:5: \'params.list\' has no value here; give it with values={"params": {"list": …}}, '
            "or did you mean {{ params.lits }}?"
        ),
        '/shop.conf:5: \'dag_run.conf.x\' has no value here; give it with values={"dag_run": {"conf.x": …}}',
        '/shop.conf:5: \'dag_run.run_after\' has no value here; give it with values={"dag_run": {"run_after": …}}',
        '/more.conf:1: \'params.more\' has no value here; give it with values={"params": {"more": …}}',
    ]


def test_a_quoted_template_never_arrives_as_it_is_written() -> None:
    with pytest.raises(PipelineDefinitionError, match="'ds' has no value here"):
        read_config(TEXT.replace("{{ ds }}", '"{{ ds }}"'), None).checked()


def test_the_fixture_gives_values_to_a_run_and_to_its_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    tester = PipelineTester(FakeSpark(), tmp_path)  # type: ignore[arg-type]
    text = describe("a", "b") + "\n# {{ unused }}\n"
    file = tmp_path / "steps.conf"
    file.write_text(text.replace("pipeline-name = ", "pipeline-name = {{ params.name }} # ", 1), encoding="utf-8")
    assert tester.run(file, fail_at="b", values={"params": {"name": "Shop"}}) is None
    assert tester.resume().ran == ["b"]
    assert names(tmp_path / "ledger") == "ab"


def test_a_given_value_wins_over_a_derived_one() -> None:
    found = with_dates({"ds": "2026-01-31", "ts_nodash": "mine"})
    assert (found["ds_nodash"], found["ts_nodash"]) == ("20260131", "mine")
    assert with_dates({"ts": None, "logical_date": {"year": 2026}}) == {"ts": None, "logical_date": {"year": 2026}}


_DATES = ("logical_date", "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz")


def as_airflow(logical_date: dt.datetime) -> dict[str, Any]:
    """The dates that Airflow gives to the templates of a run."""
    run = SimpleNamespace(
        run_id="r", logical_date=logical_date, data_interval_start=None, data_interval_end=None,
        partition_key=None, partition_date=None, consumed_asset_events=[], conf={},
    )  # fmt: skip
    task = BaseOperator(task_id="t", dag=DAG("d", schedule=None))
    instance = RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(), task=task, task_id="t", dag_id="d", run_id="r", try_number=1, map_index=-1,
        _ti_context_from_server=SimpleNamespace(dag_run=run, task_reschedule_count=0),
    )  # fmt: skip
    context: Any = instance.get_template_context()
    return {name: context[name] for name in _DATES}


@pytest.mark.parametrize(
    "given",
    [
        {"ds": "2026-01-31"},
        {"ds": dt.date(2026, 1, 31)},
        {"ts": "2026-01-31T06:07:08Z"},
        {"ts": "2026-01-31T06:07:08.09"},
        {"ts": "2026-01-31T01:00:00+02:00"},
        {"ts": dt.datetime(2026, 1, 31, 6, 7, 8, tzinfo=dt.timezone.utc)},
        {"ts": dt.datetime(2026, 1, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-5)))},
        {"logical_date": "2026-01-31"},
        {"logical_date": "2026-12-31T23:59:59-00:30"},
        {"logical_date": dt.datetime(2026, 1, 31, 6)},  # noqa: DTZ001  # as YAML reads it
        {"ds": "2026-01-30", "ts": "2026-01-31T01:00:00+02:00"},
        {"ds": dt.date(2026, 1, 31), "ts": "2026-01-31T06:00:00Z", "logical_date": "2026-01-31T07:00:00+01:00"},
    ],
)
def test_the_dates_are_those_of_airflow(given: dict[str, Any]) -> None:
    found = with_dates(given)
    assert {name: found[name] for name in _DATES} == as_airflow(found["logical_date"])


def test_an_interval_is_made_of_dates_as_under_airflow() -> None:
    text = TEXT.replace("day = {{ ds }}", "day = {{ data_interval_start | ts_nodash }}-{{ data_interval_end.day }}")
    values = {"ds": "2026-01-31", "data_interval_start": "2026-01-30T22:00:00Z", "data_interval_end": "2026-02-01"}
    assert config({**values, "params.list": [1], "dag_run": RUN}, text)["day"] == "20260130T220000-1"


def test_a_date_that_yaml_reads_is_written_as_under_airflow(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("ts: 2026-01-31T06:00:00Z\nds_nodash: 20260101\nts_nodash: 2026-01-01\n", encoding="utf-8")
    found = with_dates(values_in([str(file)]))
    assert [found[name] for name in _DATES[1:5]] == [
        "2026-01-31", "20260101", "2026-01-31T06:00:00+00:00", "20260101T000000",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["ds", "ts", "logical_date", "data_interval_start"])
@pytest.mark.parametrize("value", ["2026-02-30", "garbage", "", 20260131, 1.5, True, "0001-01-01T00:00:00+14:00"])
def test_an_invalid_date_is_refused(name: str, value: Any) -> None:
    with pytest.raises(PipelineDefinitionError) as caught:
        read_config(TEXT, {name: value})
    assert str(caught.value) == (
        f"{name!r} is {value!r}, which is not a date; write 2026-01-31 or 2026-01-31T06:00:00+00:00"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"ds": "2026-01-31", "ts": "2027-01-01T00:00:00Z"},
        {"ds": "2026-01-31", "ts": "2026-01-31T01:00:00+02:00"},
        {"ds": "2026-01-31", "logical_date": dt.date(2026, 2, 1)},
        {"ts": "2026-01-31T06:00:00Z", "logical_date": "2026-01-31"},
    ],
)
def test_dates_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    one, two = (repr(name) for name in ("logical_date", "ts", "ds") if name in given)
    with pytest.raises(PipelineDefinitionError, match=rf"{one} \(2.*\) and {two} \(2.*\) contradict each other; give"):
        with_dates(given)


@pytest.mark.parametrize("name", [1, None, ("a",), True])
def test_a_name_that_is_not_text_is_refused(name: Any) -> None:
    (problem,) = PipelineRunner(values={name: 2}).validate(TEXT)
    assert f"the name {name!r} in the values is not text" in problem.message


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"params": "x", "params.region": "eu"}, "'params.region' and 'params' are both given, but 'params' is not a"),
        ({"params.region.eu": 1, "params": {"region": 2}}, "'params.region.eu' and 'params.region' are both given"),
        ({"a.b": [1], "a.b.c": 1}, "'a.b.c' and 'a.b' are both given, but 'a.b' is not a mapping; remove one of them"),
    ],
)
def test_a_value_and_another_one_below_it_contradict_each_other(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(PipelineDefinitionError, match=said):
        nested(values)
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(PipelineDefinitionError, match=rf"values\.yaml: {said}"):
        values_in([str(file)])


def test_dotted_names_become_mappings() -> None:
    assert nested({"params.a.b": 1, "params": {"c": 2}, "x": 3}) == {"params": {"a": {"b": 1}, "c": 2}, "x": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10), ("-3", -3), ("1.5", 1.5), ("true", True), ("null", None), ('["a", 1]', ["a", 1]),
        ('{"a": 1}', {"a": 1}),
        ('"10"', "10"), ("007", "007"), ("3.10", "3.10"), ("1e3", "1e3"), ("a=b", "a=b"), ("", ""), ("[a", "[a"),
        ("NaN", "NaN"), ("2026-01-31", "2026-01-31"), ("9007199254740993", 9007199254740993),
    ],
)  # fmt: skip
def test_a_typed_value_is_json_where_nothing_is_lost(text: str, expected: Any) -> None:
    found = typed(text)
    assert (found, type(found)) == (expected, type(expected))


def test_files_of_values_are_merged_in_their_order(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.yaml"
    one.write_text(json.dumps({"ds": "2026-01-31", "params": {"a": 1, "b": [1]}}), encoding="utf-8")
    two.write_text("params.a: 2\nx: y\n", encoding="utf-8")
    found = values_in([str(one), str(two)])
    assert found == {"ds": "2026-01-31", "params": {"a": 2, "b": [1]}, "x": "y"}


@pytest.mark.parametrize("suffix", ["conf", "hocon"])
def test_a_file_of_values_may_be_hocon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """With its substitutions, includes, merges and types; what is given elsewhere is merged with it."""
    monkeypatch.setenv("SHOP_REGION", "eu")
    (tmp_path / "common.conf").write_text('base = "s3://b"', encoding="utf-8")
    file, more = tmp_path / f"values.{suffix}", tmp_path / "more.json"
    file.write_text(
        'include "common"\r\nds = 2026-01-31\nparams { region = ${?SHOP_REGION}, n = 10, on = true, none = null }\n'
        'params.input = ${base}/in\nparams.list = [1, "007"]\n"dag_run".conf.x = 1.5 # last',
        encoding="utf-8",
    )
    more.write_text('{"params": {"n": 11}}', encoding="utf-8")
    found = values_in([str(file), str(more)])
    params = {"region": "eu", "n": 11, "on": True, "none": None, "input": "s3://b/in", "list": [1, "007"]}
    assert found == {"base": "s3://b", "ds": "2026-01-31", "params": params, "dag_run": {"conf": {"x": 1.5}}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("params {", r"values\.conf:1: .*never closed"),
        ("a = 1\nb = ${nowhere}", r"values\.conf:2: b: .*nowhere"),
        ("a = 007", r"values\.conf:1: a: `007` can be read as text or as a number"),
        ('a = "{{ ds }}"', r"values\.conf:1: "),
        (None, "values.conf: the file does not exist"),
        ("[1]", "values.conf"),
    ],
)
def test_a_hocon_file_of_values_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "values.conf"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineDefinitionError, match=said) as caught:
        values_in([str(file)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"), [("[1]", "is not a mapping"), ("{", "is not YAML or JSON"), (None, "No such file")]
)
def test_a_file_of_values_that_cannot_be_used_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "values.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineDefinitionError, match=said) as caught:
        values_in([str(file)])
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
