"""Run logs on HDFS over HTTP, for processes without a JVM: Airflow's, above all.

The store relies on the same two operations of the name node as Hadoop's own client
(docs/hadoop-filesystem-guarantees.md): a temporary file is renamed, which fails if the target exists, or atomically
renamed over an older file. Times are the name node's. Of several name nodes the active one answers; if it does not, the
others are tried.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore, ObjectNotFoundError, StoredObject
from airflow_spark_pipeline.checkpoint.stores.errors import PERMISSIONS, StoreErrors, described, translated
from airflow_spark_pipeline.checkpoint.stores.name_nodes import NameNodes
from airflow_spark_pipeline.exceptions import CheckpointError, CheckpointStoreError

if TYPE_CHECKING:
    from airflow_spark_pipeline.checkpoint.stores.webhdfs_client import NameNode

_TEMPORARY = ".tmp-"
_NEEDS_THE_USER = {
    "AccessControlException",
    "AuthorizationException",
    "DSQuotaExceededException",
    "IllegalArgumentException",
    "InvalidToken",
    "NSQuotaExceededException",
    "ParentNotDirectoryException",
    "SecurityException",
    "UnsupportedOperationException",
}
_NOT_ACTIVE = {"ObserverRetryOnActiveException", "RetriableException", "StandbyException"}
_ADVICE = (
    "The name nodes' HTTP addresses come from a checkpoint connection (checkpoint_conn_id), or from hdfs-site.xml in "
    "HADOOP_CONF_DIR."
)

T = TypeVar("T")


class WebHdfsStore(CheckpointStore):
    """A store in a directory of HDFS.

    :param location: checkpoint location as the user wrote it, ``hdfs://…``
    :param name_nodes: addresses and options for WebHDFS
    """

    def __init__(self, location: str, name_nodes: NameNodes) -> None:
        super().__init__(location)
        self._name_nodes = name_nodes
        self._root = urlsplit(location).path.rstrip("/")
        self._lock = threading.Lock()
        self._opened: tuple[int, list[NameNode]] | None = None
        self._active = 0
        self.way = f"WebHDFS at {', '.join(name_nodes.addresses)} (from {name_nodes.origin})"

    def exists(self) -> bool:
        try:
            self._ask("", lambda node: node.status(self._full("")))
        except ObjectNotFoundError:
            return False
        return True

    def list_objects(self, directory: str) -> list[StoredObject]:
        return [
            StoredObject(entry["pathSuffix"], entry["modificationTime"] / 1_000)
            for entry in self._entries(directory)
            if entry["type"] == "FILE" and not entry["pathSuffix"].startswith(_TEMPORARY)
        ]

    def list_directories(self, directory: str) -> list[str]:
        return [entry["pathSuffix"] for entry in self._entries(directory) if entry["type"] == "DIRECTORY"]

    def read(self, path: str) -> bytes:
        return self._ask(path, lambda node: node.get(self._full(path)))

    def create(self, path: str, data: bytes) -> None:
        def rename(node: NameNode, temporary: str) -> bool:
            return node.rename(temporary, self._full(path))

        if self._named(path, data, rename):
            return
        with self._errors(path, absent=CheckpointStoreError):
            self._ask(path, lambda node: node.status(self._full(path)))
        raise StoreErrors(self.location, self.describe(path)).exists()

    def write(self, path: str, data: bytes) -> None:
        def replace(node: NameNode, temporary: str) -> bool:
            node.replace(temporary, self._full(path))
            return True

        self._named(path, data, replace)

    def delete(self, path: str) -> None:
        with contextlib.suppress(ObjectNotFoundError):
            self._ask(path, lambda node: node.remove(self._full(path), recursive=False))

    def delete_tree(self, directory: str) -> None:
        with contextlib.suppress(ObjectNotFoundError):
            self._ask(directory, lambda node: node.remove(self._full(directory), recursive=True))

    def _entries(self, directory: str) -> list[dict[str, Any]]:
        try:
            return self._ask(directory, lambda node: node.list(self._full(directory)))
        except ObjectNotFoundError:
            return []

    def _named(self, path: str, data: bytes, name_it: Callable[[NameNode, str], bool]) -> bool:
        """Write a temporary file next to the target and rename it; if that fails, delete the temporary file."""
        directory, _, name = self._full(path).rpartition("/")
        temporary, named = f"{directory}/{_TEMPORARY}{name}-{uuid.uuid4().hex}", False
        with self._errors(path, absent=CheckpointStoreError):  # the directory may be removed in the meantime
            try:
                self._ask(path, lambda node: node.put(temporary, data))
                named = self._ask(path, lambda node: name_it(node, temporary))
            finally:
                if not named:
                    with contextlib.suppress(CheckpointError):
                        self._ask(path, lambda node: node.remove(temporary, recursive=False))
        return named

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}".rstrip("/") or "/"

    def _ask(self, path: str, what: Callable[[NameNode], T]) -> T:
        """Call the name node that answered last, then the others, each once."""
        with self._errors(path):
            nodes, first = self._nodes, self._active
            for turn in range(len(nodes)):
                self._active = (first + turn) % len(nodes)
                try:
                    return what(nodes[self._active])
                except OSError as error:  # includes the errors of requests
                    if turn == len(nodes) - 1 or not _is_elsewhere(error):
                        raise
            raise AssertionError  # there is at least one name node

    @property
    def _nodes(self) -> list[NameNode]:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():  # a child must not share its parent's sockets
                self._opened = (os.getpid(), [self._connect(address) for address in self._name_nodes.addresses])
            return self._opened[1]

    def _connect(self, address: str) -> NameNode:
        from airflow_spark_pipeline.checkpoint.stores.webhdfs_client import NameNode

        host, _, port = address.rpartition(":")
        return NameNode(host, int(port), **self._name_nodes.options)

    def _errors(
        self, path: str, absent: type[CheckpointError] = ObjectNotFoundError
    ) -> contextlib.AbstractContextManager[None]:
        return translated(StoreErrors(self.location, self.describe(path)), self._read, absent)

    def _read(self, error: Exception, errors: StoreErrors) -> CheckpointError | None:
        from airflow_spark_pipeline.checkpoint.stores.webhdfs_client import RemoteError

        if isinstance(error, RemoteError):
            if error.kind == "FileNotFoundException":
                return errors.absent()
            if error.kind in _NEEDS_THE_USER:
                return errors.unusable(f"cannot be used through {self.way}: {error}. Check the user and {PERMISSIONS}.")
            return errors.failed(str(error))
        # Its client raises a LookupError for an answer that is not WebHDFS's, and a RuntimeError for some refusals.
        if not isinstance(error, (ImportError, TypeError, ValueError, OSError, LookupError, RuntimeError)):
            return None
        why = described(error)
        if _needs_the_user(error):
            return errors.unusable(f"cannot be used through {self.way}: {why}. {_ADVICE}")
        return errors.failed(f"no answer from {self.way}: {why}. {_ADVICE}")


def _is_elsewhere(error: OSError) -> bool:
    """Whether another name node may handle the failed request."""
    import requests

    from airflow_spark_pipeline.checkpoint.stores.webhdfs_client import RemoteError

    if isinstance(error, RemoteError):
        return error.kind in _NOT_ACTIVE
    return isinstance(error, (requests.ConnectionError, requests.Timeout))


def _needs_the_user(error: Exception) -> bool:
    """Whether the same request would fail again: a wrong address or certificate, no ticket, no package."""
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code < 500  # noqa: PLR2004  # HTTP's own number
    if isinstance(error, requests.exceptions.SSLError):
        return True
    return not isinstance(error, OSError) or isinstance(error, PermissionError)
