"""Which checkpoint location a task uses, and with which credentials."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from airflow_spark_pipeline.deployment import locations
from airflow_spark_pipeline.deployment.locations import checkpoint_location, configured, lease_seconds, storage_options
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError


@pytest.fixture
def in_configuration(airflow_config: Any) -> None:
    airflow_config("spark_pipeline", "checkpoint_location", "s3://of/configuration")


@pytest.mark.usefixtures("in_configuration")
def test_the_argument_wins_over_the_file_and_the_file_over_the_configuration() -> None:
    assert checkpoint_location("s3://of/argument", "s3://of/file") == "s3://of/argument"
    assert checkpoint_location(None, "s3://of/file") == "s3://of/file"
    assert checkpoint_location(None, None) == "s3://of/configuration"


@pytest.mark.usefixtures("in_configuration")
def test_an_argument_that_was_rendered_as_empty_is_ignored() -> None:
    assert checkpoint_location("", None) == "s3://of/configuration"


@pytest.mark.usefixtures("in_configuration")
def test_a_location_that_is_named_needs_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    checkpoint_location(None, None)
    assert not caplog.records


def test_without_a_location_a_temporary_one_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with caplog.at_level(logging.WARNING, logger=locations.__name__):
        assert checkpoint_location(None, None) == str(tmp_path / "spark-pipeline-checkpoints")
    (record,) = caplog.records
    assert str(tmp_path) in record.getMessage()
    assert "[spark_pipeline] checkpoint_location" in record.getMessage()


def test_an_empty_option_counts_as_unset(airflow_config: Any) -> None:
    assert configured("checkpoint_conn_id") is None
    airflow_config("spark_pipeline", "checkpoint_conn_id", "lake")
    assert configured("checkpoint_conn_id") == "lake"


# ---- how long a driver may be silent


def test_the_lease_is_the_options_number_of_seconds(airflow_config: Any) -> None:
    airflow_config("spark_pipeline", "lease_seconds", "90")
    assert lease_seconds() == 90.0


@pytest.mark.parametrize("text", ["soon", "1", "-60", "nan"])
def test_a_lease_that_is_too_short_is_refused_with_the_option_and_the_minimum(airflow_config: Any, text: str) -> None:
    airflow_config("spark_pipeline", "lease_seconds", text)
    with pytest.raises(CheckpointLocationError, match=rf"\[spark_pipeline\] lease_seconds is '{text}'; .* at least 6"):
        lease_seconds()


# ---- credentials


def test_without_a_connection_the_environments_own_credentials_count() -> None:
    assert storage_options(None, "s3://lake") == {}


def test_an_aws_connection_gives_key_secret_token_region_and_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_LAKE",
        "aws://AKIA:s%2Fcret@/?aws_session_token=tok&region_name=eu-west-1&endpoint_url=http%3A%2F%2Fminio%3A9000",
    )
    assert storage_options("lake", "s3://lake") == {
        "key": "AKIA",
        "secret": "s/cret",
        "token": "tok",
        "client_kwargs": {"endpoint_url": "http://minio:9000", "region_name": "eu-west-1"},
    }


def test_an_aws_connection_without_credentials_leaves_them_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """On EKS or EC2 the role of the machine counts; an empty key would be taken for one."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "aws://?region_name=eu-west-1")
    assert storage_options("lake", "s3://lake") == {"client_kwargs": {"region_name": "eu-west-1"}}


def test_storage_options_in_the_extra_are_taken_as_they_are_and_win(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"key": "mine", "client_kwargs": {"region_name": "us-east-1"}}
    extra = {"region_name": "eu-west-1", "storage_options": theirs}
    connection = {"conn_type": "aws", "login": "AKIA", "password": "x", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    assert storage_options("lake", "s3://lake") == {
        "key": "mine",
        "secret": "x",
        "client_kwargs": {"region_name": "us-east-1"},
    }


def test_any_connection_may_hold_storage_options(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "generic", "login": "not for fsspec", "extra": {"storage_options": {"anon": True}}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    assert storage_options("lake", "s3://lake") == {"anon": True}


def test_a_connection_for_hdfs_gives_the_name_nodes_and_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "webhdfs", "host": "nn1,nn2", "port": 9871, "login": "etl", "extra": {"use_ssl": "True"}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    assert storage_options("lake", "hdfs://ns/checkpoints") == {
        "host": "nn1,nn2",
        "port": 9871,
        "use_https": True,
        "user": "etl",
    }
    extra = {"verify": "/etc/ca.pem", "kerberos": True, "storage_options": {"kerb_kwargs": {"force_preemptive": True}}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "generic", "host": "nn", "extra": extra}))
    assert storage_options("lake", "hdfs://nn:8020/checkpoints") == {
        "host": "nn",
        "session_verify": "/etc/ca.pem",
        "kerberos": True,
        "kerb_kwargs": {"force_preemptive": True},
    }


