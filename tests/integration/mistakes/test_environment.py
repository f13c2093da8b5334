"""Mistakes around the description: location, Spark, an earlier try, arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_spark_pipeline.checkpoint.checksum import seal, unseal
from airflow_spark_pipeline.checkpoint.key import make_run_id
from airflow_spark_pipeline.launch import executables
from tests.mistakes import EXTRACT, LOAD, Shop, describe

# ---- the checkpoint location


@pytest.mark.parametrize(
    "place",
    ["{file}", "{file}/checkpoints", "/proc/no-such-place/checkpoints", "{folder}/dangling"],
    ids=["a file", "below a file", "below proc", "a link to nowhere"],
)
def test_a_location_that_cannot_be_written_is_named(shop: Shop, place: str) -> None:
    (shop.folder / "dangling").symlink_to(shop.folder / "unmounted" / "disk")
    location = place.format(file=shop.conf, folder=shop.folder)
    found = shop.mistake(checkpoint_location=location)
    assert f"The checkpoint location {location} cannot be used" in found
    assert "use another location" in found
    assert shop.conf.read_text(encoding="utf-8") == describe()


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            "ftp://host/checkpoints",
            "has the unknown scheme ftp://. Supported: a directory, file://, s3a://, s3://, hdfs://",
        ),
        ("webhdfs://namenode/checkpoints", "write it as hdfs://…, which Spark understands too"),
        ("viewfs://cluster/checkpoints", "viewfs:// is not supported"),
        (
            "checkpoints",
            "is a relative path, which means a different directory in each process. Write an absolute path",
        ),
        (
            "file://checkpoints/here",
            "has the host 'checkpoints': write a local location with three slashes, file:///path",
        ),
        ("s3://", "has no bucket"),
        ("s3a:///", "has no bucket"),
    ],
)
def test_a_location_that_is_not_served_is_explained(shop: Shop, location: str, message: str) -> None:
    found = shop.mistake(checkpoint_location=location)
    assert f"The checkpoint location {location}" in found
    assert message in found
    shop.conf.write_text(describe(more=f'checkpoint {{ location = "{location}" }}'), encoding="utf-8")
    assert shop.mistake(checkpoint_location=None) == found


def test_a_checkpoint_connection_that_does_not_exist_is_named(shop: Shop) -> None:
    found = shop.mistake(checkpoint_conn_id="lake")
    assert found == "The checkpoint connection 'lake' does not exist. Create it, or correct checkpoint_conn_id."


def test_a_checkpoint_connection_of_the_configuration_that_does_not_exist_is_named_with_the_option(
    shop: Shop, airflow_config: Any
) -> None:
    airflow_config("spark_pipeline", "checkpoint_conn_id", "lake")
    found = shop.mistake()
    assert "'lake' does not exist" in found
    assert "checkpoint_conn_id" in found


def test_a_driver_elsewhere_without_checkpoints_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", "spark://master:7077?deploy-mode=cluster")
    found = shop.mistake_in(describe(more="checkpoint { enabled = false }"))
    assert found.startswith("checkpoint.enabled = false works in client mode only")
    assert "Remove it; auto-resume = false starts every try from the beginning." in found


# ---- Spark


def test_a_named_spark_connection_that_does_not_exist_is_an_error(shop: Shop) -> None:
    found = shop.mistake(conn_id="spark_prod")
    assert found == "The Spark connection 'spark_prod' does not exist. Create it, or correct conn_id."


def test_without_spark_submit_the_error_names_the_command_that_installs_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(executables, "pyspark_home", lambda: None)
    found = shop.mistake()
    assert "spark-submit was not found" in found
    assert "pip install 'airflow-spark-pipeline[spark]'" in found


def test_a_spark_home_without_spark_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_HOME", str(shop.folder))
    assert shop.mistake() == (
        f"SPARK_HOME is {shop.folder}, but {shop.folder / 'bin' / 'spark-submit'} does not exist or cannot be run. "
        "Correct SPARK_HOME, or unset it."
    )


def test_a_java_home_without_java_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(shop.folder))
    there = f"JAVA_HOME is {shop.folder}, but its bin/java does not exist or cannot be run."
    assert shop.mistake() == f"{there} Correct JAVA_HOME, or unset it."


def test_without_java_the_error_names_the_needed_version(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "Spark needs Java 17 or newer" in shop.mistake()


# ---- what an earlier try left behind


def test_an_edit_of_a_completed_component_is_refused_with_its_path_and_the_way_out(shop: Shop) -> None:
    shop.first_try()
    found = shop.mistake_in(describe(EXTRACT.replace("/in", "/elsewhere"), LOAD), try_number=2)
    assert (
        "Extract is recorded as done, and differs now at pipeline.pipeline-components[0].instance-config.input-path."
        in found
    )
    assert "Undo the change" in found
    assert "start over with auto_resume=False" in found
    assert "/elsewhere" not in found


@pytest.mark.parametrize("expression", ["{{ ti.try_number }}", "{{ range(9999) | random }}{{ range(9999) | random }}"])
def test_a_field_that_renders_differently_on_each_try_is_named_as_such(shop: Shop, expression: str) -> None:
    """Nobody edited anything, and the retry would be refused for ever."""
    shop.first_try()
    found = shop.mistake_in(describe(EXTRACT.replace("/in", f"/in/{expression}"), LOAD), try_number=2)
    assert "This is not an edit of pipeline.pipeline-components[0].instance-config.input-path" in found
    assert "renders differently on each try" in found
    assert "{{ ds }}" in found


def test_a_component_before_one_that_is_done_is_refused(shop: Shop) -> None:
    shop.first_try()
    found = shop.mistake_in(describe(LOAD, EXTRACT), try_number=2)
    assert "pipeline.pipeline-components[0] was Extract and is Load now" in found
    assert "Undo the change" in found
    assert "start over with auto_resume=False" in found


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"schemaVersion": 2}', b"\xff\xfe\x00"],
    ids=["empty", "cut off", "a list", "fields missing", "bytes"],
)
def test_an_unreadable_commit_is_named_and_never_counts_as_nothing_recorded(shop: Shop, content: bytes) -> None:
    shop.first_try()
    commit = shop.newest_commit()
    commit.write_bytes(content)
    found = shop.mistake(try_number=2)
    assert found.startswith(f"{commit} is not a readable commit")
    assert "Restore the object from a backup" in found
    unit = f"{commit.parent.parent.name}/{commit.parent.name}"
    assert f"spark-pipeline discard {make_run_id(unit, int(commit.stem))} --location {shop.location}" in found


def test_a_commit_of_a_newer_version_asks_for_an_upgrade(shop: Shop) -> None:
    shop.first_try()
    commit = shop.newest_commit()
    commit.write_bytes(seal(json.dumps(unseal(commit.read_bytes()) | {"schemaVersion": 9})[1:-1]))
    found = shop.mistake(try_number=2)
    assert str(commit) in found
    assert "its schema version is 9" in found
    assert "Upgrade airflow-spark-pipeline here" in found


def test_a_try_that_a_newer_one_overtook_gives_one_clear_error(shop: Shop) -> None:
    shop.first_try()
    assert shop.mistake(try_number=0) == "This try stops: try 1 has claimed this task instance already."


# ---- the arguments


@pytest.mark.parametrize("argument", ["application", "java_class"])
def test_arguments_that_the_operator_sets_itself_are_refused_while_the_dag_is_parsed(shop: Shop, argument: str) -> None:
    with pytest.raises(ValueError, match=f"sets {argument} itself; name the components in the pipeline's file"):
        shop.operator(**{argument: "etl.py"})


def test_arguments_for_an_application_are_refused_while_the_dag_is_parsed(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"sets application_args itself.*use SparkSubmitOperator"):
        shop.operator(application_args=["--day", "1"])


def test_a_misspelled_argument_is_named_while_the_dag_is_parsed(shop: Shop) -> None:
    with pytest.raises(TypeError, match="checkpoint_locaton"):
        shop.operator(checkpoint_locaton="/x")


def test_paths_of_pathlib_are_accepted_like_text(shop: Shop) -> None:
    """Whatever is wrong here is the pipeline, not the type of the arguments."""
    found = shop.mistake_in(
        describe(EXTRACT.replace("Extract", "Extrakt")),
        pipeline=shop.conf,
        py_files=[shop.module.parent],
        checkpoint_location=shop.location,
    )
    assert "'shop_etl' has no class 'Extrakt'" in found
