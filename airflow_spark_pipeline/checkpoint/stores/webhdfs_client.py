"""The WebHDFS client of one name node: fsspec's, plus time limits, Hadoop's errors, and the result of a rename."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

_SECONDS = 10.0  # well below a lease; a name node with a longer garbage collection counts as gone
_OCTETS = {"Content-Type": "application/octet-stream"}


class RemoteError(OSError):
    """An error that a name node or data node returned.

    :param kind: class name of Hadoop's exception
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}".partition("\n")[0])
        self.kind = kind


class NameNode:
    """A connection to one name node; needs the package ``requests``.

    :param options: options of fsspec's ``webhdfs``
    """

    def __init__(self, host: str, port: int, **options: Any) -> None:
        from fsspec.implementations.webhdfs import WebHDFS  # imported only by processes that use WebHDFS

        self.fs = WebHDFS(host, port, skip_instance_cache=True, **options)
        session = self.fs.session
        session.request = functools.partial(session.request, timeout=_SECONDS)
        session.hooks["response"].append(_raise_remote)
        self._call = self.fs._call  # noqa: SLF001  # what its public methods leave of an answer is too little
        self._apply_proxy = self.fs._apply_proxy  # noqa: SLF001

    def list(self, path: str) -> list[dict[str, Any]]:
        """Return Hadoop's status of each entry of a directory."""
        found: list[dict[str, Any]] = self._call("LISTSTATUS", path=path).json()["FileStatuses"]["FileStatus"]
        return found

    def status(self, path: str) -> dict[str, Any]:
        """Return Hadoop's status of a file or directory."""
        found: dict[str, Any] = self._call("GETFILESTATUS", path=path).json()["FileStatus"]
        return found

    def get(self, path: str) -> bytes:
        """Return the content of a file."""
        answer = self._call("OPEN", path=path, redirect=False)
        if "Location" in answer.headers:
            answer = self.fs.session.get(self._apply_proxy(answer.headers["Location"]))
            answer.raise_for_status()
        data: bytes = answer.content
        return data

    def put(self, path: str, data: bytes, **parameters: Any) -> None:
        """Write a new file, and create the directories above it."""
        answer = self._call("CREATE", "put", path=path, redirect=False, overwrite="false", **parameters)
        location = self._apply_proxy(answer.headers["Location"])
        self.fs.session.put(location, data=data, headers=_OCTETS).raise_for_status()

    def rename(self, path: str, to: str) -> bool:
        """Rename a file, unless the new name exists. Returns whether the file was renamed."""
        return bool(self._call("RENAME", "put", path=path, destination=to).json()["boolean"])

    def replace(self, path: str, to: str) -> None:
        """Rename a file atomically, replacing the target.

        :raises RemoteError: the server does not support it
        """
        answer = self._call("RENAME", "put", path=path, destination=to, renameoptions="OVERWRITE")
        if b"boolean" in answer.content and not answer.json()["boolean"]:
            raise RemoteError(
                "UnsupportedOperationException", "this server does not support the option to replace a file"
            )

    def remove(self, path: str, *, recursive: bool) -> None:
        """Delete a file or a tree; no error if it does not exist."""
        self._call("DELETE", "delete", path=path, recursive="true" if recursive else "false")


def _raise_remote(response: requests.Response, *args: Any, **kwargs: Any) -> None:
    """Raise Hadoop's exception with its class name, which fsspec's client drops; 401 is left to authentication."""
    if response.status_code < 400 or response.status_code == 401:  # noqa: PLR2004  # HTTP's own numbers
        return
    try:
        said = response.json()["RemoteException"]
        kind, message = said["exception"], said["message"]
    except (ValueError, LookupError, TypeError):
        return
    raise RemoteError(kind, message)
