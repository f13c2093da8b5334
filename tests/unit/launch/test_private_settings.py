"""Spark settings with secrets: none stays in the arguments of spark-submit."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_spark_pipeline.exceptions import PipelineDefinitionError
from airflow_spark_pipeline.launch.private_settings import hidden, without_secrets, write_properties

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_settings_are_hidden_by_their_name_and_by_their_value() -> None:
    settings = {
        "spark.sql.catalog.k.token": "t0k3n",
        "spark.hadoop.fs.s3a.bucket.b.access.key": "AKIA",
        "spark.sql.catalog.k.uri": "jdbc:postgresql://h/d?user=u&password=hunter2",
        "spark.ssl.enabled": "true",
        "spark.authenticate": "true",
        "spark.sql.shuffle.partitions": 7,
        "spark.hadoop.fs.s3a.aws.credentials.provider": "a.b.Provider",
        "spark.kerberos.keytab": "/etc/etl.keytab",
    }
    assert set(hidden(settings)) == {
        "spark.sql.catalog.k.token",
        "spark.hadoop.fs.s3a.bucket.b.access.key",
        "spark.sql.catalog.k.uri",
    }


@pytest.mark.parametrize("side", ["driver.extraJavaOptions", "executor.extraJavaOptions", "driver.defaultJavaOptions"])
def test_a_secret_among_the_options_of_a_jvm_is_refused_without_being_shown(side: str) -> None:
    with pytest.raises(PipelineDefinitionError, match=r"spark\.[a-zA-Z.]+ holds a secret.*@/path") as caught:
        hidden({f"spark.{side}": "-Dx=1 -Djavax.net.ssl.trustStorePassword=hunter2"})
    assert "hunter2" not in str(caught.value)


def test_arguments_with_secrets_become_settings_of_the_properties_file() -> None:
    arguments = [
        *("--master", "yarn", "--conf", "spark.x=1", "--conf", "spark.yarn.appMasterEnv.DB_PASSWORD=hunter2"),
        *("--conf", "spark.yarn.appMasterEnv.REGION=eu", "--repositories", "https://u:hunter3@nexus/maven"),
        *("--py-files", "/a.zip", "--verbose", "--name", "Shop"),
    ]
    kept, moved = without_secrets(arguments, {})
    assert moved == {
        "spark.yarn.appMasterEnv.DB_PASSWORD": "hunter2",
        "spark.jars.repositories": "https://u:hunter3@nexus/maven",
    }
    assert "hunter" not in " ".join(kept)
    assert kept == [
        *("--master", "yarn", "--conf", "spark.x=1", "--conf", "spark.yarn.appMasterEnv.REGION=eu"),
        *("--py-files", "/a.zip", "--verbose", "--name", "Shop"),
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("/a.zip", {"spark.ssl.keyPassword": "x", "spark.kubernetes.authenticate.submission.oauthToken": "z"}),
        (
            "s3a://b/a.zip",
            {
                "spark.ssl.keyPassword": "x",
                "spark.kubernetes.authenticate.submission.oauthToken": "z",
                "spark.hadoop.fs.s3a.secret.key": "y",
            },
        ),
    ],
)
def test_spark_submit_gets_the_secrets_that_it_needs_before_there_is_a_driver(
    files: str, expected: dict[str, str]
) -> None:
    private = {
        "spark.ssl.keyPassword": "x",
        "spark.hadoop.fs.s3a.secret.key": "y",
        "spark.sql.catalog.k.token": "t",
        "spark.kubernetes.authenticate.submission.oauthToken": "z",
    }
    assert without_secrets(["--py-files", files], private)[1] == expected


ODD = {
    "spark.a": "plain",
    "spark.b.token": 'back\\slash = : # ! é € \U0001f511 "quoted"',
    "spark.c:d e=f#": "  leading",
    "spark.e": "line\\nnot a break",
    "spark.given": "ours",
}


@pytest.mark.spark
def test_java_reads_a_properties_file_as_intended(tmp_path: Path, spark: SparkSession) -> None:
    given = tmp_path / "given.conf"
    given.write_text("spark.given theirs\nspark.more yes\n", encoding="utf-8")
    file = tmp_path / "submit.properties"
    write_properties(file, ODD, str(given))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    java: Any = spark._jvm
    found = java.java.util.Properties()
    found.load(java.java.io.FileReader(str(file)))
    assert {name: found.getProperty(name) for name in found.stringPropertyNames()} == {**ODD, "spark.more": "yes"}
