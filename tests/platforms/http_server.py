"""A JSON API on loopback, answered by a function."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def at_once(call: Callable[[], Any]) -> Any:
    """Call, with nothing around it."""
    return call()


@contextlib.contextmanager
def serve(answer: Callable[[str, list[str], Any], tuple[int, Any]]) -> Iterator[int]:
    """Give the port of a server.

    :param answer: from method, parts of the path, and body or query to status and body
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            body = json.loads(text) if text else dict(parse_qsl(url.query))
            status, said = answer(self.command, url.path.strip("/").split("/"), body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # as http.server calls them

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)
