"""Run logs on an object store, through fsspec.

The store relies on one request that creates an object only if it does not exist (on S3 and Azure a PUT with
``If-None-Match: *``, on Google ``ifGenerationMatch=0``), which fsspec offers as ``pipe_file(mode="create")``. Listings
never use fsspec's cache: the cache of s3fs is stale after another client has written. After a fork a new file system
object is created, since fsspec's event loop does not survive a fork.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError, StoredObject
from airflow_spark_pipeline.checkpoint.stores.errors import StoreErrors, described, needing_a_bucket, translated
from airflow_spark_pipeline.checkpoint.stores.together import Answer, answer_of_s3, listed_together
from airflow_spark_pipeline.exceptions import CheckpointError

_CLIENTS = {"s3": "s3fs", "gcs": "gcsfs", "abfs": "adlfs"}
_AT_ONCE = 1_000  # names in one request of S3 that deletes
# Names of the modification time in each client: s3fs, adlfs, gcsfs; memory has only one time.
_TIMES = ("LastModified", "last_modified", "mtime", "created")

# Errors of fsspec file systems, in addition to PermissionError, after which the same request would fail again.
_NEEDS_THE_USER = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENAMETOOLONG, errno.ENOSYS}


class FsspecStore(CheckpointStore):
    """A store in a prefix of an object store.

    :param location: checkpoint location as the user wrote it, for messages
    :param protocol: fsspec's name of the file system, such as ``s3``
    :param root: bucket and prefix, without scheme
    :param options: fsspec options for the file system (credentials, endpoint); never shown
    """

    parallel_reads = 16
    clock_slack = 2.0  # S3 and Azure have times in whole seconds

    def __init__(self, location: str, protocol: str, root: str, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(location)
        self.way = _CLIENTS.get(protocol, "")
        self._protocol = protocol
        self._root = root.strip("/") if protocol != "memory" else root
        self._options = dict(options or {})
        self._lock = threading.Lock()
        self._opened: tuple[int, Any] | None = None

    def exists(self) -> bool:
        try:
            with self._errors(""):
                self._fs.ls(self._root, detail=True, refresh=True)
        except ObjectNotFoundError:
            return False
        return True

    def list_objects(self, directory: str) -> list[StoredObject]:
        return [found for entry in self._entries(directory) if (found := _stored(entry)) is not None]

    def list_together(self, directories: Sequence[str]) -> dict[str, list[StoredObject]]:
        return listed_together(directories, self._from) if self._protocol == "s3" else {}

    def list_directories(self, directory: str) -> list[str]:
        found = self._entries(directory)
        return [posixpath.basename(entry["name"].rstrip("/")) for entry in found if entry["type"] == "directory"]

    def read(self, path: str) -> bytes:
        with self._errors(path):
            data: bytes = self._fs.cat_file(self._full(path))
            return data

    def create(self, path: str, data: bytes) -> None:
        self._put(path, data, exclusive=True)

    def write(self, path: str, data: bytes) -> None:
        self._put(path, data, exclusive=False)

    def delete(self, path: str) -> None:
        with contextlib.suppress(ObjectNotFoundError), self._errors(path):
            self._fs.rm_file(self._full(path))

    def delete_all(self, paths: Sequence[str]) -> None:
        if self._protocol != "s3" or not paths:
            super().delete_all(paths)  # these clients send one request for each object anyway, or fail for absent ones
            return
        self._delete_from_s3([self._full(path) for path in paths], posixpath.dirname(paths[0]))

    def delete_tree(self, directory: str) -> None:
        with contextlib.suppress(ObjectNotFoundError), self._errors(directory):
            if self._protocol == "s3":
                self._delete_from_s3(self._fs.find(self._full(directory)), directory)
            else:
                self._fs.rm(self._full(directory), recursive=True)

    def _delete_from_s3(self, names: Sequence[str], directory: str) -> None:
        """Delete objects by their full names.

        The ``rm`` of s3fs reads ``*`` and ``[`` in a name as a pattern, and is silent about what S3 does not delete.
        """
        bucket = self._root.partition("/")[0]
        for first in range(0, len(names), _AT_ONCE):
            wanted = [{"Key": name.partition("/")[2]} for name in names[first : first + _AT_ONCE]]
            with contextlib.suppress(ObjectNotFoundError), self._errors(directory):
                answer = self._fs.call_s3("delete_objects", Bucket=bucket, Delete={"Objects": wanted, "Quiet": True})
                if refused := answer.get("Errors"):
                    raise _as_of_s3fs(refused[0])

    def _entries(self, directory: str) -> list[dict[str, Any]]:
        if self._protocol == "s3":
            return self._entries_of_s3(directory)
        try:
            with self._errors(directory):
                entries: list[dict[str, Any]] = self._fs.ls(self._full(directory), detail=True, refresh=True)
                return entries
        except ObjectNotFoundError:
            return []

    def _entries_of_s3(self, directory: str) -> list[dict[str, Any]]:
        """Ask S3 itself: for an empty directory, the ``ls`` of s3fs lists the one above, with maybe 100,000 others."""
        bucket, _, key = self._full(directory).rstrip("/").partition("/")
        asked: dict[str, str] = {"Bucket": bucket, "Prefix": f"{key}/" if key else "", "Delimiter": "/"}
        found: list[dict[str, Any]] = []
        try:
            with self._errors(directory):
                while True:
                    page = self._fs.call_s3("list_objects_v2", **asked)
                    found += ({"name": each["Key"], "type": "file", **each} for each in page.get("Contents", ()))
                    below = page.get("CommonPrefixes", ())
                    found += ({"name": each["Prefix"].rstrip("/"), "type": "directory"} for each in below)
                    if not page.get("IsTruncated"):
                        return [each for each in found if each["name"] != asked["Prefix"]]
                    asked["ContinuationToken"] = page["NextContinuationToken"]
        except ObjectNotFoundError:
            return []

    def _from(self, parent: str, after: str) -> Answer:
        """Ask S3 itself: fsspec has no listing that starts at a name."""
        bucket, _, prefix = self._root.partition("/")
        below = f"{prefix}/" if prefix else ""
        with self._errors(parent):
            found = self._fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=below + parent, StartAfter=below + after)
            return answer_of_s3(found, below)

    def _put(self, path: str, data: bytes, *, exclusive: bool) -> None:
        if self._protocol == "abfs":
            how: dict[str, Any] = {"overwrite": not exclusive}  # an older adlfs silently ignores ``mode``
        else:
            how = {"mode": "create" if exclusive else "overwrite"}
        with needing_a_bucket(self._errors_at(path)), self._errors(path):
            self._fs.pipe_file(self._full(path), data, **how)

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    @property
    def _fs(self) -> Any:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                with self._errors(""):
                    self._opened = (os.getpid(), self._open())
            return self._opened[1]

    def _open(self) -> Any:
        import fsspec  # imported only by processes that use such a store

        options = {"use_listings_cache": False, "skip_instance_cache": True, **self._options}
        if self._protocol == "s3":
            # With more, s3fs asks for the size before each read: two requests instead of one, for objects of a few KiB.
            options = {"max_concurrency": 1, **options}
        if self._protocol == "gcs":
            # The default class of gcsfs is experimental, for bucket types that were not measured.
            from gcsfs.core import GCSFileSystem

            return GCSFileSystem(**options)
        return fsspec.filesystem(self._protocol, **options)

    def _errors_at(self, path: str) -> StoreErrors:
        return StoreErrors(self.location, self.describe(path))

    def _errors(self, path: str) -> contextlib.AbstractContextManager[None]:
        return translated(self._errors_at(path), _read)


def _read(error: Exception, errors: StoreErrors) -> CheckpointError:
    if isinstance(error, FileNotFoundError):
        return errors.absent()
    if isinstance(error, FileExistsError) or _is_failed_precondition(error):
        return errors.exists()
    # Client libraries raise other classes, too (from botocore or aiohttp): each is an answer of the store.
    why = described(error)
    if isinstance(error, PermissionError) or type(error).__name__ == "NoCredentialsError":
        return errors.refused(why)
    if isinstance(error, ImportError) or (isinstance(error, OSError) and error.errno in _NEEDS_THE_USER):
        return errors.unusable(f"cannot be used ({why}).")
    return errors.failed(why)


def _is_failed_precondition(error: Exception) -> bool:
    """Whether S3 reports that the object exists; s3fs recognizes only servers that name the condition."""
    response = getattr(error.__cause__, "response", None)
    return isinstance(response, Mapping) and response.get("Error", {}).get("Code") == "PreconditionFailed"


def _stored(entry: Mapping[str, Any]) -> StoredObject | None:
    name = posixpath.basename(entry["name"].rstrip("/"))
    if entry["type"] != "file" or not name:
        return None
    modified = next((entry[key] for key in _TIMES if entry.get(key)), 0.0)
    return StoredObject(name, modified.timestamp() if isinstance(modified, datetime) else float(modified))


def _as_of_s3fs(refused: Mapping[str, Any]) -> Exception:
    """Return the error that s3fs would raise if S3 had refused the whole request, and not one name in it."""
    from botocore.exceptions import ClientError  # s3fs has loaded both
    from s3fs.errors import translate_boto_error

    error: Exception = translate_boto_error(ClientError({"Error": dict(refused)}, "DeleteObjects"))
    return error
