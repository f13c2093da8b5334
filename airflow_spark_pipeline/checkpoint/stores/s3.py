"""Run logs on S3, through boto3: for a process without s3fs, whose Hadoop client is too old or is not there.

EMR and Glue have boto3. The store relies on one PUT with ``If-None-Match: *``, which boto3 knows since version 1.35.
After a fork a new client is made.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError, StoredObject
from airflow_spark_pipeline.checkpoint.stores.errors import StoreErrors, described, needing_a_bucket, translated
from airflow_spark_pipeline.checkpoint.stores.together import Answer, answer_of_s3, listed_together
from airflow_spark_pipeline.exceptions import CheckpointError

_IDENTITY = {
    "key": "aws_access_key_id",
    "secret": "aws_secret_access_key",
    "token": "aws_session_token",
    "profile": "profile_name",
}
_EXISTS = {"PreconditionFailed", "412"}
_NOT_FOUND = {"NoSuchKey", "NoSuchBucket", "NotFound", "404"}
_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "403",
}
_NOT_OURS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "InvalidRegionError", "NoRegionError")
_AT_ONCE = 1_000  # objects that one request deletes


class S3Store(CheckpointStore):
    """A store in a prefix of a bucket.

    :param location: checkpoint location as the user wrote it, for messages
    :param root: bucket and prefix, without scheme
    :param options: those of s3fs that say who opens it, and where: ``key``, ``secret``, ``token``, ``profile``,
        ``anon``, ``endpoint_url``, ``client_kwargs``, ``config_kwargs``; never shown
    """

    parallel_reads = 16
    clock_slack = 2.0  # S3 has times in whole seconds
    way = "boto3"

    def __init__(self, location: str, root: str, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(location)
        self._bucket, _, prefix = root.strip("/").partition("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._options = dict(options or {})
        self._lock = threading.Lock()
        self._opened: tuple[int, Any] | None = None

    def exists(self) -> bool:
        try:
            with self._errors(""):
                found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
                return bool(found["KeyCount"])
        except ObjectNotFoundError:
            return False

    def list_objects(self, directory: str) -> list[StoredObject]:
        prefix = self._below(directory)
        return [
            StoredObject(found["Key"].removeprefix(prefix), found["LastModified"].timestamp())
            for page in self._pages(directory, Delimiter="/")
            for found in page.get("Contents", ())
            if found["Key"] != prefix
        ]

    def list_together(self, directories: Sequence[str]) -> dict[str, list[StoredObject]]:
        return listed_together(directories, self._from)

    def list_directories(self, directory: str) -> list[str]:
        prefix = self._below(directory)
        return [
            found["Prefix"].removeprefix(prefix).rstrip("/")
            for page in self._pages(directory, Delimiter="/")
            for found in page.get("CommonPrefixes", ())
        ]

    def read(self, path: str) -> bytes:
        with self._errors(path):
            data: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()
            return data

    def create(self, path: str, data: bytes) -> None:
        self._put(path, data, IfNoneMatch="*")

    def write(self, path: str, data: bytes) -> None:
        self._put(path, data)

    def delete(self, path: str) -> None:
        with contextlib.suppress(ObjectNotFoundError), self._errors(path):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + path)

    def delete_tree(self, directory: str) -> None:
        self._delete_keys(
            [found["Key"] for page in self._pages(directory) for found in page.get("Contents", ())], directory
        )

    def delete_all(self, paths: Sequence[str]) -> None:
        with contextlib.suppress(ObjectNotFoundError):
            self._delete_keys([self._prefix + path for path in paths], posixpath.dirname(next(iter(paths), "")))

    def _delete_keys(self, keys: list[str], directory: str) -> None:
        for first in range(0, len(keys), _AT_ONCE):
            with self._errors(directory):
                objects = [{"Key": key} for key in keys[first : first + _AT_ONCE]]
                wanted = {"Objects": objects, "Quiet": True}
                failed = self._client.delete_objects(Bucket=self._bucket, Delete=wanted).get("Errors", ())
            for error in failed:
                raise self._errors_at(directory).failed(f"{error.get('Code')}: {error.get('Message')}")

    def _from(self, parent: str, after: str) -> Answer:
        with self._errors(parent):
            found = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix + parent, StartAfter=self._prefix + after
            )
            return answer_of_s3(found, self._prefix)

    def _pages(self, directory: str, **how: str) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(ObjectNotFoundError), self._errors(directory):
            paginator = self._client.get_paginator("list_objects_v2")
            yield from paginator.paginate(Bucket=self._bucket, Prefix=self._below(directory), **how)

    def _put(self, path: str, data: bytes, **how: str) -> None:
        with needing_a_bucket(self._errors_at(path)), self._errors(path):
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=data, **how)

    def _below(self, directory: str) -> str:
        return f"{self._prefix}{directory}/" if directory else self._prefix

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = (os.getpid(), self._open())
            return self._opened[1]

    def _open(self) -> Any:
        from boto3.session import Session  # imported only by processes that use this store
        from botocore import UNSIGNED
        from botocore.config import Config

        given = self._options
        config = {"max_pool_connections": self.parallel_reads, **(given.get("config_kwargs") or {})}
        if given.get("anon"):
            config["signature_version"] = UNSIGNED
        arguments = {"endpoint_url": given.get("endpoint_url"), **(given.get("client_kwargs") or {})}
        session = Session(**{name: given[option] for option, name in _IDENTITY.items() if given.get(option)})
        return session.client("s3", config=Config(**config), **arguments)

    def _errors_at(self, path: str) -> StoreErrors:
        return StoreErrors(self.location, self.describe(path))

    def _errors(self, path: str) -> contextlib.AbstractContextManager[None]:
        return translated(self._errors_at(path), _read)


def _read(error: Exception, errors: StoreErrors) -> CheckpointError:
    response = getattr(error, "response", None)
    code = str(response["Error"].get("Code")) if isinstance(response, Mapping) and "Error" in response else ""
    kind, why = type(error).__name__, described(error)
    if code in _EXISTS:
        return errors.exists()
    if code in _NOT_FOUND:
        return errors.absent()
    if code in _REFUSED or kind in _NOT_OURS:
        return errors.refused(why)
    if kind == "ParamValidationError":
        return errors.unusable(
            f"cannot be used with this boto3 ({why}). Creating objects conditionally needs boto3 1.35 or newer."
        )
    return errors.failed(why)
