"""Where the chaos keeps its logs."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.harness import Place


def s3_at(endpoint: str) -> Place:
    """A bucket of its own on an S3 server."""
    import s3fs

    options = {
        "key": "planted-key",
        "secret": "planted-secret",
        "client_kwargs": {"endpoint_url": endpoint, "region_name": "us-east-1"},
    }
    bucket = f"chaos-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(skip_instance_cache=True, **options).call_s3("create_bucket", Bucket=bucket)
    return Place("s3", f"s3://{bucket}/checkpoints", options)


@contextlib.contextmanager
def local_and_s3(directory: Path) -> Iterator[list[Place]]:
    """A local directory, and a bucket on an S3 server (moto's) of this process."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        local = Place("local", str(directory))
        yield [local, s3_at(f"http://{host}:{port}"), local, local]  # the S3 server costs more than the drivers
    finally:
        server.stop()
