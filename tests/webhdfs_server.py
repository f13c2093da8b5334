"""The HTTP interface of a name node in this process: as much of WebHDFS as a store needs, and its faults.

It behaves, it does not prove: that HDFS itself does the same is for tests/engines.
"""

from __future__ import annotations

import json
import posixpath
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Namespace:
    """The files of one HDFS, which all of its name nodes serve."""

    files: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    users: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class NameNodeServer(ThreadingHTTPServer):
    """One name node on a free port.

    :param refuses: the exception that it answers with to everything, such as ``StandbyException``
    :param knows_options: whether a rename can replace a file
    """

    daemon_threads = True

    def __init__(self, namespace: Namespace, *, refuses: str | None = None, knows_options: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.namespace = namespace
        self.refuses = refuses
        self.knows_options = knows_options
        self.asked = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self) -> None:
        server = cast("NameNodeServer", self.server)
        server.asked += 1
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        server.namespace.users.add(query.get("user.name", ""))
        if server.refuses is not None:
            self._refuse(403, server.refuses, f"the answer of {server.address}")
            return
        path = unquote(url.path).removeprefix("/webhdfs/v1").rstrip("/")
        with server.namespace.lock:
            getattr(self, f"_{query['op'].lower()}")(server.namespace.files, path, query, data)

    def _liststatus(self, files: dict[str, tuple[bytes, int]], path: str, query: Any, data: bytes) -> None:
        below = [name.removeprefix(f"{path}/") for name in files if name.startswith(f"{path}/")]
        if not below:
            self._refuse(404, "FileNotFoundException", f"File {path} does not exist.")
            return
        entries = [_status(name, files[f"{path}/{name}"]) for name in below if "/" not in name]
        directories = {name.partition("/")[0] for name in below if "/" in name}
        entries += [{"pathSuffix": name, "type": "DIRECTORY", "modificationTime": 0} for name in sorted(directories)]
        self._say({"FileStatuses": {"FileStatus": entries}})

    def _getfilestatus(self, files: dict[str, tuple[bytes, int]], path: str, query: Any, data: bytes) -> None:
        if path in files:
            self._say({"FileStatus": _status("", files[path])})
        elif any(name.startswith(f"{path}/") for name in files):
            self._say({"FileStatus": {"pathSuffix": "", "type": "DIRECTORY", "permission": "755"}})
        else:
            self._refuse(404, "FileNotFoundException", f"File does not exist: {path}")

    def _open(self, files: dict[str, tuple[bytes, int]], path: str, query: Any, data: bytes) -> None:
        if path not in files:
            self._refuse(404, "FileNotFoundException", f"File does not exist: {path}")
        elif "datanode" in query:
            self._send(200, files[path][0])
        else:
            self._redirect()

    def _create(self, files: dict[str, tuple[bytes, int]], path: str, query: Any, data: bytes) -> None:
        if "datanode" not in query:
            self._redirect()
            return
        files[path] = (data, time.time_ns() // 1_000_000)
        self._send(201, b"")

    def _mkdirs(self, files: dict[str, tuple[bytes, int]], path: str, query: Any, data: bytes) -> None:
        self._say({"boolean": True})

    def _rename(self, files: dict[str, tuple[bytes, int]], path: str, query: dict[str, str], data: bytes) -> None:
        target = query["destination"]
        replaces = cast("NameNodeServer", self.server).knows_options and query.get("renameoptions") == "OVERWRITE"
        done = path in files and (replaces or target not in files)
        if done:
            files[target] = files.pop(path)
        if replaces:
            self._send(200, b"")
        else:
            self._say({"boolean": done})

    def _delete(self, files: dict[str, tuple[bytes, int]], path: str, query: dict[str, str], data: bytes) -> None:
        gone = [name for name in files if name == path or name.startswith(f"{path}/")]
        for name in gone:
            del files[name]
        self._say({"boolean": bool(gone)})

    def _redirect(self) -> None:
        self.send_response(307)
        self.send_header("Location", f"http://{cast('NameNodeServer', self.server).address}{self.path}&datanode=1")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, code: int, kind: str, message: str) -> None:
        self._say({"RemoteException": {"exception": kind, "javaClassName": kind, "message": message}}, code)

    def _say(self, answer: dict[str, Any], code: int = 200) -> None:
        self._send(code, json.dumps(answer).encode())

    def _send(self, code: int, data: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _status(name: str, file: tuple[bytes, int]) -> dict[str, Any]:
    return {"pathSuffix": posixpath.basename(name), "type": "FILE", "length": len(file[0]), "modificationTime": file[1]}
