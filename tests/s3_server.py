"""An S3 server on loopback: moto's, with conditional writes that are as atomic as S3's own."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Give the URL of a server on a free port.

    moto looks whether there is an object and then stores one, without a lock: of two conditional PUTs at once it
    sometimes grants both. S3 decides in one step, so a lock makes one step of moto's two.
    """
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from moto.s3.responses import S3Response

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    put, lock = S3Response.put_object, threading.Lock()

    def put_object(response: Any) -> Any:
        with lock:
            return put(response)

    put_object.unlocked = put  # type: ignore[attr-defined]  # for tests that show what the lock is for
    S3Response.put_object = put_object  # type: ignore[assignment,method-assign]  # moto's is typed by itself
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        S3Response.put_object = put  # type: ignore[method-assign]
