"""One name node's WebHDFS: fsspec's client with time limits, Hadoop's errors, and a rename that says what it did."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

_SECONDS = 10.0  # well below a lease; a name node that collects garbage for longer is as good as gone
_OCTETS = {"Content-Type": "application/octet-stream"}


class RemoteError(OSError):
    """What a name node or data node refused.

    :param kind: the name of Hadoop's exception
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}".partition("\n")[0])
        self.kind = kind


class NameNode:
    """A connection to one name node; needs the package ``requests``.

    :param options: of fsspec's ``webhdfs``
    """

    def __init__(self, host: str, port: int, **options: Any) -> None:
        from fsspec.implementations.webhdfs import WebHDFS  # only processes that reach HDFS so pay for the import

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
        """Write a new file, and the directories above it."""
        answer = self._call("CREATE", "put", path=path, redirect=False, overwrite="false", **parameters)
        location = self._apply_proxy(answer.headers["Location"])
        self.fs.session.put(location, data=data, headers=_OCTETS).raise_for_status()

    def make_directories(self, path: str, **parameters: Any) -> None:
        """Make a directory, and those above it."""
        self._call("MKDIRS", "put", path=path, **parameters)

    def rename(self, path: str, to: str) -> bool:
        """Rename a file, unless something has that name already. Returns whether it was renamed."""
        return bool(self._call("RENAME", "put", path=path, destination=to).json()["boolean"])

    def replace(self, path: str, to: str) -> None:
        """Rename a file in one step over whatever has that name.

        :raises RemoteError: the server does not know how
        """
        answer = self._call("RENAME", "put", path=path, destination=to, renameoptions="OVERWRITE")
        if b"boolean" in answer.content and not answer.json()["boolean"]:
            raise RemoteError("UnsupportedOperationException", "this server leaves out the option to replace a file")

    def remove(self, path: str, *, recursive: bool) -> None:
        """Delete a file or a tree; no error where there is none."""
        self._call("DELETE", "delete", path=path, recursive="true" if recursive else "false")


def _raise_remote(response: requests.Response, *args: Any, **kwargs: Any) -> None:
    """Raise Hadoop's exception by its name, which fsspec's client drops; 401 is the authentication's own."""
    if response.status_code < 400 or response.status_code == 401:  # noqa: PLR2004  # HTTP's own numbers
        return
    try:
        said = response.json()["RemoteException"]
        kind, message = said["exception"], said["message"]
    except (ValueError, LookupError, TypeError):
        return
    raise RemoteError(kind, message)
