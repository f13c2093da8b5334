"""S3 without s3fs: when boto3 is used, and the meaning of its answers."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

from airflow_spark_pipeline.checkpoint.stores import locations
from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectExistsError
from airflow_spark_pipeline.checkpoint.stores.hadoop import HadoopStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from airflow_spark_pipeline.checkpoint.stores.s3 import S3Store
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, CheckpointStoreError

OLD_HADOOP = CheckpointLocationError("this S3A does not create objects conditionally")
NO_JAR = CheckpointLocationError("The driver has no Hadoop file system for s3a://.")


def opened(
    patch: pytest.MonkeyPatch, *, installed: set[str], hadoop: CheckpointStore | Exception | None
) -> CheckpointStore:
    """Open a location with these packages, and a JVM whose Hadoop client answers so; ``None`` for no JVM."""

    def hadoop_store(*_: Any) -> CheckpointStore:
        if isinstance(hadoop, Exception):
            raise hadoop
        assert hadoop is not None
        return hadoop

    patch.setattr("importlib.util.find_spec", lambda name: object() if name in installed else None)
    patch.setattr(locations, "driver_jvm", lambda: None if hadoop is None else object())
    patch.setattr(locations, "hadoop_configuration", lambda *_: object())
    patch.setattr(HadoopStore, "open", hadoop_store)
    return open_store("s3a://bucket/some/prefix/", {"key": "k"})


HADOOP = S3Store("s3a://bucket", "bucket")  # any store that is not the one below


@pytest.mark.parametrize(
    ("installed", "hadoop", "way"),
    [
        ({"s3fs", "boto3"}, HADOOP, "s3fs"),
        ({"s3fs", "boto3"}, None, "s3fs"),
        ({"boto3"}, HADOOP, "hadoop"),  # it has the job's own settings and credentials
        ({"boto3"}, OLD_HADOOP, "boto3"),
        ({"boto3"}, NO_JAR, "boto3"),
        ({"boto3"}, None, "boto3"),
        (set(), HADOOP, "hadoop"),
    ],
)
def test_the_client_of_s3_is_the_first_that_can(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], hadoop: Any, way: str
) -> None:
    store = opened(monkeypatch, installed=installed, hadoop=hadoop)
    assert ("hadoop" if store is HADOOP else store.way) == way


@pytest.mark.parametrize(("hadoop", "says"), [(OLD_HADOOP, "conditionally"), (NO_JAR, "no Hadoop"), (None, "boto3")])
def test_without_any_client_the_error_names_the_easiest_solution(
    monkeypatch: pytest.MonkeyPatch, hadoop: Any, says: str
) -> None:
    with pytest.raises(CheckpointLocationError, match=says):
        opened(monkeypatch, installed=set(), hadoop=hadoop)


class Answering(S3Store):
    """A store whose server gives one answer to everything."""

    def __init__(self, answer: Exception) -> None:
        super().__init__("s3://bucket/x", "bucket/x")
        self.answer = answer

    def _open(self) -> Any:
        return self

    def put_object(self, **_: Any) -> None:
        raise self.answer


def raised(answer: Exception) -> CheckpointError:
    with pytest.raises(CheckpointError) as error:
        Answering(answer).create("p/u/00000000.json", b"{}")
    return error.value


def answer(code: str) -> Exception:
    error: Exception = ClientError({"Error": {"Code": code, "Message": "…"}}, "PutObject")
    return error


@pytest.mark.parametrize(
    "given",
    [
        *map(answer, ["SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "ThrottlingException"]),
        *map(answer, ["ConditionalRequestConflict", "OperationAborted", "503"]),
        ConnectionResetError("reset by peer"),
    ],
    ids=repr,
)
def test_a_transient_error_is_retried_by_the_log(given: Exception) -> None:
    assert type(raised(given)) is CheckpointStoreError


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_a_failed_condition_means_that_another_writer_was_faster(code: str) -> None:
    assert isinstance(raised(answer(code)), ObjectExistsError)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (answer("AccessDenied"), "refuses access"),
        (answer("ExpiredToken"), "refuses access"),
        (answer("InvalidAccessKeyId"), "refuses access"),
        (NoCredentialsError(), "refuses access"),
        (answer("NoSuchBucket"), "Create the bucket"),
        (ParamValidationError(report='Unknown parameter in input: "IfNoneMatch"'), "boto3 1.35 or newer"),
    ],
    ids=repr,
)
def test_an_error_that_the_user_must_fix_explains_how(given: Exception, says: str) -> None:
    error = raised(given)
    assert isinstance(error, CheckpointLocationError)
    assert says in str(error)
