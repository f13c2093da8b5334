"""The two places that are measured: a local directory, and S3 as moto's server on loopback plays it."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_spark_pipeline.checkpoint.locations import open_store
from airflow_spark_pipeline.checkpoint.store import CheckpointStore
from tests.s3_server import s3_server


@dataclass(frozen=True)
class Place:
    """Where checkpoints lie."""

    name: str
    location: str
    options: dict[str, Any] = field(default_factory=dict)

    def store(self) -> CheckpointStore:
        """Open it."""
        return open_store(self.location, self.options)


@contextlib.contextmanager
def places() -> Iterator[list[Place]]:
    """Give both."""
    import s3fs

    with s3_server() as url, tempfile.TemporaryDirectory(prefix="bench-") as directory:
        options = {"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": url}}
        bucket = f"bench-{uuid.uuid4().hex[:8]}"
        s3fs.S3FileSystem(skip_instance_cache=True, **options).call_s3("create_bucket", Bucket=bucket)
        yield [Place("local disk", directory), Place("S3 (moto)", f"s3://{bucket}/checkpoints", options)]