# A location, the fields of its connection, and what fsspec is given. Each is read the same as ``generic``: that is what
# Airflow's command line stores where the provider of the type is not installed.
S3, GCS, ABFSS = "s3a://lake/c", "gs://lake/c", "abfss://c@acct.dfs.core.windows.net/x"
KEY = {"type": "service_account", "private_key": "k"}
READ: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (S3, "aws", {"login": "AK", "password": "s"}, {"key": "AK", "secret": "s"}),
    (
        S3,
        "aws",
        {"login": "AK", "password": "s", "extra": {"endpoint_url": "http://minio:9000"}},
        {"key": "AK", "secret": "s", "client_kwargs": {"endpoint_url": "http://minio:9000"}},
    ),
    (S3, "aws", {"host": "http://minio", "port": 9000}, {"client_kwargs": {"endpoint_url": "http://minio:9000"}}),
    (S3, "aws", {"host": "minio", "schema": "https"}, {"client_kwargs": {"endpoint_url": "https://minio"}}),
    (S3, "aws", {"extra": {"aws_access_key_id": "AK", "aws_secret_access_key": "s"}}, {"key": "AK", "secret": "s"}),
    (
        S3,
        "aws",
        {"extra": {"service_config": {"s3": {"endpoint_url": "http://m"}}, "config_kwargs": {"retries": {}}}},
        {"client_kwargs": {"endpoint_url": "http://m"}, "config_kwargs": {"retries": {}}},
    ),
    (GCS, "google_cloud_platform", {"extra": {"keyfile_dict": KEY, "project": "p"}}, {"token": KEY, "project": "p"}),
    (GCS, "google_cloud_platform", {"extra": {"keyfile_dict": json.dumps(KEY)}}, {"token": KEY}),
    (GCS, "google_cloud_platform", {"extra": {"extra__google_cloud_platform__keyfile_dict": KEY}}, {"token": KEY}),
    (GCS, "google_cloud_platform", {"extra": {"is_anonymous": True}}, {"token": "anon"}),
    (GCS, "google_cloud_platform", {}, {}),
    (ABFSS, "wasb", {"login": "acct", "password": "key"}, {"account_key": "key"}),
    (ABFSS, "adls", {"host": "acct", "password": "key"}, {"account_key": "key"}),
    (ABFSS, "wasb", {"extra": {"sas_token": "https://acct.blob.core.windows.net/?sv=1"}}, {"sas_token": "sv=1"}),
    (ABFSS, "wasb", {"extra": {"connection_string": "A=b"}}, {"connection_string": "A=b"}),
    (
        ABFSS,
        "adls",
        {"host": "acct", "login": "client", "password": "s", "extra": {"tenant_id": "t"}},
        {"tenant_id": "t", "client_id": "client", "client_secret": "s"},
    ),
    ("hdfs://ns/c", "webhdfs", {"host": "nn", "login": "etl"}, {"host": "nn", "user": "etl"}),
    (
        "hdfs://ns/c",
        "hdfs",
        {"host": "nn", "port": 9871, "schema": "https"},
        {"host": "nn", "port": 9871, "use_https": True},
    ),
    ("/a/directory", "postgres", {"login": "u"}, {}),
]


@pytest.mark.parametrize("stored_as", ["its own type", "generic"])
@pytest.mark.parametrize(("location", "kind", "fields", "options"), READ)
def test_the_settings_of_a_connection_are_used(
    monkeypatch: pytest.MonkeyPatch,
    location: str,
    kind: str,
    fields: dict[str, Any],
    options: dict[str, Any],
    stored_as: str,
) -> None:
    kind = "generic" if stored_as == "generic" else kind
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": kind, **fields}))
    assert storage_options("lake", location) == options


