"""The settings of a description in a session that the caller opened."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_spark_pipeline.exceptions import ComponentFailedError, PipelineDefinitionError
from airflow_spark_pipeline.pipeline.spec import ComponentSpec, PipelineSpec, SparkSpec
from airflow_spark_pipeline.runtime.spark.given_session import configured
from airflow_spark_pipeline.runtime.spark.versions import settings_of
from airflow_spark_pipeline.runtime.standalone.runner import PipelineRunner

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def _run(spark: SparkSession, directory: Path, config: dict[str, str], query: str, *, master: str | None = None) -> str:
    out = directory / "out"
    report = ComponentSpec("tests.session_steps.Report", "Report", {"out": str(out), "queries": [query]}, "c")
    view = {"views": {"made": "SELECT 1 AS x"}, "set": {"spark.sql.session.timeZone": "Asia/Kabul"}}
    change = ComponentSpec("tests.session_steps.Change", "Change", view, "d")
    spec = PipelineSpec("Given", (report, change), spark=SparkSpec(None, master, config))
    PipelineRunner(spark, location=str(directory / "checkpoints")).run(spec)
    return out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("spark.sql.session.timeZone", "Asia/Tokyo"),
        ("spark.sql.shuffle.partitions", "17"),
        ("my.own", "1"),
        ("spark.my.own", "2"),
    ],
)
def test_settings_are_set_for_the_pipeline_and_set_back_after_it(
    spark: SparkSession, tmp_path: Path, setting: str, value: str
) -> None:
    session = spark.newSession()
    before = settings_of(session)
    assert value in _run(session, tmp_path, {setting: value}, f"SET {setting}")
    after = settings_of(session)
    assert after.get(setting) == before.get(setting)
    assert session.catalog.tableExists("made")  # what components make is the session's


def test_settings_of_hadoop_reach_it(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    assert '[[["my.h", "1"]]]' in _run(session, tmp_path, {"spark.hadoop.my.h": "1"}, "SET my.h")
    assert session.conf.get("my.h", None) is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("my.warehouse.api-key", "planted-51f0"),
        ("spark.hadoop.fs.x.account.key", "planted-51f0"),
        ("my.url", "jdbc:x://u:planted-51f0@h/d"),
        ("my.plain", "${secret:env://SHOP_VALUE}"),
    ],
)
def test_a_secret_setting_arrives_and_spark_hides_it(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """Spark records the settings of a session with each query; a value from the environment is resolved before."""
    monkeypatch.setenv("SHOP_VALUE", "planted-51f0")
    session = spark.newSession()
    name, rule = setting.removeprefix("spark.hadoop."), "spark.sql.redaction.options.regex"
    spec = PipelineSpec("Given", (), spark=SparkSpec(None, None, {setting: value, "my.harmless": "1"}))
    with configured(session, spec):
        assert "planted-51f0" in str(session.conf.get(name))
        assert session.conf.get(rule) == f"(?i)url|^{re.escape(name)}$"
        shown = {row.key: row.value for row in session.sql("SET").collect()}
        assert (shown[name], shown["my.harmless"]) == ("*********(redacted)", "1")
    assert session.conf.get(rule) == "(?i)url"
    assert session.conf.get(name, None) is None


def test_a_setting_from_a_variable_that_is_not_there_is_an_error(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(PipelineDefinitionError, match=r'spark\.config\."my\.plain": .*SHOP_NOWHERE'):
        _run(spark.newSession(), tmp_path, {"my.plain": "${secret:env://SHOP_NOWHERE}"}, "SELECT 1")


def test_settings_are_set_back_after_a_failure(spark: SparkSession, tmp_path: Path) -> None:
    session = spark.newSession()
    with pytest.raises(ComponentFailedError):
        _run(session, tmp_path, {"spark.sql.session.timeZone": "Asia/Tokyo"}, "SELECT nothing")
    assert "spark.sql.session.timeZone" not in settings_of(session)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("spark.sql.catalogImplementation", "hive"),
        ("spark.sql.extensions", "com.example.Extensions"),
        ("spark.sql.warehouse.dir", "/elsewhere"),
        ("spark.jars", "/some.jar"),
        ("spark.jars.packages", "a:b:1"),
    ],
)
def test_an_unsettable_setting_that_would_change_results_is_an_error(
    spark: SparkSession, tmp_path: Path, setting: str, value: str
) -> None:
    session = spark.newSession()
    with pytest.raises(PipelineDefinitionError, match="is already running and cannot change this setting") as raised:
        _run(session, tmp_path, {"spark.sql.session.timeZone": "Asia/Tokyo", setting: value}, "SELECT 1")
    assert setting in raised.value.problems[0].path
    assert "spark.sql.session.timeZone" not in settings_of(session)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "master", "named"),
    [
        ({"spark.executor.memory": "3g"}, None, "spark.executor.memory"),
        ({"spark.driver.memory": "3g", "spark.executor.cores": "2"}, None, "spark.driver.memory, spark.executor.cores"),
        ({"spark.kubernetes.namespace": "etl"}, None, "spark.kubernetes.namespace"),
        ({"spark.eventLog.enabled": "true"}, None, "spark.eventLog.enabled"),
        ({}, "local[7]", "spark.master (it is local[1])"),
    ],
)
def test_an_unsettable_setting_that_changes_no_result_is_a_warning(
    spark: SparkSession,
    tmp_path: Path,
    config: dict[str, str],
    master: str | None,
    named: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _run(spark.newSession(), tmp_path, config, "SELECT 1", master=master)
    assert f"is already running, so the description's {named} ha" in capfd.readouterr().out
