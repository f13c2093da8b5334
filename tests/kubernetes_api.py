"""The part of a Kubernetes API server that Spark uses: it stores what is created, and starts nothing.

Lists are of what was created, watches stay open and say nothing. No object is validated.
"""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]


class KubernetesApi:
    """What was created, by its path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.objects: dict[str, Object] = {}
        self.closed = threading.Event()

    def of_kind(self, kind: str) -> list[Object]:
        return [each for each in list(self.objects.values()) if each.get("kind") == kind]

    def text(self) -> str:
        """Everything that anybody with access to the API can read."""
        return json.dumps(self.objects)


@contextlib.contextmanager
def kubernetes_api() -> Iterator[KubernetesApi]:
    """Serve on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    api = KubernetesApi(f"http://127.0.0.1:{server.server_port}")
    server.api = api  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield api
    finally:
        api.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def api(self) -> KubernetesApi:
        api: KubernetesApi = self.server.api  # type: ignore[attr-defined]
        return api

    def do_POST(self) -> None:
        made = self._made(self._body())
        path = f"{urlsplit(self.path).path}/{made['metadata']['name']}"
        if path in self.api.objects:
            there = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "AlreadyExists", "code": 409}
            self._answer(409, there)
            return
        self.api.objects[path] = made
        self._answer(201, made)

    def do_PATCH(self) -> None:  # an apply, which may be what creates it
        path = urlsplit(self.path).path
        made = self._made({**self.api.objects.get(path, {}), **self._body()})
        self.api.objects[path] = made
        self._answer(200, made)

    def do_DELETE(self) -> None:
        self._body()
        self.api.objects.pop(urlsplit(self.path).path, None)
        self._answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if "watch" in parse_qs(parts.query):
            self._watch()
        elif parts.path in self.api.objects:
            self._answer(200, self.api.objects[parts.path])
        elif parts.path.rpartition("/")[2] in ("pods", "configmaps", "services"):
            items = [each for path, each in list(self.api.objects.items()) if path.rpartition("/")[0] == parts.path]
            self._answer(
                200, {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}
            )
        else:
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            self._answer(404, missing)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output free of a line for each request."""

    def _watch(self) -> None:
        if "Upgrade" in self.headers:  # a web socket; Spark's client takes this for a reason to watch by plain HTTP
            self._answer(503, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.api.closed.wait()
        self.close_connection = True

    def _body(self) -> Object:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body: Object = json.loads(text) if text else {}
        return body

    @staticmethod
    def _made(body: Object) -> Object:
        metadata = {"uid": str(uuid.uuid4()), "resourceVersion": "1", **body.get("metadata", {})}
        return {**body, "metadata": metadata}

    def _answer(self, code: int, body: Object) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
