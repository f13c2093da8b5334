from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import load_store, open_store
from airflow_spark_pipeline.checkpoint.stores.s3 import S3Store
from tests.webhdfs_server import NameNodeServer, Namespace

StoreMaker = Callable[[], CheckpointStore]


@pytest.fixture
def s3_bucket(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    """A bucket for this test, and fsspec's options to reach it.

    With SPARK_PIPELINE_TEST_S3 set to a bucket (and prefix) of a real S3 or MinIO, and SPARK_PIPELINE_TEST_S3_OPTIONS
    to fsspec's options as JSON, the same tests run there.
    """
    import s3fs

    real = os.environ.get("SPARK_PIPELINE_TEST_S3")
    if real:
        return f"{real}/{uuid.uuid4().hex[:12]}", json.loads(os.environ.get("SPARK_PIPELINE_TEST_S3_OPTIONS", "{}"))
    s3_endpoint: str = request.getfixturevalue("s3_endpoint")

    options: dict[str, object] = {
        "key": "planted-key",
        "secret": "planted-secret",
        "client_kwargs": {"endpoint_url": s3_endpoint, "region_name": "us-east-1"},
    }
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(skip_instance_cache=True, **options).call_s3("create_bucket", Bucket=bucket)
    return bucket, options


@pytest.fixture
def name_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A stand-in for WebHDFS; the real one is in tests/engines."""
    monkeypatch.setattr("airflow_spark_pipeline.checkpoint.stores.locations.driver_jvm", lambda: None)
    server = NameNodeServer(Namespace())
    yield server.address
    server.close()


@pytest.fixture(
    params=[
        "local",
        "memory",
        "redis",
        "webhdfs",
        pytest.param("s3", marks=pytest.mark.s3),
        pytest.param("boto3", marks=pytest.mark.s3),
    ]
)
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Give a function that opens the same place anew, as another process would."""
    if request.param == "local":
        return lambda: open_store(str(tmp_path / "checkpoints"))
    if request.param == "memory":
        location = f"memory://{uuid.uuid4().hex}"
        return lambda: open_store(location)
    if request.param == "redis":
        config = {"url": request.getfixturevalue("redis_url"), "prefix": uuid.uuid4().hex}
        return lambda: load_store("redis_store.RedisStore", config, str(tmp_path))
    if request.param == "webhdfs":
        options = {"host": request.getfixturevalue("name_node")}
        return lambda: open_store("hdfs://ns/some/directory", options)
    bucket, options = request.getfixturevalue("s3_bucket")
    if request.param == "boto3":
        return lambda: S3Store(f"s3a://{bucket}/some/prefix", f"{bucket}/some/prefix", options)
    return lambda: open_store(f"s3a://{bucket}/some/prefix", options)
