"""A checkpoint store in Redis: an example of a custom store.

Each object is a hash of its content and of the time at which *Redis* stored it; one sorted set keeps all names, so that
a directory is one range of it. A script is one step for Redis, which makes ``create`` exclusive and whole at once.

Redis keeps data reliably only if it writes its log before it answers: ``appendonly yes``, ``appendfsync always``.
"""

from __future__ import annotations

from typing import Any

from airflow_spark_pipeline.checkpoint.stores.base import (
    CheckpointStore,
    ObjectExistsError,
    ObjectNotFoundError,
    StoredObject,
)
from airflow_spark_pipeline.exceptions import CheckpointStoreError

_PUT = """
if ARGV[1] == 'create' and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local now = redis.call('TIME')
redis.call('HSET', KEYS[1], 'data', ARGV[2], 'modified', now[1] .. '.' .. string.format('%06d', now[2]))
redis.call('ZADD', KEYS[2], 0, ARGV[3])
return 1
"""


class RedisStore(CheckpointStore):
    """Run logs in Redis.

    :param location: the checkpoint location; outputs are saved there, commits are not
    :param url: such as ``redis://host:6379/0``; better from the environment than in the file
    :param prefix: the prefix of all keys
    """

    def __init__(self, location: str, url: str, prefix: str = "spark-pipeline") -> None:
        super().__init__(location)
        import redis

        # Redis opens a connection when one is needed, in each thread and after a fork.
        self._redis = redis.Redis.from_url(url, socket_timeout=10)
        self._errors = redis.RedisError
        self._prefix = prefix
        self._names = f"{prefix}:names"

    def list_objects(self, directory: str) -> list[StoredObject]:
        names = [name for name in self._below(directory) if "/" not in name]
        with self._redis.pipeline() as pipe:
            for name in names:
                pipe.hget(self._key(f"{directory}/{name}"), "modified")
            times = self._ask(pipe.execute)
        # An object that was deleted between the two questions has no time any more.
        return [StoredObject(name, float(time)) for name, time in zip(names, times, strict=True) if time is not None]

    def list_directories(self, directory: str) -> list[str]:
        return sorted({name.partition("/")[0] for name in self._below(directory) if "/" in name})

    def read(self, path: str) -> bytes:
        data: bytes | None = self._ask(self._redis.hget, self._key(path), "data")
        if data is None:
            raise ObjectNotFoundError(f"{self.describe(path)} does not exist", path=path)
        return data

    def create(self, path: str, data: bytes) -> None:
        if not self._put("create", path, data):
            raise ObjectExistsError(f"{self.describe(path)} exists already", path=path)

    def write(self, path: str, data: bytes) -> None:
        self._put("write", path, data)

    def delete(self, path: str) -> None:
        with self._redis.pipeline() as pipe:  # a transaction: both or none
            pipe.delete(self._key(path))
            pipe.zrem(self._names, path)
            self._ask(pipe.execute)

    def delete_tree(self, directory: str) -> None:
        for name in self._below(directory):
            self.delete(f"{directory}/{name}")

    def describe(self, path: str) -> str:
        return f"Redis key {self._key(path)}"

    def _below(self, directory: str) -> list[str]:
        """Return the names of all objects below a directory, relative to it."""
        start = f"{directory}/" if directory else ""
        end = f"{directory}0".encode() if directory else b"\xff"  # "0" follows "/"
        found = self._ask(self._redis.zrangebylex, self._names, b"[" + start.encode(), b"(" + end)
        return [name.decode().removeprefix(start) for name in found]

    def _put(self, how: str, path: str, data: bytes) -> bool:
        return bool(self._ask(self._redis.eval, _PUT, 2, self._key(path), self._names, how, data, path))

    def _key(self, path: str) -> str:
        return f"{self._prefix}:{path}"

    def _ask(self, question: Any, *arguments: Any) -> Any:
        try:
            return question(*arguments)
        except self._errors as error:
            # Redis is restarting, unreachable or full. The log retries transient errors for a while.
            raise CheckpointStoreError(f"Redis: {type(error).__name__}: {error}") from error