def test_the_key_of_a_service_account_is_read_where_the_task_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The driver may be on a machine that has no such file."""
    (tmp_path / "key.json").write_text(json.dumps(KEY), encoding="utf-8")
    extra = {"key_path": str(tmp_path / "key.json")}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "generic", "extra": extra}))
    assert storage_options("lake", GCS) == {"token": KEY}


@pytest.mark.parametrize(
    ("location", "kind", "fields", "said"),
    [
        (
            S3,
            "webhdfs",
            {"host": "nn"},
            r"it is of the type webhdfs, which cannot be used for s3a://\. Use the type aws",
        ),
        (GCS, "aws", {"login": "AK", "password": "s"}, "of the type aws, which cannot be used for gs://"),
        ("hdfs://ns/c", "aws", {"login": "AK", "password": "s"}, "of the type aws, which cannot be used for hdfs://"),
        (ABFSS, "postgres", {}, "Use the type wasb or generic, or put storage_options"),
        (S3, "generic", {"login": "AK"}, "it has a login but no password"),
        (S3, "aws", {"password": "s"}, "it has a password but no login"),
        (
            S3,
            "generic",
            {"host": "minio", "port": 9000},
            r"its host minio:9000 does not say http or https\. Put endpoint_url",
        ),
        (
            GCS,
            "generic",
            {"login": "me", "password": "s"},
            "does not use login and password: put the service account's key",
        ),
        (GCS, "google_cloud_platform", {"extra": {"key_path": "/not/there"}}, "key_path in its extra cannot be read"),
        (GCS, "google_cloud_platform", {"extra": {"key_path": sys.executable}}, "key_path in its extra cannot be read"),
        (GCS, "google_cloud_platform", {"extra": {"keyfile_dict": "{"}}, "is not JSON"),
        (GCS, "google_cloud_platform", {"extra": {"impersonation_chain": "a"}}, "impersonation_chain in its extra"),
        (ABFSS, "wasb", {"login": "another", "password": "k"}, "account another, but the location is in acct"),
        (ABFSS, "wasb", {"login": "acct"}, "it names acct and no key"),
        (ABFSS, "adls", {"login": "client", "extra": {"tenant_id": "t"}}, "one of them is missing"),
        (ABFSS, "wasb", {"extra": {"managed_identity_client_id": "m"}}, "managed_identity_client_id in its extra"),
        (S3, "aws", {"extra": {"storage_options": "anon"}}, "storage_options in its extra must be an object"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused_with_the_field_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, location: str, kind: str, fields: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": kind, **fields}))
    with pytest.raises(
        CheckpointLocationError, match=rf"The checkpoint connection 'lake' cannot be used: .*{said}"
    ) as e:
        storage_options("lake", location)
    assert not e.value.retry_helps


def test_storage_options_are_taken_from_a_connection_of_any_type(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "postgres", "login": "u", "extra": {"storage_options": {"key": "a", "secret": "b"}}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    assert storage_options("lake", S3) == {"key": "a", "secret": "b"}


@pytest.mark.parametrize(
    ("location", "name"), [(S3, "endpoint"), (GCS, "key_file"), (ABFSS, "sas"), ("hdfs://n/c", "ssl")]
)
def test_a_field_without_effect_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, location: str, name: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "generic", "extra": {name: "x"}}))
    with caplog.at_level(logging.WARNING):
        storage_options("lake", location)
    assert f"'lake': {name} in its extra is not used. Known: " in caplog.text


def test_a_connection_that_does_not_exist_is_named() -> None:
    with pytest.raises(CheckpointLocationError, match="'lake' does not exist") as caught:
        storage_options("lake", "s3://lake")
    assert not caught.value.retry_helps


def test_a_connection_that_assumes_a_role_needs_the_amazon_provider_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.amazon.aws.hooks.base_aws", None)
    connection = {"conn_type": "aws", "extra": {"role_arn": "arn:aws:iam::1:role/lake"}}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    with pytest.raises(CheckpointLocationError, match=r"'lake' assumes a role .* apache-airflow-providers-amazon"):
        storage_options("lake", "s3://lake")


def test_a_connection_that_assumes_a_role_gives_the_credentials_of_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Airflow's Amazon provider resolves it; the provider itself is not part of the tests."""

    class AwsGenericHook:
        def __init__(self, aws_conn_id: str) -> None:
            assert aws_conn_id == "lake"

        def get_credentials(self) -> Any:
            return SimpleNamespace(access_key="ASIA", secret_key="s", token="t")

    module = SimpleNamespace(AwsGenericHook=AwsGenericHook)
    monkeypatch.setitem(sys.modules, "airflow.providers.amazon.aws.hooks.base_aws", module)
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws", "extra": {"role_arn": "arn"}}))
    assert storage_options("lake", "s3://lake") == {"key": "ASIA", "secret": "s", "token": "t"}


class ClientError(Exception):
    """What boto3 raises for an answer of AWS."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


ConnectTimeoutError = type("ConnectTimeoutError", (type("HTTPClientError", (Exception,), {}),), {})


@pytest.mark.parametrize(
    ("error", "retry_helps"),
    [
        (ClientError(403, "AccessDenied: not authorized to perform sts:AssumeRole"), False),
        (ClientError(400, "ThrottlingException: Rate exceeded"), True),
        (ClientError(503, "ServiceUnavailable"), True),
        (ConnectTimeoutError("Connect timeout on endpoint URL"), True),
        (AttributeError("'NoneType' object has no attribute 'get_frozen_credentials'"), False),
    ],
)
def test_credentials_that_the_amazon_provider_does_not_get_are_an_error_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, error: Exception, retry_helps: bool
) -> None:
    hook = Mock()
    hook.return_value.get_credentials.side_effect = error
    module = SimpleNamespace(AwsGenericHook=hook)
    monkeypatch.setitem(sys.modules, "airflow.providers.amazon.aws.hooks.base_aws", module)
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws", "extra": {"profile_name": "etl"}}))
    with pytest.raises(CheckpointError, match=f"The checkpoint connection 'lake'.*{str(error)[:20]}") as caught:
        storage_options("lake", "s3://lake")
    assert caught.value.retry_helps is retry_helps


def test_an_extra_whose_name_has_no_field_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "aws", "extra": {"extra__x": "1"}}))
    assert storage_options("lake", "s3://lake") == {}
