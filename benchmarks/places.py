"""The two places that are measured: a local directory, and S3 as moto's server on loopback plays it."""

from __future__ import annotations

import bisect
import contextlib
import os
import tempfile
import time
import types
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from airflow_spark_pipeline.checkpoint.stores.base import CheckpointStore
from airflow_spark_pipeline.checkpoint.stores.locations import open_store
from tests.s3_server import s3_server


@dataclass(frozen=True)
class Place:
    """Where checkpoints lie.

    :param put: stores an object the short way, to have many of them soon: without syncs, without HTTP
    :param age: makes a stored object as old as if it had been written so many seconds ago
    """

    name: str
    location: str
    put: Callable[[str, bytes], None]
    age: Callable[[str, float], None]
    options: dict[str, Any] = field(default_factory=dict)

    def store(self) -> CheckpointStore:
        """Open it."""
        return open_store(self.location, self.options)


@contextlib.contextmanager
def places() -> Iterator[list[Place]]:
    """Give both."""
    with (
        s3_server(keep_alive=True) as url,
        _indexed_listings(),
        tempfile.TemporaryDirectory(prefix="bench-") as directory,
    ):
        yield [_local(Path(directory)), _s3(url)]


def _local(directory: Path) -> Place:
    def put(path: str, data: bytes) -> None:
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def age(path: str, seconds: float) -> None:
        moment = time.time() - seconds
        os.utime(directory / path, (moment, moment))

    return Place("local disk", str(directory), put, age)


def _s3(url: str) -> Place:
    from moto.backends import get_backend
    from moto.core.models import DEFAULT_ACCOUNT_ID

    options = {"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": url}}
    bucket = f"bench-{uuid.uuid4().hex[:8]}"
    backend = get_backend("s3")[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket(bucket, "us-east-1")

    def put(path: str, data: bytes) -> None:
        backend.put_object(bucket, f"checkpoints/{path}", data)

    def age(path: str, seconds: float) -> None:
        stored = backend.get_object(bucket, f"checkpoints/{path}")
        assert stored is not None, path
        stored.last_modified -= timedelta(seconds=seconds)

    return Place("S3 (moto)", f"s3://{bucket}/checkpoints", put, age, options)


class _Index(list[str]):
    """The names of a bucket's objects, sorted."""

    def note(self, name: str) -> None:
        """Add a name, once."""
        place = bisect.bisect_left(self, name)
        if self[place : place + 1] != [name]:
            self.insert(place, name)

    def below(self, prefix: str) -> Iterator[str]:
        """Give the names that start so."""
        for place in range(bisect.bisect_left(self, prefix), len(self)):
            if not self[place].startswith(prefix):
                return
            yield self[place]


@contextlib.contextmanager
def _indexed_listings() -> Iterator[None]:
    """Let moto list by an index, as S3 does; its own listing looks at every object of the bucket."""
    from moto.s3.models import S3Backend

    index, put, delete, real = _Index(), S3Backend.put_object, S3Backend.delete_object, S3Backend.list_objects

    def put_object(backend: Any, bucket: str, name: str, *more: Any, **options: Any) -> Any:
        index.note(name)
        return put(backend, bucket, name, *more, **options)

    def delete_object(backend: Any, bucket: str, name: str, *more: Any, **options: Any) -> Any:
        answer = delete(backend, bucket, name, *more, **options)
        if name in index.below(name):
            index.remove(name)
        return answer

    def list_objects(backend: Any, bucket: Any, prefix: str | None, *more: Any, **options: Any) -> Any:
        found = {name: bucket.keys[name] for name in index.below(prefix or "")}
        part = types.SimpleNamespace(keys=found)
        return real(backend, part, prefix, *more, **options)  # type: ignore[arg-type]  # it asks for nothing else

    changed = {"put_object": put_object, "delete_object": delete_object, "list_objects": list_objects}
    with mock.patch.multiple(S3Backend, **changed):  # type: ignore[call-overload]  # it takes any names
        yield
