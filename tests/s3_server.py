"""An S3 server on loopback: moto, with conditional writes as atomic as those of S3."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def s3_server(*, keep_alive: bool = False) -> Iterator[str]:
    """Give the URL of a server on a free port.

    moto looks whether there is an object and then stores one, without a lock: of two conditional PUTs at once it
    sometimes grants both. S3 decides in one step, so a lock makes one step of moto's two.

    :param keep_alive: keep connections open between requests, as S3 does; moto's own server opens one, and starts a
        thread, for each request
    """
    from moto.s3.responses import S3Response

    put, lock = S3Response.put_object, threading.Lock()

    def put_object(response: Any) -> Any:
        with lock:
            return put(response)

    put_object.unlocked = put  # type: ignore[attr-defined]  # for tests that show what the lock is for
    S3Response.put_object = put_object  # type: ignore[assignment,method-assign]  # moto's is typed by itself
    try:
        with _keeping_connections() if keep_alive else _closing_connections() as url:
            yield url
    finally:
        S3Response.put_object = put  # type: ignore[method-assign]


@contextlib.contextmanager
def _closing_connections() -> Iterator[str]:
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextlib.contextmanager
def _keeping_connections() -> Iterator[str]:
    """Give moto's application in the server that Airflow's API runs in."""
    import uvicorn
    from a2wsgi import WSGIMiddleware
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    moto: Any = DomainDispatcherApplication(create_backend_app)
    application: Any = WSGIMiddleware(moto, workers=16)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", lifespan="off"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
