"""Which spark-defaults.conf applies in addition to the operator's settings, by Spark's option or by a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_spark_pipeline.launch.spark_defaults import defaults_file, knows_option


@pytest.fixture
def spark(tmp_path: Path) -> Path:
    """A home of Spark 3.5, with defaults."""
    for folder in ("bin", "jars", "conf"):
        (tmp_path / "spark" / folder).mkdir(parents=True)
    home = tmp_path / "spark"
    (home / "bin" / "spark-submit").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    (home / "bin" / "spark-submit").chmod(0o755)
    (home / "jars" / "spark-core_2.12-3.5.9.jar").touch()
    (home / "conf" / "spark-defaults.conf").write_text("spark.a 1\n", encoding="utf-8")
    return home


def of_version(spark: Path, jar: str) -> str:
    for each in (spark / "jars").iterdir():
        each.unlink()
    (spark / "jars" / jar).touch()
    return str(spark / "bin" / "spark-submit")


@pytest.mark.parametrize(
    ("jar", "knows"),
    [
        ("spark-core_2.12-3.5.9.jar", False),
        ("spark-core_2.13-3.5.6-amzn-1.jar", False),
        ("spark-core_2.13-4.0.2.jar", True),
        ("spark-core_2.13-4.2.0.jar", True),
    ],
)
def test_the_option_is_given_to_a_spark_that_knows_it(spark: Path, jar: str, knows: bool) -> None:
    assert knows_option(of_version(spark, jar), {}) is knows


def script(tmp_path: Path, says: str) -> str:
    """A distribution's own spark-submit, without jars near it."""
    file = tmp_path / "wrapper" / "bin" / "spark-submit"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\nprintf '%s' '{says}' >&2\n", encoding="utf-8")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    ("says", "knows"),
    [
        ("   /___/ .__/\\_,_/_/ /_/\\_\\   version 3.5.6-amzn-0", False),
        ("   /___/ .__/\\_,_/_/ /_/\\_\\   version 4.1.1", True),
        ("nothing that is known", True),
        ("", True),
    ],
)
def test_a_script_without_jars_near_it_is_asked_for_its_version(tmp_path: Path, says: str, knows: bool) -> None:
    assert knows_option(script(tmp_path, says), {"PATH": "/usr/bin:/bin"}) is knows


def test_the_defaults_are_those_of_the_home_of_the_command(spark: Path) -> None:
    assert defaults_file(str(spark / "bin" / "spark-submit"), {}) == str(spark / "conf" / "spark-defaults.conf")
    assert defaults_file("spark-submit", {"PATH": str(spark / "bin")}) == str(spark / "conf" / "spark-defaults.conf")


def test_the_spark_home_behind_a_link_is_used(spark: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(spark / "bin" / "spark-submit")
    assert defaults_file(str(tmp_path / "link"), {}) == str(spark / "conf" / "spark-defaults.conf")


def test_the_variables_of_sparks_scripts_win(spark: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    submit = str(spark / "bin" / "spark-submit")
    assert defaults_file(submit, {"SPARK_CONF_DIR": str(elsewhere)}) is None
    (elsewhere / "spark-defaults.conf").touch()
    assert defaults_file(submit, {"SPARK_CONF_DIR": str(elsewhere)}) == str(elsewhere / "spark-defaults.conf")
    assert defaults_file("/usr/bin/spark-submit", {"SPARK_HOME": str(spark)}) == str(
        spark / "conf" / "spark-defaults.conf"
    )


def test_without_a_defaults_file_nothing_is_read(spark: Path) -> None:
    (spark / "conf" / "spark-defaults.conf").unlink()
    assert defaults_file(str(spark / "bin" / "spark-submit"), {}) is None
    assert defaults_file("no-such-command", {"PATH": ""}) is None
