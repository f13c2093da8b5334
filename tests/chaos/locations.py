"""The checkpoint locations of the chaos tests."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.harness import Place
from tests.s3_server import s3_server


def s3_at(endpoint: str) -> Place:
    """A separate bucket on an S3 server."""
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
    with s3_server() as url:
        local = Place("local", str(directory))
        yield [local, s3_at(url), local, local]  # the S3 server costs more than the drivers
