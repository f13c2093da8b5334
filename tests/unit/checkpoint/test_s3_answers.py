"""The meaning of an S3 server's answers: retry, another writer was faster, or the user has to act."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from s3fs.errors import translate_boto_error

from airflow_spark_pipeline.checkpoint.stores.base import ObjectExistsError
from airflow_spark_pipeline.checkpoint.stores.object_store import FsspecStore
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointLocationError, CheckpointStoreError


class _Answering(FsspecStore):
    """A store whose server gives one answer to everything."""

    def __init__(self, answer: Exception) -> None:
        super().__init__("s3://bucket/x", "s3", "bucket/x")
        self._answer = answer

    def _open(self) -> _Answering:
        return self

    def pipe_file(self, *_: object, **__: object) -> None:
        raise self._answer


def _raised_by_create(answer: Exception) -> CheckpointError:
    with pytest.raises(CheckpointError) as error:
        _Answering(answer).create("p/u/00000000.json", b"{}")
    return error.value


def _answer(code: str, status: int, **more: str) -> Exception:
    response = {"Error": {"Code": code, "Message": "…", **more}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = translate_boto_error(ClientError(response, "PutObject"))
    return error


@pytest.mark.parametrize(
    "answer",
    [
        _answer("SlowDown", 503),
        _answer("ServiceUnavailable", 503),
        _answer("InternalError", 500),
        _answer("RequestTimeout", 400),
        _answer("ThrottlingException", 400),
        _answer("ConditionalRequestConflict", 409),
        _answer("OperationAborted", 409),
        ConnectionResetError("reset by peer"),
        TimeoutError("timed out"),
    ],
    ids=repr,
)
def test_a_transient_error_is_retried_by_the_log(answer: Exception) -> None:
    assert isinstance(_raised_by_create(answer), CheckpointStoreError)


@pytest.mark.parametrize("more", [{"Condition": "If-None-Match"}, {}], ids=["S3", "a server that is short of words"])
def test_a_failed_condition_means_that_another_writer_was_faster(more: dict[str, str]) -> None:
    assert isinstance(_raised_by_create(_answer("PreconditionFailed", 412, **more)), ObjectExistsError)


@pytest.mark.parametrize(
    "code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "NoSuchBucket"]
)
def test_an_error_that_only_the_user_can_fix_is_not_retried_and_names_the_location(code: str) -> None:
    error = _raised_by_create(_answer(code, 403))
    assert isinstance(error, CheckpointLocationError)
    assert "s3://bucket/x" in str(error)


class _Refusing(FsspecStore):
    """A store whose server accepts a request to delete, and refuses the objects in it."""

    def __init__(self, code: str) -> None:
        super().__init__("s3://bucket/x", "s3", "bucket/x")
        self._code = code

    def _open(self) -> _Refusing:
        return self

    def find(self, directory: str) -> list[str]:
        return [f"{directory}/a", f"{directory}/b"]

    def call_s3(self, method: str, **_: object) -> dict[str, object]:
        assert method == "delete_objects"
        return {"Errors": [{"Key": "x/p/u/b", "Code": self._code, "Message": "no"}]}


@pytest.mark.parametrize(
    ("code", "expected"), [("AccessDenied", CheckpointLocationError), ("InternalError", CheckpointStoreError)]
)
def test_an_object_that_s3_refuses_to_delete_is_an_error(code: str, expected: type[CheckpointError]) -> None:
    store = _Refusing(code)
    with pytest.raises(expected, match="no"):
        store.delete_tree("p/u")
    with pytest.raises(expected, match="no"):
        store.delete_all(["p/u/a", "p/u/b"])


def test_a_server_that_does_not_know_conditional_writes_is_refused() -> None:
    error = _raised_by_create(_answer("NotImplemented", 501))
    assert isinstance(error, CheckpointLocationError)
    assert "The checkpoint location s3://bucket/x cannot be used" in str(error)
