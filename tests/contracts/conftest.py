from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.locations import open_store
from airflow_spark_pipeline.checkpoint.store import CheckpointStore

StoreMaker = Callable[[], CheckpointStore]


@pytest.fixture
def s3_bucket(s3_endpoint: str) -> tuple[str, dict[str, object]]:
    """A bucket of its own, and fsspec's options to reach it."""
    import s3fs

    options: dict[str, object] = {
        "key": "planted-key",
        "secret": "planted-secret",
        "client_kwargs": {"endpoint_url": s3_endpoint, "region_name": "us-east-1"},
    }
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(skip_instance_cache=True, **options).call_s3("create_bucket", Bucket=bucket)
    return bucket, options


@pytest.fixture(
    params=[
        "local",
        "memory",
        pytest.param("s3", marks=pytest.mark.s3),
    ]
)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Give a function that opens the same place anew, as another process would."""
    if request.param == "local":
        return lambda: open_store(str(tmp_path / "checkpoints"))
    if request.param == "memory":
        location = f"memory://{uuid.uuid4().hex}"
        return lambda: open_store(location)
    bucket, options = request.getfixturevalue("s3_bucket")
    return lambda: open_store(f"s3a://{bucket}/some/prefix", options)
